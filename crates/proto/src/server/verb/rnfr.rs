//! `RNFR`: the old name of what is to be renamed (RFC 959 §4.1.3).

use crate::server::effect::{Effect, Outcome, Storage};
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    session.rename_from = None;
    let path = session.login.path(argument)?;
    if path.is_root() {
        return Err(replies::not_the_root());
    }
    let effect = Effect::Storage(Storage::DescribeLink(path.clone()));
    let then = move |session: &mut Session, outcome| {
        Step::Reply(match outcome {
            Outcome::Described(_) => {
                session.rename_from = Some(path);
                replies::rename_to_next()
            }
            outcome => replies::other(&outcome),
        })
    };
    Ok(Step::Start(effect, Box::new(then)))
}
