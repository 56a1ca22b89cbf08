//! `MLST`: describes one object on the control connection (RFC 3659 §7).

use crate::server::effect::{Effect, Outcome, Storage};
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use portolan_wire::facts::write_facts;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let path = session.login.path_or_here(argument)?;
    let effect = Effect::Storage(Storage::Describe(path.clone()));
    let then = move |session: &mut Session, outcome| {
        Step::Reply(match outcome {
            Outcome::Described(entry) => {
                let mut line = Vec::new();
                write_facts(&entry, session.facts, &mut line);
                line.extend_from_slice(path.as_bytes());
                replies::one_listing(line)
            }
            outcome => replies::other(&outcome),
        })
    };
    Ok(Step::Start(effect, Box::new(then)))
}
