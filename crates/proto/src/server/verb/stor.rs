//! `STOR`: receives a file (RFC 959 §4.1.3); after `REST`, from there on (RFC 3659 §5).

use crate::server::effect::Open;
use crate::server::session::{Answer, Session};

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let path = session.login.path(argument)?;
    let parameters = session.parameters;
    let open = match session.take_restart(true)? {
        0 => Open::Store { path, parameters },
        offset => Open::Resume { path, offset, parameters },
    };
    session.transfer_of(open)
}
