//! `REIN`: logs out and keeps the connection (RFC 959 §4.1.1).

use crate::server::replies;
use crate::server::session::{Answer, Session, Step};

pub(crate) fn run(session: &mut Session, _: &[u8]) -> Answer {
    session.reset();
    Ok(Step::Reply(replies::reinitialised()))
}
