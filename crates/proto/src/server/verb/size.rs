//! `SIZE`: bytes of a file as they would travel (RFC 3659 §4). Only where that is the length of the
//! file: to count line ends, all of it would have to be read.

use crate::server::effect::{Effect, Failure, Outcome, Storage};
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use portolan_wire::Kind;
use portolan_wire::parameters::{Parameters, Representation, Structure};

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let path = session.login.path(argument)?;
    let Parameters { representation, structure, .. } = session.parameters;
    if representation != Representation::Image || structure != Structure::File {
        return Err(replies::size_needs_image());
    }
    let then = |_: &mut Session, outcome| {
        Step::Reply(match outcome {
            Outcome::Described(entry) if entry.kind == Kind::File => replies::number(entry.size),
            Outcome::Described(_) => replies::failure(Failure::NotFile),
            outcome => replies::other(&outcome),
        })
    };
    Ok(Step::Start(Effect::Storage(Storage::Describe(path)), Box::new(then)))
}
