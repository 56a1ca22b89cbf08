//! `MODE`: transfer mode (RFC 959 §4.1.2, draft-preston-ftpext-deflate).

use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use portolan_wire::parameters::Mode;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    session.parameters.mode = match Mode::parse(argument).map_err(replies::parameter)? {
        Mode::Deflate(_) => Mode::Deflate(session.deflate),
        mode @ (Mode::Stream | Mode::Block) => mode,
    };
    Ok(Step::Reply(replies::okay("Mode set")))
}
