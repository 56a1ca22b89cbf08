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

/// How long one that was closed since the command may yet be another's, where others are held.
const SOON: Duration = Duration::from_millis(500);

/// A client that uploads nothing may have closed its connection by the time its command is read: so long before.
const JUST_ENDED: Duration = Duration::from_secs(1);

/// What a transfer that waits for its connection does.
#[derive(Debug)]
pub(in crate::passive) enum Choice {
    /// It takes this one.
    This(u64),
    /// It waits for another one, or for one of these to show more, and is asked again at this time.
    Wait(Option<Instant>),
    /// It fails, since one of these was meant.
    Refuse(ConnectError, Vec<u64>),
}

/// Chooses among those that are held, which are in the order they came. `strict`: none without a proof.
pub(super) fn choose(held: &[&Entry], engaged: Engaged, strict: bool, now: Instant) -> Choice {
    let until = |entry: &Entry| entry.came.clamp(engaged.at, engaged.at + DOUBT) + DOUBT;
    let is_awaited = |entry: &&Entry| entry.proof == Proof::Awaited && now < until(entry);
    let deadlines = held.iter().copied().filter(is_awaited).map(until).chain([engaged.at + DOUBT]);
    let question = Question { engaged, now, again: deadlines.filter(|until| now < *until).min() };
    let of = |kind: &dyn Fn(&&Entry) -> bool| held.iter().copied().filter(kind).collect::<Vec<&Entry>>();
    let hopeful = of(&|entry| entry.proof == Proof::Given || is_awaited(entry));
    if let Some(choice) = question.among(&hopeful) {
        return choice;
    }
    let unproven = of(&|entry| entry.proof == Proof::Missing);
    // Some clients begin the handshake of an upload only when they have something to send.
    let slow =
        engaged.direction == Direction::Upload && held.iter().any(|entry| entry.proof == Proof::Awaited);
    if strict && question.is_late() && !slow && !unproven.is_empty() {
        let meant = unproven.iter().map(|entry| entry.id).collect();
        return Choice::Refuse(ConnectError::NotResumed, meant);
    }
    let speaks = unproven.iter().any(|entry| entry.said == Said::Something);
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
            // It says at once that it only wants to receive.
            Direction::Download => ended.last().map(|last| Choice::This(last.id)),
            Direction::Upload if !usable.is_empty() => Some(self.by_bytes(&usable, &ended)),
            Direction::Upload => self.nothing(&ended, false),
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
        } else if others.clone().count() > 0 {
            let meant = others.chain([last]).map(|entry| entry.id).collect();
            Choice::Refuse(ConnectError::Ambiguous, meant)
        } else {
            Choice::This(last.id)
        }
    }

    /// The one that has sent something: who wants a session waits for the greeting. Where none has for long, it
    /// is one that was closed, else it goes by the order.
    fn by_bytes(&self, usable: &[&Entry], ended: &[&Entry]) -> Choice {
        if let Some(speaker) = usable.iter().find(|entry| entry.said == Said::Something) {
            return Choice::This(speaker.id);
        }
        if let Some(choice) = self.nothing(ended, true) {
            return choice;
        }
        let before = usable.iter().rfind(|entry| entry.came <= self.engaged.at);
        match before.unwrap_or(&usable[0]) {
            silent if self.is_late() && silent.proof != Proof::Awaited => Choice::This(silent.id),
            _ => Choice::Wait(self.again),
        }
    }

    /// One that was closed on the client's side, if it uploads nothing: soon, where `others` are held that may yet
    /// say something. One that was closed right before the command was read may be the one, if no other comes.
    fn nothing(&self, ended: &[&Entry], others: bool) -> Option<Choice> {
        let since = self.engaged.at.checked_sub(JUST_ENDED)?;
        let ends = ended.iter().filter_map(|entry| match entry.said {
            Said::Ended(at) if at >= since => Some((at >= self.engaged.at, at, entry.id)),
            _ => None,
        });
        let (behind, at, id) = ends.max_by_key(|(behind, ..)| *behind)?;
        let from = match behind {
            true if others => at + SOON,
            true => at,
            false => self.engaged.at + DOUBT,
        };
        let again = self.again.into_iter().chain([from]).min();
        Some(if self.now >= from { Choice::This(id) } else { Choice::Wait(again) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::watch;

    /// One that came, says this, and shows that; times are in milliseconds, the command comes at 1,000.
    fn entry(id: u64, came: u64, proof: Proof, said: Said) -> Entry {
        let came = zero() + Duration::from_millis(came);
        let verdict = watch::channel(super::super::Verdict::Wait(None)).0;
        Entry { id, came, proof, said, verdict }
    }

    fn zero() -> Instant {
        static ZERO: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        *ZERO.get_or_init(|| Instant::now() + Duration::from_secs(10))
    }

    fn ask(direction: Direction, strict: bool, now: u64, held: &[Entry]) -> String {
        let engaged = Engaged { at: zero() + Duration::from_millis(1_000), direction };
        let held: Vec<&Entry> = held.iter().collect();
        match choose(&held, engaged, strict, zero() + Duration::from_millis(now)) {
            Choice::This(id) => format!("{id}"),
            Choice::Wait(None) => "wait".to_owned(),
            Choice::Wait(Some(at)) => format!("wait until {}", at.duration_since(zero()).as_millis()),
            Choice::Refuse(why, meant) => match why {
                ConnectError::NotResumed => format!("not resumed {meant:?}"),
                _ => format!("ambiguous {meant:?}"),
            },
        }
    }

    const G: Proof = Proof::Given;
    const A: Proof = Proof::Awaited;
    const M: Proof = Proof::Missing;
    const QUIET: Said = Said::Nothing;
    const SPOKE: Said = Said::Something;

    fn ended(at: u64) -> Said {
        Said::Ended(zero() + Duration::from_millis(at))
    }

    #[test]
    fn a_download_takes_the_last_before_the_command_then_the_first_behind_it() {
        let down = |now, held: &[Entry]| ask(Direction::Download, false, now, held);
        assert_eq!(down(1_000, &[entry(1, 900, G, QUIET), entry(2, 990, G, QUIET)]), "2");
        assert_eq!(down(1_200, &[entry(1, 990, G, QUIET), entry(2, 1_100, G, QUIET)]), "1");
        assert_eq!(down(1_200, &[entry(1, 1_100, G, QUIET), entry(2, 1_200, G, QUIET)]), "1");
        assert_eq!(down(1_000, &[entry(1, 950, G, QUIET), entry(2, 990, G, QUIET)]), "ambiguous [1, 2]");
        // Far older ones are not meant.
        let three = [entry(1, 100, G, QUIET), entry(2, 950, G, QUIET), entry(3, 990, G, QUIET)];
        assert_eq!(down(1_000, &three), "ambiguous [2, 3]");
        assert_eq!(down(1_000, &[]), "wait until 4000");
        // One that only receives may say at once that it sends nothing.
        assert_eq!(down(1_000, &[entry(1, 990, G, ended(995))]), "1");
    }

    #[test]
    fn what_has_proved_itself_comes_first_and_what_may_is_waited_for() {
        let down = |now, held: &[Entry]| ask(Direction::Download, false, now, held);
        assert_eq!(down(1_000, &[entry(1, 500, G, QUIET), entry(2, 990, M, QUIET)]), "1");
        assert_eq!(down(1_000, &[entry(1, 500, G, QUIET), entry(2, 990, A, QUIET)]), "wait until 4000");
        assert_eq!(down(1_000, &[entry(1, 990, G, QUIET), entry(2, 1_200, A, QUIET)]), "1");
        assert_eq!(down(4_000, &[entry(1, 500, G, QUIET), entry(2, 990, A, QUIET)]), "1");
        assert_eq!(down(1_000, &[entry(1, 990, M, QUIET), entry(2, 500, A, QUIET)]), "wait until 4000");
        assert_eq!(down(4_000, &[entry(1, 990, M, QUIET), entry(2, 500, A, QUIET)]), "1");
        // It came late, and has its three seconds all the same, though not more and more of them.
        assert_eq!(down(5_000, &[entry(1, 990, M, QUIET), entry(2, 3_000, A, QUIET)]), "wait until 6000");
        assert_eq!(down(7_000, &[entry(1, 990, M, QUIET), entry(2, 6_900, A, QUIET)]), "1");
    }

    #[test]
    fn where_it_must_resume_nothing_else_is_taken() {
        for direction in [Direction::Download, Direction::Upload] {
            let strict = |now, held: &[Entry]| ask(direction, true, now, held);
            assert_eq!(strict(1_000, &[entry(1, 990, M, SPOKE)]), "wait until 4000");
            assert_eq!(strict(4_000, &[entry(1, 990, M, SPOKE)]), "not resumed [1]");
        }
        // An upload whose source is slow has not begun its handshake yet.
        let held = [entry(1, 500, M, QUIET), entry(2, 990, A, QUIET)];
        assert_eq!(ask(Direction::Upload, true, 5_000, &held), "wait");
    }

    #[test]
    fn an_upload_takes_the_one_that_speaks_then_the_one_that_ended_then_a_silent_one() {
        let up = |now, held: &[Entry]| ask(Direction::Upload, false, now, held);
        assert_eq!(up(1_000, &[entry(1, 500, G, SPOKE), entry(2, 990, G, QUIET)]), "1");
        assert_eq!(up(1_000, &[entry(1, 500, G, QUIET), entry(2, 990, M, SPOKE)]), "wait until 4000");
        assert_eq!(up(1_000, &[entry(1, 500, M, QUIET), entry(2, 990, M, SPOKE)]), "2");
        assert_eq!(up(1_100, &[entry(1, 990, G, ended(1_050))]), "1");
        assert_eq!(up(1_100, &[entry(1, 990, G, ended(1_050)), entry(2, 995, G, QUIET)]), "wait until 1550");
        assert_eq!(up(1_550, &[entry(1, 990, G, ended(1_050)), entry(2, 995, G, QUIET)]), "1");
        assert_eq!(up(1_550, &[entry(1, 990, G, ended(1_050)), entry(2, 995, G, SPOKE)]), "2");
        assert_eq!(up(1_100, &[entry(1, 980, G, ended(1_060)), entry(2, 990, G, ended(1_050))]), "2");
        // It was closed before the command was read: by then only another one that speaks may be meant.
        assert_eq!(up(1_100, &[entry(1, 700, G, ended(800)), entry(2, 995, M, SPOKE)]), "wait until 4000");
        assert_eq!(up(4_000, &[entry(1, 700, G, ended(800))]), "1");
        assert_eq!(up(4_000, &[entry(1, 700, G, QUIET), entry(2, 1_995, G, QUIET)]), "1");
        // Some begin the handshake only when they have something to send.
        assert_eq!(up(5_000, &[entry(1, 700, M, QUIET), entry(2, 990, A, QUIET)]), "wait");
        assert_eq!(up(5_000, &[entry(1, 700, M, SPOKE), entry(2, 990, A, QUIET)]), "1");
    }
}
