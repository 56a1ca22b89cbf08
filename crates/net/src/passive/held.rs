//! Connections to a control port that are held back, until it shows whether they are data connections.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Connections of one peer to one port that are held at most.
const HELD: usize = 64;

/// A client that does several things at once may open connections in any order within this time; what comes
/// later comes after it has seen what the earlier ones led to.
const AT_ONCE: Duration = Duration::from_millis(50);

/// A client that uploads nothing may have closed its connection by the time its command is read: so long before.
const JUST_ENDED: Duration = Duration::from_secs(1);

/// What is known of a connection that is held.
#[derive(Debug, Clone)]
pub(super) enum Verdict {
    /// Nothing yet.
    Wait,
    /// It is a data connection if it is the first that sends something: a control connection waits for its
    /// greeting. When nobody has until this time, [`call_silent`](Held::call_silent) decides.
    IfItSpeaks(Instant),
    /// It was one of several that could have been meant, and the transfer was refused: the client closes the
    /// one that was, and then the token is cancelled.
    Refused(CancellationToken),
    /// It is a data connection.
    Data,
    /// It is not.
    Control,
}

/// A connection that is held, as its keeper sees it.
#[derive(Debug)]
pub(super) struct Holding {
    pub(super) id: u64,
    pub(super) verdict: watch::Receiver<Verdict>,
}

/// Connections that are held, by peer and port, in the order they came. Each hears what it is.
#[derive(Debug, Default)]
pub(super) struct Held {
    waiting: HashMap<(IpAddr, u16), VecDeque<Entry>>,
    next_id: u64,
    /// When the last two control connections of a peer came.
    recent: HashMap<IpAddr, [Option<Instant>; 2]>,
}

/// Peers that are remembered before those are forgotten that have been quiet.
const REMEMBERED: usize = 1024;

#[derive(Debug)]
struct Entry {
    id: u64,
    came: Instant,
    /// When the client closed it, without having sent anything: it may have been an upload of nothing.
    ended: Option<Instant>,
    verdict: watch::Sender<Verdict>,
}

impl Entry {
    fn is_usable(&self) -> bool {
        self.ended.is_none() && !self.verdict.is_closed()
    }
}

impl Held {
    /// Holds one more; nothing for one too many.
    pub(super) fn push(&mut self, peer: IpAddr, port: u16, now: Instant) -> Option<Holding> {
        let held = self.waiting.entry((peer, port)).or_default();
        held.retain(|entry| !entry.verdict.is_closed());
        if held.len() >= HELD {
            // The oldest wants a session, most likely.
            held.pop_front()?.verdict.send_replace(Verdict::Control);
        }
        self.next_id += 1;
        let (sender, verdict) = watch::channel(Verdict::Wait);
        held.push_back(Entry { id: self.next_id, came: now, ended: None, verdict: sender });
        Some(Holding { id: self.next_id, verdict })
    }

    /// True when something is held for this place.
    pub(super) fn has(&self, peer: IpAddr, port: u16) -> bool {
        self.waiting.get(&(peer, port)).is_some_and(|held| held.iter().any(Entry::is_usable))
    }

    /// Holds this one no longer; false when it was not held any more.
    pub(super) fn remove(&mut self, peer: IpAddr, port: u16, id: u64) -> bool {
        let Some(held) = self.waiting.get_mut(&(peer, port)) else { return false };
        let before = held.len();
        held.retain(|entry| entry.id != id);
        held.len() < before
    }

    /// Notes that a control connection came.
    pub(super) fn note_control(&mut self, peer: IpAddr, now: Instant) {
        if self.recent.len() > REMEMBERED {
            self.recent.retain(|_, [last, _]| last.is_some_and(|last| now < last + AT_ONCE));
        }
        let recent = self.recent.entry(peer).or_default();
        *recent = [Some(now), recent[0]];
    }

    /// How long a peer should be quiet yet that has opened several sessions just now: it may open more.
    pub(super) fn unrest(&self, peer: IpAddr, now: Instant) -> Option<Duration> {
        let [last, before] = self.recent.get(&peer)?.map(|at| at.map(|at| at + AT_ONCE));
        before.filter(|until| now < *until)?;
        Some(last?.duration_since(now))
    }

    /// The last, if it is clear that it is the one that is meant: a client opens its data connection right
    /// before it says what it wants to transfer. False when another came at the same time.
    pub(super) fn is_clear(&self, peer: IpAddr, port: u16) -> bool {
        let Some(held) = self.waiting.get(&(peer, port)) else { return true };
        let mut latest = held.iter().rev().filter(|entry| entry.is_usable()).map(|entry| entry.came);
        let (Some(last), Some(before)) = (latest.next(), latest.next()) else { return true };
        last.duration_since(before) >= AT_ONCE
    }

    /// The last is a data connection, and the others are not; false when none is held. One that was closed on
    /// the client's side counts where there is no other.
    pub(super) fn call_last(&mut self, peer: IpAddr, port: u16) -> bool {
        let last = self.waiting.get(&(peer, port)).and_then(|held| {
            let open = held.iter().filter(|entry| !entry.verdict.is_closed());
            open.max_by_key(|entry| (entry.is_usable(), entry.came, entry.id)).map(|entry| entry.id)
        });
        last.is_some_and(|id| self.call(peer, port, id))
    }

    /// An upload that began at `engaged` sends nothing: says which connection is its own all the same. The last
    /// that came before it, else the first behind it; and one that was closed, if nothing else is held.
    pub(super) fn call_silent(&mut self, peer: IpAddr, port: u16, engaged: Instant) -> bool {
        let Some(held) = self.waiting.get(&(peer, port)) else { return false };
        let usable = || held.iter().filter(|entry| entry.is_usable());
        let before = usable().rfind(|entry| entry.came <= engaged);
        let ended = || {
            let ended = |entry: &&Entry| entry.ended.is_some_and(|ended| ended + JUST_ENDED >= engaged);
            held.iter().rfind(ended)
        };
        let id = before.or_else(|| usable().next()).or_else(ended).map(|entry| entry.id);
        id.is_some_and(|id| self.call(peer, port, id))
    }

    /// This one is a data connection, and the others are not; false when it is not held any more.
    pub(super) fn call(&mut self, peer: IpAddr, port: u16, id: u64) -> bool {
        let Some(held) = self.waiting.get_mut(&(peer, port)) else { return false };
        let Some(at) = held.iter().position(|entry| entry.id == id) else { return false };
        let called = held.remove(at).is_some_and(|entry| entry.verdict.send(Verdict::Data).is_ok());
        if called {
            self.free(peer, port);
        }
        called
    }

    /// The client has closed this one.
    pub(super) fn note_ended(&mut self, peer: IpAddr, port: u16, id: u64, now: Instant) {
        let held = self.waiting.get_mut(&(peer, port)).into_iter().flatten();
        held.filter(|entry| entry.id == id).for_each(|entry| entry.ended = Some(now));
    }

    /// Whoever speaks first, until then, is a data connection.
    pub(super) fn listen(&mut self, peer: IpAddr, port: u16, until: Instant) {
        for entry in self.waiting.get(&(peer, port)).into_iter().flatten() {
            entry.verdict.send_replace(Verdict::IfItSpeaks(until));
        }
    }

    /// One of them was meant, and nobody knows which.
    pub(super) fn refuse(&mut self, peer: IpAddr, port: u16) {
        let closed = CancellationToken::new();
        for entry in self.waiting.remove(&(peer, port)).into_iter().flatten() {
            entry.verdict.send_replace(Verdict::Refused(closed.clone()));
        }
    }

    /// What is held while a place waits, and is not its connection, is a control connection: no other place
    /// of this peer waited meanwhile.
    pub(super) fn free(&mut self, peer: IpAddr, port: u16) {
        for entry in self.waiting.remove(&(peer, port)).into_iter().flatten() {
            entry.verdict.send_replace(Verdict::Control);
        }
    }
}
