//! `MKD`: makes a directory (RFC 959 §4.1.3).

use crate::server::effect::{Effect, Outcome, Storage};
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let path = session.login.path(argument)?;
    let effect = Effect::Storage(Storage::MakeDirectory(path.clone()));
    let then = move |_: &mut Session, outcome| {
        Step::Reply(match outcome {
            Outcome::Done => replies::path_name(&path, "made"),
            outcome => replies::other(&outcome),
        })
    };
    Ok(Step::Start(effect, Box::new(then)))
}
