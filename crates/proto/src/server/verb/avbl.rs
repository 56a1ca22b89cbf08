//! `AVBL`: bytes that can still be stored (draft-peterson-streamlined-ftp-command-extensions).

use crate::server::effect::{Effect, Outcome, Storage};
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let path = session.login.path_or_here(argument)?;
    let then = |_: &mut Session, outcome| {
        Step::Reply(match outcome {
            Outcome::Number(number) => replies::number(number),
            outcome => replies::other(&outcome),
        })
    };
    Ok(Step::Start(Effect::Storage(Storage::Space(path)), Box::new(then)))
}
