//! `RETR`: sends a file (RFC 959 §4.1.3, RFC 3659 §5).

use crate::server::effect::Open;
use crate::server::session::{Answer, Session};

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let path = session.login.path(argument)?;
    let offset = session.take_restart(false)?;
    session.transfer_of(Open::Retrieve { path, offset, parameters: session.parameters })
}
