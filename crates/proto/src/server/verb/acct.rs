//! `ACCT`: no account is ever asked for (RFC 959 §4.1.1).

use crate::server::replies;
use crate::server::session::{Answer, Session, Step};

pub(crate) fn run(_: &mut Session, _: &[u8]) -> Answer {
    Ok(Step::Reply(replies::account_superfluous()))
}
