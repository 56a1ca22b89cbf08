//! `APPE`: receives at the end of a file (RFC 959 §4.1.3).

use crate::server::effect::Open;
use crate::server::session::{Answer, Session};

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let path = session.login.path(argument)?;
    session.transfer_of(Open::Append { path, parameters: session.parameters })
}
