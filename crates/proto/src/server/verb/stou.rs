//! `STOU`: receives a file under a name that is not taken; 150 says which (RFC 1123 §4.1.2.9).

use crate::server::effect::Open;
use crate::server::session::{Answer, Session};

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let path = session.login.path(if argument.is_empty() { b"file" } else { argument })?;
    session.transfer_of(Open::StoreUnique { path, parameters: session.parameters })
}
