//! Where control connections come to the same port: which of those that are held is the one that a place waits for.

use super::{Engaged, Sharing, Slot, State};
use crate::passive::held::{Choice, Holding, Proof};
use crate::stream::ConnectError;
use crate::tls::{Identity, Resume};
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// How long a place is left alone where its connection has come, most likely.
const VISITED_REST: Duration = Duration::from_secs(1);

impl State {
    fn slot(&self, peer: IpAddr, port: u16) -> Option<&Slot> {
        self.peers.get(&peer)?.slots.get(&port)
    }

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

    /// True when a handshake shows which connection is for the session of this peer that waits there.
    pub(in crate::passive) fn is_shown_by_handshake(&self, peer: IpAddr, port: u16) -> bool {
        self.sharing == Sharing::Clear
            && matches!(self.slot(peer, port), Some(Slot::Held { guard: Some(_), .. }))
    }

    /// True when somebody of this peer has a place there, even if it is not known to the client yet or any more.
    pub(in crate::passive) fn has_place(&self, peer: IpAddr, port: u16) -> bool {
        matches!(self.slot(peer, port), Some(Slot::Held { .. }))
    }

    /// Whether somebody of this peer waits there for a connection, and if so whether it has to be protected.
    pub(in crate::passive) fn awaits(&self, peer: IpAddr, port: u16) -> Option<bool> {
        match self.slot(peer, port)? {
            Slot::Held { guard, open: true, settled: false, .. } => Some(guard.is_some()),
            Slot::Held { .. } | Slot::Resting { .. } => None,
        }
    }

    /// True when one waits there who goes by this identity. Another may wait elsewhere.
    fn waits(&self, identity: Identity, peer: IpAddr, port: u16) -> bool {
        let guard = match self.slot(peer, port) {
            Some(Slot::Held { guard, .. }) => guard.as_ref(),
            _ => None,
        };
        guard.is_some_and(|guard| guard.identity == identity)
    }

    /// The transfer that was begun by the one of this peer who waits there.
    pub(in crate::passive) fn engaged(&self, peer: IpAddr, port: u16) -> Option<Engaged> {
        match self.slot(peer, port)? {
            Slot::Held { engaged, .. } => *engaged,
            Slot::Resting { .. } => None,
        }
    }

    /// Holds a connection back, which came just now.
    pub(in crate::passive) fn hold(&mut self, peer: IpAddr, port: u16, now: Instant) -> Holding {
        let guarded = self.awaits(peer, port) == Some(true);
        let shows = guarded && matches!(self.sharing, Sharing::Tls(_));
        self.push(peer, port, now, if shows { Proof::Awaited } else { Proof::Given })
    }

    fn push(&mut self, peer: IpAddr, port: u16, came: Instant, proof: Proof) -> Holding {
        self.note_visit(peer, port, proof);
        self.held.push(peer, port, came, proof)
    }

    /// What is meant for a place has come, most likely, or for certain where it shows that: no more is on its way
    /// when the place is given up.
    fn note_visit(&mut self, peer: IpAddr, port: u16, proof: Proof) {
        let shown = proof == Proof::Given && self.sharing != Sharing::Clear;
        let slot = self.peers.get_mut(&peer).and_then(|of_peer| of_peer.slots.get_mut(&port));
        if let Some(Slot::Held { rest, .. }) = slot {
            *rest = if shown { Duration::ZERO } else { VISITED_REST.min(*rest) };
        }
    }

    /// Holds a connection back that resumes a TLS session and came then, where the one waits who goes by this
    /// identity, if one does.
    pub(in crate::passive) fn hold_proved(&mut self, identity: Identity, came: Instant) -> Option<Holding> {
        let (peer, port) = *self.guarded.get(&identity)?;
        self.awaits(peer, port)?;
        match self.slot(peer, port)? {
            // It came before that could wait for it.
            Slot::Held { since, .. } if came < *since => None,
            _ => Some(self.push(peer, port, came, Proof::Given)),
        }
    }

    /// Begins to look which connection a transfer is for, or looks again, since something has shown. True when
    /// the transfer is refused, whose place is free then.
    pub(in crate::passive) fn call_held(&mut self, peer: IpAddr, port: u16, now: Instant) -> bool {
        if self.is_shown_by_handshake(peer, port) {
            return false;
        }
        let strict = self.sharing == Sharing::Tls(Resume::Require);
        loop {
            let slot = self.peers.get_mut(&peer).and_then(|of_peer| of_peer.slots.get_mut(&port));
            let Some(Slot::Held { id, engaged: Some(engaged), settled: settled @ false, open: true, .. }) =
                slot
            else {
                return false;
            };
            match self.held.choose(peer, port, *engaged, strict, now) {
                Choice::This(chosen) => *settled = self.held.call(peer, port, chosen, *id),
                Choice::Wait(until) => {
                    self.held.put_off(peer, port, until);
                    return false;
                }
                Choice::Refuse(why, meant) => {
                    tracing::info!(%peer, port, %why, "transfer refused");
                    let id = *id;
                    self.held.refuse(peer, port, &meant);
                    self.fail(peer, port, id, why);
                    // The one that was meant may be on its way yet.
                    let rest = Slot::Resting { until: now + VISITED_REST };
                    self.peers.entry(peer).or_default().slots.insert(port, rest);
                    return true;
                }
            }
        }
    }

    fn fail(&mut self, peer: IpAddr, port: u16, id: u64, why: ConnectError) {
        if let Some(place) = self.take(peer, port, id) {
            // It fails when the session ended this very moment.
            drop(place.send(Err(why)));
        }
    }

    /// The handshake of a connection that is held is done.
    pub(in crate::passive) fn set_proof(&mut self, holding: &Holding, proof: Proof) {
        self.held.set_proof(holding.peer, holding.port, holding.id, proof);
    }

    /// The same, for one that resumes this identity's TLS session, or nobody's. Where another place waits for that
    /// one, it is held there instead.
    pub(in crate::passive) fn note_resumed(
        &mut self,
        holding: Holding,
        resumed: Option<Identity>,
    ) -> Holding {
        let (peer, port) = (holding.peer, holding.port);
        let off = self.sharing == Sharing::Tls(Resume::Off);
        if off || resumed.is_some_and(|identity| self.waits(identity, peer, port)) {
            self.note_visit(peer, port, Proof::Given);
            self.set_proof(&holding, Proof::Given);
            return holding;
        }
        self.set_proof(&holding, Proof::Missing);
        match resumed.and_then(|identity| self.hold_proved(identity, holding.came)) {
            Some(elsewhere) => {
                self.forget_held(&holding);
                elsewhere
            }
            None => holding,
        }
    }

    /// The handshake of a connection that is held failed, or its client has closed it. Where a transfer waits that it came before, and nothing
    /// else is held, it was that one's, which fails; the place is free then. One that came later may be
    /// anybody's.
    pub(in crate::passive) fn fail_held(&mut self, holding: &Holding, error: io::Error) {
        let (peer, port) = (holding.peer, holding.port);
        let removed = self.held.remove(peer, port, holding.id);
        let slot = self.peers.get_mut(&peer).and_then(|of_peer| of_peer.slots.get_mut(&port));
        if let Some(Slot::Held { rest, .. }) = slot.filter(|_| removed) {
            *rest = Duration::ZERO;
        }
        if let Some(Slot::Held { id, engaged: Some(engaged), settled: false, .. }) = self.slot(peer, port)
            && removed
            && holding.came <= engaged.at
            && self.held.is_empty(peer, port)
        {
            let id = *id;
            self.fail(peer, port, id, ConnectError::NoHandshake(error));
        }
    }

    /// The client has sent something on a connection that is held, or has closed it.
    pub(in crate::passive) fn note_heard(&mut self, holding: &Holding, ended: bool, now: Instant) {
        let (peer, port, id) = (holding.peer, holding.port, holding.id);
        if ended {
            self.held.note_ended(peer, port, id, now);
        } else {
            self.held.note_spoke(peer, port, id);
        }
    }

    /// A connection that was held for a place that was given up has been closed: that one need not be waited for.
    pub(in crate::passive) fn end_rest(&mut self, holding: &Holding, now: Instant) {
        let of_peer = self.peers.get_mut(&holding.peer);
        if let Some(Slot::Resting { until }) =
            of_peer.and_then(|of_peer| of_peer.slots.get_mut(&holding.port))
        {
            *until = now;
        }
    }

    /// A connection is no longer to be held; false when it has its verdict.
    pub(in crate::passive) fn forget_held(&mut self, holding: &Holding) -> bool {
        self.held.remove(holding.peer, holding.port, holding.id)
    }

    /// A connection was held for long: true when it wants a session, since nobody has begun a transfer.
    pub(in crate::passive) fn give_up_holding(&mut self, holding: &Holding) -> bool {
        self.engaged(holding.peer, holding.port).is_none()
            && self.held.remove(holding.peer, holding.port, holding.id)
    }
}
