//! Connections to a control port that are held back, until it shows whether they are data connections.

mod choice;

use super::state::Engaged;
pub(super) use choice::Choice;
use std::collections::HashMap;
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

/// Peers that are remembered before those are forgotten that have been quiet.
const REMEMBERED: usize = 1024;

/// What is known of a connection that is held.
#[derive(Debug, Clone)]
pub(super) enum Verdict {
    /// Nothing yet. Where nothing has shown by this time, it has to be asked once more.
    Wait(Option<Instant>),
    /// What it may have been meant for has come to nothing. The client closes the one that was meant, and then the
    /// token is cancelled.
    Over { closed: CancellationToken, waits: bool },
    /// It is the data connection of the place with this number.
    Data(u64),
    /// It is no data connection.
    Control,
    /// It is one too many.
    Closed,
}

/// Whether a connection that is held has shown that it is its client's; the later ones say more for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Proof {
    /// It does not resume the TLS session of the one who waits.
    Missing,
    /// Its handshake is not done.
    Awaited,
    /// It does resume it, or there is nothing to show.
    Given,
}

/// A connection that is held, as its keeper sees it.
#[derive(Debug)]
pub(super) struct Holding {
    pub(super) id: u64,
    /// By whose place it is held.
    pub(super) peer: IpAddr,
    pub(super) port: u16,
    pub(super) came: Instant,
    pub(super) verdict: watch::Receiver<Verdict>,
}

/// What the client has said on a connection that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    Something,
    /// It closed it then, without having sent anything: it may have been an upload of nothing.
    Ended(Instant),
}

#[derive(Debug)]
struct Entry {
    id: u64,
    came: Instant,
    proof: Proof,
    said: Said,
    verdict: watch::Sender<Verdict>,
}

impl Entry {
    fn has_ended(&self) -> bool {
        matches!(self.said, Said::Ended(_))
    }

    fn is_usable(&self) -> bool {
        !self.has_ended() && !self.verdict.is_closed()
    }
}

/// Connections that are held, by peer and port, in the order they came. Each hears what it is.
#[derive(Debug, Default)]
pub(super) struct Held {
    waiting: HashMap<(IpAddr, u16), Vec<Entry>>,
    next_id: u64,
    /// When the last two control connections of a peer came.
    recent: HashMap<IpAddr, [Option<Instant>; 2]>,
}

impl Held {
    /// Holds one more, which came then.
    pub(super) fn push(&mut self, peer: IpAddr, port: u16, came: Instant, proof: Proof) -> Holding {
        let held = self.waiting.entry((peer, port)).or_default();
        held.retain(|entry| !entry.verdict.is_closed());
        if held.len() >= HELD
            && let Some(at) = held.iter().enumerate().min_by_key(|(_, entry)| entry.proof).map(|(at, _)| at)
        {
            let Entry { proof, verdict, .. } = held.remove(at);
            // The oldest wants a session, most likely; one that has not shown anything is one of a flood.
            verdict.send_replace(if proof == Proof::Given { Verdict::Control } else { Verdict::Closed });
        }

        self.next_id += 1;
        let (id, (sender, verdict)) = (self.next_id, watch::channel(Verdict::Wait(None)));
        let at = held.partition_point(|entry| entry.came <= came);
        held.insert(at, Entry { id, came, proof, said: Said::Nothing, verdict: sender });
        Holding { id, peer, port, came, verdict }
    }

    /// True when nothing is held for this place, not even what its client has closed.
    pub(super) fn is_empty(&self, peer: IpAddr, port: u16) -> bool {
        self.waiting.get(&(peer, port)).is_none_or(Vec::is_empty)
    }

    /// True when something is held for this place that may still be used.
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

    fn entry(&mut self, peer: IpAddr, port: u16, id: u64) -> Option<&mut Entry> {
        self.waiting.get_mut(&(peer, port))?.iter_mut().find(|entry| entry.id == id)
    }

    /// The handshake of this one is done.
    pub(super) fn set_proof(&mut self, peer: IpAddr, port: u16, id: u64, proof: Proof) {
        if let Some(entry) = self.entry(peer, port, id) {
            entry.proof = proof;
        }
    }

    /// The client has sent something.
    pub(super) fn note_spoke(&mut self, peer: IpAddr, port: u16, id: u64) {
        if let Some(entry) = self.entry(peer, port, id) {
            entry.said = Said::Something;
        }
    }

    /// The client has closed this one.
    pub(super) fn note_ended(&mut self, peer: IpAddr, port: u16, id: u64, now: Instant) {
        if let Some(entry) = self.entry(peer, port, id) {
            entry.said = Said::Ended(now);
        }
    }

    /// Which one is meant by a transfer that has begun; `strict`: none without a proof.
    pub(super) fn choose(
        &self,
        peer: IpAddr,
        port: u16,
        engaged: Engaged,
        strict: bool,
        now: Instant,
    ) -> Choice {
        let held = self.waiting.get(&(peer, port)).into_iter().flatten();
        let open: Vec<&Entry> = held.filter(|entry| !entry.verdict.is_closed()).collect();
        choice::choose(&open, engaged, strict, now)
    }

    /// This one is the data connection of the place with this number, and the others are not; false when it is
    /// not held any more.
    pub(super) fn call(&mut self, peer: IpAddr, port: u16, id: u64, place: u64) -> bool {
        let Some(held) = self.waiting.get_mut(&(peer, port)) else { return false };
        let Some(at) = held.iter().position(|entry| entry.id == id) else { return false };
        let called = held.remove(at).verdict.send(Verdict::Data(place)).is_ok();
        if called {
            self.free(peer, port);
        }
        called
    }

    /// Nothing shows yet; ask again then.
    pub(super) fn put_off(&mut self, peer: IpAddr, port: u16, until: Option<Instant>) {
        for entry in self.waiting.get(&(peer, port)).into_iter().flatten() {
            entry.verdict.send_replace(Verdict::Wait(until));
        }
    }

    /// One of these was meant, and does not get the place.
    pub(super) fn refuse(&mut self, peer: IpAddr, port: u16, meant: &[u64]) {
        let closed = CancellationToken::new();
        for entry in self.waiting.remove(&(peer, port)).into_iter().flatten() {
            let refused = meant.contains(&entry.id);
            let closed = closed.clone();
            entry.verdict.send_replace(if refused {
                Verdict::Over { closed, waits: true }
            } else {
                Verdict::Control
            });
        }
    }

    /// The place is given up. True when what was meant for it has come and gone, so that the others are control
    /// connections.
    pub(super) fn give_up(&mut self, peer: IpAddr, port: u16) -> bool {
        let gone = self.waiting.get(&(peer, port)).is_some_and(|held| held.iter().any(Entry::has_ended));
        if gone {
            self.free(peer, port);
        }
        let closed = CancellationToken::new();
        for entry in self.waiting.remove(&(peer, port)).into_iter().flatten() {
            entry.verdict.send_replace(Verdict::Over { closed: closed.clone(), waits: false });
        }
        gone
    }

    /// What is held while a place waits, and is not its connection, is a control connection: no other place
    /// of this peer waited meanwhile.
    pub(super) fn free(&mut self, peer: IpAddr, port: u16) {
        for entry in self.waiting.remove(&(peer, port)).into_iter().flatten() {
            entry.verdict.send_replace(Verdict::Control);
        }
    }
}
