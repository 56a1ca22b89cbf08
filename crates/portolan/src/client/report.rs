//! What the client says of errors, and with which exit code it ends.

use crate::Exit;
use portolan_client::{Error, Phase, Problem};
use std::fmt::Display;

/// The exit code of an error: see the help of the commands.
pub(super) fn code(error: &Error) -> u8 {
    match error {
        Error::Name { .. } | Error::Connect { .. } | Error::Proxy { .. } => 3,
        Error::Untrusted(_) | Error::Tls(_) => 5,
        Error::NotResumed(_) => 7,
        Error::Stalled(_) | Error::Truncated | Error::WrongSize { .. } | Error::Changed => 8,
        Error::Local(_) | Error::Charset(_) => 9,
        Error::Session(error) => match (error.phase, &error.problem) {
            (_, Problem::Tls(_) | Problem::Injected) => 5,
            (Phase::Greeting | Phase::Proxy, _) => 3,
            (Phase::Tls, _) => 5,
            (Phase::Login, _) => 4,
            (_, Problem::NoWay(_)) => 7,
            (_, Problem::Refused(reply)) if reply.number == 425 => 7,
            (_, Problem::Refused(_)) => 6,
            (_, Problem::Silent | Problem::Closed | Problem::Broken(_) | Problem::Data(_)) => 8,
            (_, Problem::Cancelled) => 8,
            _ => 1,
        },
        _ => 1,
    }
}

/// One that is about a place.
pub(super) fn at(place: &impl Display, error: &Error) -> Exit {
    Exit { message: format!("{place}: {error}"), code: code(error) }
}

/// What becomes of several things, each of which may fail: all errors are told at the end, where they are found. The exit
/// code is theirs, if they are all of one kind.
#[derive(Default)]
pub(super) struct Outcome(Vec<Exit>);

impl Outcome {
    pub(super) fn note(&mut self, done: Result<(), Exit>) {
        self.0.extend(done.err());
    }

    /// How many have failed.
    pub(super) fn failed(&self) -> usize {
        self.0.len()
    }

    pub(super) fn end(self) -> Result<(), Exit> {
        self.0.iter().for_each(Exit::tell);
        let Some(first) = self.0.first() else { return Ok(()) };
        let code = if self.0.iter().all(|exit| exit.code == first.code) { first.code } else { 1 };
        Err(Exit { message: String::new(), code })
    }
}
