//! `HASH`: checksum of a file by the algorithm that `OPTS HASH` chose (draft-bryan-ftpext-hash).

use crate::server::effect::{Effect, Outcome, Storage};
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use portolan_wire::hash::Algorithm;
use portolan_wire::{Reply, VirtualPath};
use std::ops::Range;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let path = session.login.path(argument)?;
    let (algorithm, name) = (session.hash, argument.to_vec());
    Ok(of_file(path, algorithm, 0..u64::MAX, move |text, range| replies::hash(algorithm, range, text, &name)))
}

/// Reads a file and replies with its checksum.
pub(super) fn of_file(
    path: VirtualPath,
    algorithm: Algorithm,
    range: Range<u64>,
    reply: impl FnOnce(&str, &Range<u64>) -> Reply + Send + 'static,
) -> Step {
    let then = move |_: &mut Session, outcome| {
        Step::Reply(match outcome {
            Outcome::Digest { text, range } => reply(&text, &range),
            outcome => replies::other(&outcome),
        })
    };
    Step::Start(Effect::Storage(Storage::Digest { path, algorithm, range }), Box::new(then))
}

/// `"path" [start [end]]` of `XCRC` and its kin. Without quotes all of it is the path.
pub(super) fn of_range(session: &Session, argument: &[u8], algorithm: Algorithm) -> Answer {
    let (name, rest) = match super::unquote(argument) {
        Some((name, rest)) => (name, rest),
        None => (argument.to_vec(), &b""[..]),
    };
    let path = session.login.path(&name)?;
    let bad = || replies::bad_argument("XCRC \"path\" [start [end]]");
    let text = std::str::from_utf8(rest).map_err(|_| bad())?;
    let numbers = text.split_ascii_whitespace().map(str::parse).collect::<Result<Vec<u64>, _>>();
    let range = match numbers.map_err(|_| bad())?[..] {
        [] => 0..u64::MAX,
        [start] => start..u64::MAX,
        [start, end] if start <= end => start..end,
        _ => return Err(bad()),
    };
    Ok(of_file(path, algorithm, range, |text, _| replies::digest(text)))
}
