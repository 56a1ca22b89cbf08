//! `CLNT`: what client this is; noted by nobody.

use crate::server::replies;
use crate::server::session::{Answer, Session, Step};

pub(crate) fn run(_: &mut Session, _: &[u8]) -> Answer {
    Ok(Step::Reply(replies::okay("Noted")))
}
