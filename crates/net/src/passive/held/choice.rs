//! Which of the connections that are held is the one that a transfer waits for.
//!
//! A connection that has proved to be its client's comes before one that has not, and one whose handshake runs may
//! still prove it. Among those it is the bytes that decide, where the client sends some, else the order: a client
//! opens its data connection right before it says what it wants to transfer.

use super::{AT_ONCE, Entry, Proof, Said};
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
    let until = |entry: &Entry| entry.came.max(engaged.at) + DOUBT;
    let is_awaited = |entry: &&Entry| entry.proof == Proof::Awaited && now < until(entry);
    let deadlines = held.iter().copied().filter(is_awaited).map(until).chain([engaged.at + DOUBT]);
    let question = Question { engaged, now, again: deadlines.filter(|until| now < *until).min() };
    let of = |kind: &dyn Fn(&&Entry) -> bool| held.iter().copied().filter(kind).collect::<Vec<&Entry>>();
    let hopeful = of(&|entry| entry.proof == Proof::Given || is_awaited(entry));
    if let Some(choice) = question.among(&hopeful) {
        return choice;
    }
    let unproven = of(&|entry| entry.proof == Proof::Missing);
    if strict && question.is_late() && !unproven.is_empty() {
        return Choice::Refuse(ConnectError::NotResumed);
    }
    // Some clients begin the handshake of an upload only when they have something to send.
    let speaks = unproven.iter().any(|entry| entry.said == Said::Something);
    let slow =
        engaged.direction == Direction::Upload && held.iter().any(|entry| entry.proof == Proof::Awaited);
    let choice = question.among(&unproven).filter(|_| !strict && (speaks || !slow));
    choice.unwrap_or(Choice::Wait(question.again))
}

/// What a transfer asks.
struct Question {
    engaged: Engaged,
    now: Instant,
    /// When to ask next.
    again: Option<Instant>,
}

impl Question {
    /// True when who could have said more would have.
    fn is_late(&self) -> bool {
        self.now >= self.engaged.at + DOUBT
    }

    /// Chooses among those that have shown as much as each other; nothing where none of them can be the one.
    fn among(&self, candidates: &[&Entry]) -> Option<Choice> {
        let (ended, usable): (Vec<&Entry>, Vec<&Entry>) =
            candidates.iter().partition(|entry| entry.has_ended());
        match self.engaged.direction {
            Direction::Download if !usable.is_empty() => Some(self.by_order(&usable)),
            Direction::Upload if !usable.is_empty() => Some(self.by_bytes(&usable)),
            // It says at once that it only wants to receive.
            Direction::Download => ended.last().map(|last| Choice::This(last.id)),
            Direction::Upload => self.nothing(&ended),
        }
    }

    /// The last that came before the command, if it is clear that it is the one that is meant; else the first
    /// behind it.
    fn by_order(&self, usable: &[&Entry]) -> Choice {
        let before = &usable[..usable.partition_point(|entry| entry.came <= self.engaged.at)];
        let last = before.last().unwrap_or(&usable[0]);
        let at_once = |entry: &&&Entry| last.came.duration_since(entry.came) < AT_ONCE;
        let others = before.iter().rev().skip(1).take_while(at_once);
        if others.clone().chain([last]).any(|entry| entry.proof == Proof::Awaited) {
            Choice::Wait(self.again)
        } else if others.count() > 0 {
            Choice::Refuse(ConnectError::Ambiguous)
        } else {
            Choice::This(last.id)
        }
    }

    /// The one that has sent something: who wants a session waits for the greeting. Where none has for long, it
    /// goes by the order.
    fn by_bytes(&self, usable: &[&Entry]) -> Choice {
        if let Some(speaker) = usable.iter().find(|entry| entry.said == Said::Something) {
            return Choice::This(speaker.id);
        }
        let before = usable.iter().rfind(|entry| entry.came <= self.engaged.at);
        match before.unwrap_or(&usable[0]) {
            silent if self.is_late() && silent.proof != Proof::Awaited => Choice::This(silent.id),
            _ => Choice::Wait(self.again),
        }
    }

    /// One that was closed on the client's side, if it uploads nothing. One that was closed right before the
    /// command was read may be the one, if no other comes.
    fn nothing(&self, ended: &[&Entry]) -> Option<Choice> {
        let last = |since: Instant| {
            let fits = |entry: &&&Entry| matches!(entry.said, Said::Ended(at) if at >= since);
            ended.iter().rev().find(fits)
        };
        match (last(self.engaged.at), last(self.engaged.at.checked_sub(JUST_ENDED)?)) {
            (Some(entry), _) => Some(Choice::This(entry.id)),
            (None, Some(entry)) if self.is_late() => Some(Choice::This(entry.id)),
            (None, Some(_)) => Some(Choice::Wait(self.again)),
            (None, None) => None,
        }
    }
}
