//! `ABOR`: ends the running transfer with 426, then says 226 (RFC 959 §4.1.3).

use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use crate::server::transfer::CancelReason;

pub(crate) fn run(session: &mut Session, _: &[u8]) -> Answer {
    if session.is_transferring() {
        session.cancel_transfer(CancelReason::Abort);
        return Ok(Step::Later);
    }
    session.drop_data();
    Ok(Step::Reply(replies::nothing_to_abort()))
}
