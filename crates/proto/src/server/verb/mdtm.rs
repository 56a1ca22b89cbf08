//! `MDTM`: time of the last change, UTC (RFC 3659 §3).

use crate::server::effect::{Effect, Outcome, Storage};
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let path = session.login.path(argument)?;
    let then = |_: &mut Session, outcome| {
        Step::Reply(match outcome {
            Outcome::Described(entry) => replies::time(entry.modified),
            outcome => replies::other(&outcome),
        })
    };
    Ok(Step::Start(Effect::Storage(Storage::Describe(path)), Box::new(then)))
}
