//! `CSID`: what client and server these are (draft-peterson-streamlined-ftp-command-extensions).

use crate::server::replies;
use crate::server::session::{Answer, Session, Step};

pub(crate) fn run(_: &mut Session, _: &[u8]) -> Answer {
    Ok(Step::Reply(replies::identification()))
}
