//! Where control connections come to the same port: which of those that are held is the one that a place waits for.

use super::{Arrival, Direction, Slot, State};
use crate::passive::held::Holding;
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How long a place is left alone after its transfer was refused since several connections came.
const REFUSED_REST: Duration = Duration::from_secs(1);

/// How long, once an upload has begun, a connection is waited for that sends something. A source may have
/// nothing to say for long.
const SILENT: Duration = Duration::from_secs(3);

impl State {
    /// The client is about to be told of the place.
    pub(in crate::passive) fn open(&mut self, peer: IpAddr, port: u16, id: u64) {
        let slot = self.peers.get_mut(&peer).and_then(|of_peer| of_peer.slots.get_mut(&port));
        if let Some(Slot::Held { id: holder, open, .. }) = slot
            && *holder == id
        {
            *open = true;
        }
    }

    /// Notes that a control connection came to a port that is both's.
    pub(in crate::passive) fn note_control(&mut self, peer: IpAddr, now: Instant) {
        self.held.note_control(peer, now);
    }

    /// How long this peer should be quiet yet before it can be told of a place.
    pub(in crate::passive) fn unrest(&self, peer: IpAddr, now: Instant) -> Option<Duration> {
        self.held.unrest(peer, now)
    }

    /// True when the connection that somebody of this peer waits for there has to be protected.
    pub(in crate::passive) fn is_guarded(&self, peer: IpAddr, port: u16) -> bool {
        let slot = self.peers.get(&peer).and_then(|of_peer| of_peer.slots.get(&port));
        matches!(slot, Some(Slot::Held { guard: Some(_), .. }))
    }

    /// True when somebody of this peer has a place there, even if it is not known to the client yet or any more.
    pub(in crate::passive) fn has_place(&self, peer: IpAddr, port: u16) -> bool {
        let slot = self.peers.get(&peer).and_then(|of_peer| of_peer.slots.get(&port));
        matches!(slot, Some(Slot::Held { .. }))
    }

    /// Whether somebody of this peer waits there for a connection, and if so whether it has to be protected.
    pub(in crate::passive) fn awaits(&self, peer: IpAddr, port: u16) -> Option<bool> {
        match self.peers.get(&peer)?.slots.get(&port)? {
            Slot::Held { guard, open: true, settled: false, .. } => Some(guard.is_some()),
            Slot::Held { .. } | Slot::Resting { .. } => None,
        }
    }

    /// The direction of the transfer, where somebody of this peer waits there who has said the command.
    pub(in crate::passive) fn engaged(&self, peer: IpAddr, port: u16) -> Option<Direction> {
        let slot = self.peers.get(&peer).and_then(|of_peer| of_peer.slots.get(&port));
        match slot {
            Some(Slot::Held { engaged, .. }) => engaged.map(|engaged| engaged.direction),
            _ => None,
        }
    }

    /// Holds a connection back. What comes tells whether it is a data connection; nothing for one too many.
    pub(in crate::passive) fn hold(&mut self, peer: IpAddr, port: u16, now: Instant) -> Option<Holding> {
        let holding = self.held.push(peer, port, now)?;
        // An answer that the holder hears with its first look is as good as none.
        let _ = self.call_held(peer, port, now);
        Some(holding)
    }

    /// A transfer in the clear begins, or a connection comes to one that has begun: says which connection is
    /// its own, if that shows. What is held before an upload has to speak up. The last before a download is the
    /// one, since a client opens it right before it says the command; the error is for several that came at
    /// once, whose place is taken then: who tells it is told.
    pub(in crate::passive) fn call_held(
        &mut self,
        peer: IpAddr,
        port: u16,
        now: Instant,
    ) -> Result<(), oneshot::Sender<Arrival>> {
        if self.awaits(peer, port) != Some(false) {
            return Ok(());
        }
        match self.engaged(peer, port) {
            Some(Direction::Upload) => {
                let slot = self.peers.get(&peer).and_then(|of_peer| of_peer.slots.get(&port));
                if let Some(Slot::Held { engaged: Some(engaged), .. }) = slot {
                    self.held.listen(peer, port, engaged.at + SILENT);
                }
            }
            Some(Direction::Download) if self.held.is_clear(peer, port) => self.call_last(peer, port),
            Some(Direction::Download) => {
                self.held.refuse(peer, port);
                let slot = self.peers.get(&peer).and_then(|of_peer| of_peer.slots.get(&port));
                if let Some(Slot::Held { id, .. }) = slot {
                    let taken = self.take(peer, port, *id);
                    if taken.is_some() {
                        // The one that was meant may be on its way yet.
                        let rest = Slot::Resting { until: now + REFUSED_REST };
                        self.peers.entry(peer).or_default().slots.insert(port, rest);
                    }
                    return taken.map_or(Ok(()), Err);
                }
            }
            None => {}
        }
        Ok(())
    }

    /// The last connection that is held is the one that is waited for.
    pub(in crate::passive) fn call_last(&mut self, peer: IpAddr, port: u16) {
        let called = self.held.call_last(peer, port);
        self.settle(peer, port, called);
    }

    /// This connection is the one that is waited for: true unless another one is.
    pub(in crate::passive) fn call(&mut self, peer: IpAddr, port: u16, id: u64) -> bool {
        let called = self.awaits(peer, port) == Some(false) && self.held.call(peer, port, id);
        self.settle(peer, port, called);
        called
    }

    fn settle(&mut self, peer: IpAddr, port: u16, called: bool) {
        let slot = self.peers.get_mut(&peer).and_then(|of_peer| of_peer.slots.get_mut(&port));
        if let Some(Slot::Held { settled, .. }) = slot {
            *settled |= called;
        }
    }

    /// The client has closed a connection that is held. True when it was an upload of nothing.
    pub(in crate::passive) fn note_ended(&mut self, peer: IpAddr, port: u16, id: u64, now: Instant) -> bool {
        self.held.note_ended(peer, port, id, now);
        let upload = self.engaged(peer, port) == Some(Direction::Upload);
        upload && !self.held.has(peer, port) && self.call(peer, port, id)
    }

    /// A connection that is held is gone.
    pub(in crate::passive) fn forget_held(&mut self, peer: IpAddr, port: u16, id: u64) {
        self.held.remove(peer, port, id);
    }

    /// A connection was held for long: true when it wants a session, since nobody has begun a transfer.
    pub(in crate::passive) fn give_up_holding(&mut self, peer: IpAddr, port: u16, id: u64) -> bool {
        self.engaged(peer, port).is_none() && self.held.remove(peer, port, id)
    }

    /// Nobody who is held has sent anything: says which connection is an upload's own all the same.
    pub(in crate::passive) fn call_silent(&mut self, peer: IpAddr, port: u16) {
        let slot = self.peers.get(&peer).and_then(|of_peer| of_peer.slots.get(&port));
        let Some(Slot::Held { engaged: Some(engaged), guard: None, settled: false, .. }) = slot else {
            return;
        };
        let called = self.held.call_silent(peer, port, engaged.at);
        self.settle(peer, port, called);
    }
}
