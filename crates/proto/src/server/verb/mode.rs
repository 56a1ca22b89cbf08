//! `MODE`: transfer mode (RFC 959 §4.1.2, draft-preston-ftpext-deflate).
//!
//! In block mode the data connection stays open after a transfer, and the next one goes over it.

use crate::server::data::DataSetup;
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use portolan_wire::parameters::Mode;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    session.parameters.mode = match Mode::parse(argument).map_err(replies::parameter)? {
        Mode::Deflate(_) => Mode::Deflate(session.deflate),
        mode @ (Mode::Stream | Mode::Block) => mode,
    };
    if session.data == DataSetup::Kept && session.parameters.mode != Mode::Block {
        // Only blocks say by themselves where a file ends.
        session.drop_data();
    }
    Ok(Step::Reply(replies::okay("Mode set")))
}
