//! `MFCT`: no storage here has a creation time that can be set (draft-somers-ftp-mfxx §4).

use crate::server::replies;
use crate::server::session::{Answer, Session, Step};

pub(crate) fn run(_: &mut Session, _: &[u8]) -> Answer {
    Ok(Step::Reply(replies::no_creation_time()))
}
