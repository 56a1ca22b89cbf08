//! `LANG`: English is the only language of replies (RFC 2640 §4).

use crate::server::replies;
use crate::server::session::{Answer, Session, Step};

pub(crate) fn run(_: &mut Session, argument: &[u8]) -> Answer {
    let primary = argument.split(|byte| *byte == b'-').next().unwrap_or_default();
    if !argument.is_empty() && !primary.eq_ignore_ascii_case(b"en") {
        return Err(replies::parameter_not_offered());
    }
    Ok(Step::Reply(replies::okay("Replies are in English")))
}
