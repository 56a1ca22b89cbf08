//! `CWD`: goes to a directory (RFC 959 §4.1.1).

use crate::server::effect::{Effect, Outcome, Storage};
use crate::server::login::Login;
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use portolan_wire::VirtualPath;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    enter(session.login.path(argument)?)
}

/// Makes `path` the working directory, if it is a directory.
pub(super) fn enter(path: VirtualPath) -> Answer {
    let effect = Effect::Storage(Storage::Enter(path.clone()));
    Ok(Step::Start(
        effect,
        Box::new(move |session, outcome| {
            Step::Reply(match (outcome, &mut session.login) {
                (Outcome::Done, Login::Somebody(somebody)) => {
                    somebody.directory = path;
                    replies::file_done("Directory changed")
                }
                (outcome, _) => replies::other(&outcome),
            })
        }),
    ))
}
