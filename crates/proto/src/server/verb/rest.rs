//! `REST`: where the next transfer begins. A byte offset, in block mode too, where the markers that
//! this server sends and confirms are offsets (RFC 959 §3.5, RFC 3659 §5).

use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use portolan_wire::Reply;
use portolan_wire::parameters::{Mode, Parameters, Representation, Structure};

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let digits = !argument.is_empty() && argument.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(argument).ok().filter(|_| digits).and_then(|text| text.parse().ok());
    // File offsets are signed on every system.
    let offset = number.filter(|offset| *offset <= i64::MAX as u64);
    session.restart = offset.ok_or_else(|| replies::bad_argument("REST offset in bytes"))?;
    Ok(Step::Reply(replies::restart_point(session.restart)))
}

impl Session {
    /// The restart point for the transfer that begins now. Offsets count bytes of the file, which means
    /// something to the peer where those are the bytes that travel; and in block mode for an upload,
    /// where this server has told them itself.
    pub(super) fn take_restart(&mut self, upload: bool) -> Result<u64, Reply> {
        let Parameters { representation, structure, mode } = self.parameters;
        let bytes = representation == Representation::Image && structure == Structure::File;
        match std::mem::take(&mut self.restart) {
            0 => Ok(0),
            offset if bytes || (upload && mode == Mode::Block) => Ok(offset),
            _ => Err(replies::restart_needs_image()),
        }
    }
}
