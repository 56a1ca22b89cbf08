//! Which of the connections that are held is the one that a transfer waits for.
//!
//! A connection that has proved to be its client's comes before one that has not, and one whose handshake runs may
//! still prove it. Among those it is the bytes that decide, where the client sends some, else the order: a client
//! opens its data connection right before it says what it wants to transfer.

use super::{AT_ONCE, Entry, Proof, Word};
use crate::passive::state::{Direction, Engaged};
use crate::stream::ConnectError;
use std::time::Duration;
use tokio::time::Instant;

/// How long, once a transfer has begun, a connection may leave open whether it is the one: by sending nothing
/// where the transfer is an upload (a source may have nothing to say for long), or by not ending its handshake.
const DOUBT: Duration = Duration::from_secs(3);

/// A client that uploads nothing may have closed its connection by the time its command is read: so long before.
const JUST_ENDED: Duration = Duration::from_secs(1);

/// What a transfer that waits for its connection does.
#[derive(Debug)]
pub(in crate::passive) enum Choice {
    /// It takes this one.
    This(u64),
    /// It waits for another one, or for one of these to show more, and is asked again at this time.
    Wait(Option<Instant>),
    /// It fails.
    Refuse(ConnectError),
}

/// Chooses among those that are held, which are in the order they came. `strict`: none without a proof.
pub(super) fn choose(held: &[&Entry], engaged: Engaged, strict: bool, now: Instant) -> Choice {
    let again = Some(engaged.at + DOUBT).filter(|until| now < *until);
    // Some clients begin the handshake of an upload only when they have something to send.
    let patient = again.is_some() || engaged.direction == Direction::Upload;
    let hopeful = |entry: &&Entry| match entry.proof {
        Proof::Given => true,
        Proof::Awaited => patient,
        Proof::Missing => false,
    };
    let is_unproven = |entry: &&Entry| entry.proof == Proof::Missing;
    let of = |kind: &dyn Fn(&&Entry) -> bool| held.iter().copied().filter(kind).collect::<Vec<&Entry>>();
    let (hopeful, unproven) = (of(&hopeful), of(&is_unproven));
    let choice = among(&hopeful, engaged, again);
    choice.unwrap_or_else(|| match (strict, again) {
        (true, None) if !unproven.is_empty() => Choice::Refuse(ConnectError::NotResumed),
        (true, _) => Choice::Wait(again),
        (false, _) => among(&unproven, engaged, again).unwrap_or(Choice::Wait(again)),
    })
}

/// Chooses among those that have shown as much as each other; nothing where none of them can be the one.
fn among(candidates: &[&Entry], engaged: Engaged, again: Option<Instant>) -> Option<Choice> {
    let (ended, usable): (Vec<&Entry>, Vec<&Entry>) = candidates.iter().partition(|entry| entry.has_ended());
    if usable.is_empty() {
        let all = ended.iter().rfind(|entry| may_be_all(entry, engaged, again))?;
        return Some(Choice::This(all.id));
    }
    Some(match engaged.direction {
        Direction::Download => by_order(&usable, again),
        Direction::Upload => by_bytes(&usable, engaged.at, again),
    })
}

/// The last, if it is clear that it is the one that is meant.
fn by_order(candidates: &[&Entry], again: Option<Instant>) -> Choice {
    let Some(last) = candidates.last() else { return Choice::Wait(again) };
    let at_once = |entry: &&&Entry| last.came.duration_since(entry.came) < AT_ONCE;
    let at_once: Vec<&&Entry> = candidates.iter().rev().take_while(at_once).collect();
    if at_once.iter().any(|entry| entry.proof == Proof::Awaited) {
        Choice::Wait(again)
    } else if at_once.len() > 1 {
        Choice::Refuse(ConnectError::Ambiguous)
    } else {
        Choice::This(last.id)
    }
}

/// The one that has sent something: who wants a session waits for the greeting. Where none has for long, the last
/// that came before the command, else the first behind it.
fn by_bytes(candidates: &[&Entry], engaged: Instant, again: Option<Instant>) -> Choice {
    if let Some(speaker) = candidates.iter().find(|entry| entry.word == Word::Something) {
        return Choice::This(speaker.id);
    }
    let before = candidates.iter().rfind(|entry| entry.came <= engaged);
    match before.or(candidates.first()) {
        Some(silent) if again.is_none() && silent.proof != Proof::Awaited => Choice::This(silent.id),
        _ => Choice::Wait(again),
    }
}

/// Whether a connection that was closed on the client's side is the one, where no other is held: the client has
/// nothing to send, or says so at once where it only wants to receive.
fn may_be_all(entry: &Entry, engaged: Engaged, again: Option<Instant>) -> bool {
    match (entry.word, engaged.direction) {
        (Word::Ended(at), Direction::Upload) if again.is_none() => at + JUST_ENDED >= engaged.at,
        (Word::Ended(at), Direction::Upload) => at >= engaged.at,
        (_, Direction::Upload) => false,
        (_, Direction::Download) => true,
    }
}
