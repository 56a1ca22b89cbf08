//! `SYST`: Unix, since that is how the listings look (RFC 959 §4.1.3).

use crate::server::replies;
use crate::server::session::{Answer, Session, Step};

pub(crate) fn run(_: &mut Session, _: &[u8]) -> Answer {
    Ok(Step::Reply(replies::system_type()))
}
