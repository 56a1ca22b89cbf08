//! Who holds which place, and who waits for one. No I/O here: time is an argument.

mod shared;

use super::bound::Bound;
use super::held::Held;
use super::prove::Approach;
use super::visitors::{Visit, Visitors};
use crate::stream::{ConnectError, Guard, Stream};
use crate::tls::{Identity, Resume};
use rand::RngExt;
use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long a place is left alone after it was given up: a connection that was meant for it arrives
/// within that time, though its first packet be lost and sent again twice.
pub(super) const REST: Duration = Duration::from_secs(4);

/// How long a port is left alone that another program has.
const UNUSABLE: Duration = Duration::from_secs(5);

/// How long a session may hold a place without a connection while another waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections to one place whose handshakes run at the same time.
const CANDIDATES: usize = 8;

/// Connections that belong to nobody by their address, and may show whose they are at one time.
const STRANGERS: usize = 64;

/// Those of one address.
const STRANGERS_OF_ADDRESS: usize = 8;

/// Connections that may shake hands at one time before it shows whether they are for control or data.
const SUSPECTS: usize = 4096;

/// Those of one address.
const SUSPECTS_OF_ADDRESS: usize = 128;

/// What comes to a place: a connection, or why it was none.
pub(super) type Arrival = Result<Stream, ConnectError>;

/// A place that was granted.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) port: u16,
    pub(super) id: u64,
    /// The port, where it is one of data connections only.
    pub(super) bound: Option<Arc<Bound>>,
    pub(super) connection: oneshot::Receiver<Arrival>,
    /// Ends the handshakes at this place when it is dropped.
    pub(super) gone: DropGuard,
}

/// Whose a new connection may be, by where it comes from.
#[derive(Debug)]
pub(super) enum Claim {
    /// This session's.
    Settled(oneshot::Sender<Arrival>),
    /// That of this place, unless its handshake says otherwise.
    Candidate(Candidate),
    /// Nobody's, unless its handshake says otherwise.
    Stranger(Visit),
    /// Nobody's: no handshake could say otherwise.
    Nobody,
}

/// A connection to a place whose handshake runs.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Whom the place is for.
    pub(super) peer: IpAddr,
    pub(super) id: u64,
    pub(super) guard: Guard,
    /// Cancelled when the place is given up.
    pub(super) gone: CancellationToken,
}

impl Candidate {
    /// Waits; false when the place was taken or given up meanwhile.
    pub(super) async fn is_kept_for(&self, time: Duration) -> bool {
        tokio::time::timeout(time, self.gone.cancelled()).await.is_err()
    }
}

/// Somebody who waits for a place.
#[derive(Debug)]
struct Turn {
    sender: oneshot::Sender<Grant>,
    guard: Option<Guard>,
}

/// Whether control connections come to the same ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// They do not.
    None,
    /// They do, and begin in the clear.
    Clear,
    /// They do, and begin with TLS; whether data connections resume that is looked at like this.
    Tls(Resume),
}

/// Which way the data of a transfer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the peer.
    Upload,
    /// To the peer.
    Download,
}

/// A session has said its transfer command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Engaged {
    pub(super) at: Instant,
    pub(super) direction: Direction,
}

#[derive(Debug)]
enum Slot {
    Held {
        id: u64,
        since: Instant,
        /// When the session said its transfer command: it has its own limit from then on.
        engaged: Option<Engaged>,
        connection: oneshot::Sender<Arrival>,
        /// How the connection has to be protected, if it has to.
        guard: Option<Guard>,
        /// Connections from the holder's address whose handshake runs.
        candidates: usize,
        /// The client may know of it.
        open: bool,
        /// Which connection is its own is settled, and that is on its way here.
        settled: bool,
        /// How long it is left alone when it is given up.
        rest: Duration,
        gone: CancellationToken,
    },
    Resting {
        until: Instant,
    },
}

impl Slot {
    /// False when nobody waits at it any more, and it has rested.
    fn is_wanted(&self, now: Instant) -> bool {
        match self {
            Slot::Held { connection, .. } => !connection.is_closed(),
            Slot::Resting { until } => now < *until,
        }
    }
}

/// What is known of one peer; forgotten as soon as it is empty.
#[derive(Debug, Default)]
struct Peer {
    slots: HashMap<u16, Slot>,
    waiting: VecDeque<Turn>,
}

impl Peer {
    /// What the first goes by who waits.
    fn first_identity(&self) -> Option<Identity> {
        Some(self.waiting.front()?.guard.as_ref()?.identity)
    }
}

#[derive(Debug)]
pub(super) struct State {
    ports: RangeInclusive<u16>,
    bound: HashMap<(bool, u16), Arc<Bound>>,
    unusable: HashMap<(bool, u16), Instant>,
    peers: HashMap<IpAddr, Peer>,
    /// Where each session waits whose data connection has to be protected.
    guarded: HashMap<Identity, (IpAddr, u16)>,
    /// Connections whose handshakes run.
    approaches: Vec<Weak<Approach>>,
    /// Those that are nobody's by their address.
    visitors: Visitors,
    /// Those that may be control connections as well.
    suspects: Visitors,
    /// Connections that may be a control connection or the one that a place waits for.
    held: Held,
    /// Sessions whose turn it is, while another that goes by the same identity waits from another address.
    put_off: HashSet<Identity>,
    /// Peers of those for whom it is over.
    next: Vec<IpAddr>,
    sharing: Sharing,
    /// Ports that a router leads here; none where that is not known.
    outward: Vec<u16>,
    /// When a connection that was nobody's came last to each port.
    strangers: HashMap<(bool, u16), Instant>,
    /// With so many peers known, those that are at rest only are looked for and forgotten.
    sweep_at: usize,
    next_id: u64,
}

/// Peers that are known before a sweep is worth its while.
const SWEEP_MIN: usize = 1024;

/// Ports that are drawn before they are looked at one after the other.
const LOTS: usize = 8;

/// What stands for connections from anywhere, in the family of an address.
fn anyone(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// One of so many ports that is free: drawn, and where most are taken, the next one from somewhere on.
fn pick(count: usize, port: impl Fn(usize) -> u16, free: impl Fn(&u16) -> bool) -> Option<u16> {
    if count == 0 {
        return None;
    }
    let lot = || rand::rng().random_range(0..count);
    let start = lot();
    let drawn = (0..LOTS).map(|_| port(lot())).find(&free);
    drawn.or_else(|| (0..count).map(|number| port((start + number) % count)).find(&free))
}

impl State {
    /// Places at these ports.
    pub(super) fn new(ports: RangeInclusive<u16>, sharing: Sharing) -> State {
        State {
            ports,
            sharing,
            outward: Vec::new(),
            bound: HashMap::new(),
            unusable: HashMap::new(),
            peers: HashMap::new(),
            guarded: HashMap::new(),
            approaches: Vec::new(),
            visitors: Visitors::new(STRANGERS, STRANGERS_OF_ADDRESS),
            suspects: Visitors::new(SUSPECTS, SUSPECTS_OF_ADDRESS),
            held: Held::default(),
            put_off: HashSet::new(),
            next: Vec::new(),
            strangers: HashMap::new(),
            sweep_at: SWEEP_MIN,
            next_id: 0,
        }
    }

    pub(super) fn places(&self) -> usize {
        let held = |slot: &&Slot| matches!(slot, Slot::Held { .. });
        self.peers.values().map(|peer| peer.slots.values().filter(held).count()).sum()
    }

    #[cfg(test)]
    pub(super) fn ports(&self) -> RangeInclusive<u16> {
        self.ports.clone()
    }

    #[cfg(test)]
    pub(super) fn waiting(&self, peer: IpAddr) -> usize {
        self.peers.get(&peer).map_or(0, |of_peer| of_peer.waiting.len())
    }

    /// Takes a number in the queue of this peer.
    pub(super) fn queue(
        &mut self,
        peer: IpAddr,
        guard: Option<Guard>,
        now: Instant,
    ) -> oneshot::Receiver<Grant> {
        if self.peers.len() > self.sweep_at {
            self.sweep(now);
        }
        let (sender, receiver) = oneshot::channel();
        self.peers.entry(peer).or_default().waiting.push_back(Turn { sender, guard });
        receiver
    }

    /// True when somebody of this peer still waits. Those who gave up are forgotten.
    pub(super) fn is_awaited(&mut self, peer: IpAddr) -> bool {
        let Some(of_peer) = self.peers.get_mut(&peer) else { return false };
        of_peer.waiting.retain(|turn| !turn.sender.is_closed());
        let awaited = !of_peer.waiting.is_empty();
        self.forget(peer);
        awaited
    }

    /// True when the first of this peer who waits goes by the identity of one who has a place for another address:
    /// nothing would tell their connections apart.
    pub(super) fn is_put_off(&mut self, peer: IpAddr, now: Instant) -> bool {
        let Some(identity) = self.peers.get(&peer).and_then(Peer::first_identity) else { return false };
        let Some((holder, port)) = self.guarded.get(&identity).copied() else { return false };
        if self.lose(holder, port, now) {
            return false;
        }
        self.put_off.insert(identity);
        true
    }

    /// Takes a place away that others have waited for long enough; true when it is.
    fn lose(&mut self, peer: IpAddr, port: u16, now: Instant) -> bool {
        let slot = self.peers.get_mut(&peer).and_then(|of_peer| of_peer.slots.get_mut(&port));
        let Some(slot) = slot else { return false };
        let Slot::Held { since, engaged: None, guard, .. } = slot else { return false };
        if now < *since + PATIENCE {
            return false;
        }
        let guard = guard.take();
        *slot = Slot::Resting { until: now + REST };
        self.unguard(guard.as_ref(), peer, port);
        self.held.give_up(peer, port);
        true
    }

    /// Something became free that this peer may wait for.
    pub(super) fn push_next(&mut self, peer: IpAddr) {
        self.next.push(peer);
    }

    /// A peer whose turn has come since another one's is over.
    pub(super) fn pop_next(&mut self) -> Option<IpAddr> {
        self.next.pop()
    }

    /// Tells everybody of this peer who waits that there is nothing to wait for.
    pub(super) fn dismiss(&mut self, peer: IpAddr) {
        if let Some(of_peer) = self.peers.get_mut(&peer) {
            of_peer.waiting.clear();
        }
        self.forget(peer);
    }

    /// A port at random that no session of this peer holds; one of those that lead outside, where there is one. Where
    /// it can be, one that is held neither for connections from anywhere nor, if it is to be held for those, for anybody:
    /// whose a connection is shows best then.
    pub(super) fn draw(&self, peer: IpAddr) -> Option<u16> {
        self.draw_where(peer, |port| !self.is_mixed(peer, port)).or_else(|| self.draw_where(peer, |_| true))
    }

    /// True for a port that is held for connections from anywhere, and for those of a peer.
    fn is_mixed(&self, peer: IpAddr, port: u16) -> bool {
        let holds = |of_peer: &Peer| of_peer.slots.contains_key(&port);
        match peer.is_unspecified() {
            true => self.peers.iter().any(|(own, held)| own.is_ipv4() == peer.is_ipv4() && holds(held)),
            false => self.peers.get(&anyone(peer)).is_some_and(holds),
        }
    }

    fn draw_where(&self, peer: IpAddr, fits: impl Fn(u16) -> bool) -> Option<u16> {
        let taken = self.peers.get(&peer).map(|of_peer| &of_peer.slots);
        let free = |port: &u16| {
            !taken.is_some_and(|slots| slots.contains_key(port)) && self.is_usable(peer, *port) && fits(*port)
        };
        let (first, count) = (*self.ports.start(), self.ports.len());
        let outward: &[u16] = if peer.is_ipv4() { &self.outward } else { &[] };
        let of_all = |number| first + u16::try_from(number).unwrap_or(0);
        pick(outward.len(), |number| outward[number], free).or_else(|| pick(count, of_all, free))
    }

    /// Peers outside get only to these ports, as far as is known.
    pub(super) fn set_outward(&mut self, ports: impl Iterator<Item = u16>) {
        self.outward = ports.filter(|port| self.ports.contains(port)).collect();
    }

    pub(super) fn set_bound(&mut self, peer: IpAddr, port: u16, bound: Arc<Bound>) {
        self.bound.insert((peer.is_ipv6(), port), bound);
    }

    pub(super) fn bound(&self, peer: IpAddr, port: u16) -> Option<Arc<Bound>> {
        self.bound.get(&(peer.is_ipv6(), port)).cloned()
    }

    /// Gives up the ports at which no place is held; true when there are none left.
    pub(super) fn retire(&mut self) -> bool {
        let held: HashSet<(bool, u16)> = self
            .peers
            .iter()
            .flat_map(|(peer, of_peer)| of_peer.slots.iter().map(move |(port, slot)| (peer, port, slot)))
            .filter(|(_, _, slot)| matches!(slot, Slot::Held { .. }))
            .map(|(peer, port, _)| (peer.is_ipv6(), *port))
            .collect();
        self.bound.retain(|key, bound| {
            let stays = held.contains(key);
            if !stays {
                bound.retire();
            }
            stays
        });
        self.bound.is_empty()
    }

    /// All ports that are bound.
    pub(super) fn all_bound(&self) -> impl Iterator<Item = &Arc<Bound>> {
        self.bound.values()
    }

    /// One peer's address of each family with each bound port.
    pub(super) fn bound_ports(&self) -> Vec<(IpAddr, u16)> {
        let any = |ipv6| match ipv6 {
            true => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            false => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        self.bound.keys().map(|(ipv6, port)| (any(*ipv6), *port)).collect()
    }

    /// The places that are held for so long already, or rest; nothing where there are none, held for long or not.
    pub(super) fn held_for(&self, time: Duration, now: Instant) -> Option<Vec<(IpAddr, u16)>> {
        let (mut some, mut long) = (false, Vec::new());
        for (peer, of_peer) in &self.peers {
            for (port, slot) in &of_peer.slots {
                if slot.is_wanted(now) {
                    some = true;
                    let is_new = matches!(slot, Slot::Held { since, .. } if *since + time > now);
                    long.extend((!is_new).then_some((*peer, *port)));
                }
            }
        }
        some.then_some(long)
    }

    /// Notes that another program has the port.
    pub(super) fn set_unusable(&mut self, peer: IpAddr, port: u16, now: Instant) {
        self.unusable.insert((peer.is_ipv6(), port), now + UNUSABLE);
    }

    /// True when there is a port of this family that no other program has.
    pub(super) fn has_ports(&self, peer: IpAddr) -> bool {
        self.ports.clone().any(|port| self.is_usable(peer, port))
    }

    fn is_usable(&self, peer: IpAddr, port: u16) -> bool {
        !self.unusable.contains_key(&(peer.is_ipv6(), port))
    }

    /// Gives the port to the first who waits. Where it is a control port, no connection is taken for data
    /// until it is [opened](Self::open).
    pub(super) fn give(&mut self, peer: IpAddr, port: u16, now: Instant) {
        self.next_id += 1;
        let id = self.next_id;
        let bound = self.bound(peer, port);
        let Some(of_peer) = self.peers.get_mut(&peer) else { return };
        let Some(turn) = of_peer.waiting.pop_front() else { return };
        let (sender, connection) = oneshot::channel();
        let gone = CancellationToken::new();
        let grant = Grant { port, id, bound: bound.clone(), connection, gone: gone.clone().drop_guard() };
        if turn.sender.send(grant).is_ok() {
            if let Some(guard) = &turn.guard {
                self.guarded.insert(guard.identity, (peer, port));
                // Its handshake begins as soon as it comes.
                bound.iter().for_each(Bound::wait_for);
            }
            let guard = turn.guard;
            let connection = sender;
            let slot = Slot::Held {
                id,
                since: now,
                engaged: None,
                connection,
                guard,
                candidates: 0,
                open: self.sharing == Sharing::None,
                settled: false,
                rest: REST,
                gone,
            };
            of_peer.slots.insert(port, slot);
        }
    }

    /// A connection came: says whose it may be, and takes the place where that is settled. The
    /// unspecified address holds the places for connections from anywhere; they come after those for the
    /// very address.
    pub(super) fn claim(&mut self, peer: IpAddr, port: u16) -> Claim {
        for holder in [peer, anyone(peer)] {
            let slot = self.peers.get_mut(&holder).and_then(|of_peer| of_peer.slots.get_mut(&port));
            match slot {
                // Where it may be a control connection, the bytes or the order say which one is meant.
                Some(Slot::Held { guard: None, .. }) if self.sharing != Sharing::None => {}
                Some(Slot::Held { guard: None, id, .. }) => {
                    let id = *id;
                    return self.take(holder, port, id).map_or(Claim::Nobody, Claim::Settled);
                }
                // It may still show whose it is.
                Some(Slot::Held { candidates, .. }) if *candidates >= CANDIDATES => {}
                Some(Slot::Held { guard: Some(guard), candidates, id, gone, .. }) => {
                    *candidates += 1;
                    let (guard, gone) = (guard.clone(), gone.clone());
                    return Claim::Candidate(Candidate { peer: holder, id: *id, guard, gone });
                }
                // It is late, and was for somebody who has given up.
                Some(Slot::Resting { .. }) if self.sharing == Sharing::None => break,
                Some(Slot::Resting { .. }) | None => {}
            }
        }
        self.admit_stranger(peer, port).map_or(Claim::Nobody, Claim::Stranger)
    }

    /// Takes the place of the session that this connection has proved to belong to.
    pub(super) fn take_proved(
        &mut self,
        identity: Identity,
        port: u16,
    ) -> Option<(IpAddr, oneshot::Sender<Arrival>)> {
        let (peer, at) = *self.guarded.get(&identity)?;
        let slot = self.peers.get(&peer)?.slots.get(&port).filter(|_| at == port)?;
        let Slot::Held { id, guard: Some(guard), .. } = slot else { return None };
        let id = (guard.identity == identity).then_some(*id)?;
        Some((peer, self.take(peer, port, id)?))
    }

    /// Takes a place, if it is still held by this holder.
    pub(super) fn take(&mut self, peer: IpAddr, port: u16, id: u64) -> Option<oneshot::Sender<Arrival>> {
        let slots = &mut self.peers.get_mut(&peer)?.slots;
        if !matches!(slots.get(&port), Some(Slot::Held { id: holder, .. }) if *holder == id) {
            return None;
        }
        let Some(Slot::Held { connection, guard, .. }) = slots.remove(&port) else { return None };
        self.unguard(guard.as_ref(), peer, port);
        self.forget(peer);
        self.held.free(peer, port);
        Some(connection)
    }

    /// The handshake of a candidate failed: true when it was the last one.
    pub(super) fn give_up(&mut self, candidate: &Candidate, port: u16) -> bool {
        match self.peers.get_mut(&candidate.peer).and_then(|of_peer| of_peer.slots.get_mut(&port)) {
            Some(Slot::Held { id, candidates, .. }) if *id == candidate.id => {
                *candidates = candidates.saturating_sub(1);
                *candidates == 0
            }
            _ => false,
        }
    }

    /// Starts the patience of others anew; false when the place is lost. What is held was not for what comes
    /// now. A control port has to be [opened](Self::open) again.
    pub(super) fn renew(&mut self, peer: IpAddr, port: u16, id: u64, now: Instant) -> bool {
        let slot = self.peers.get_mut(&peer).and_then(|of_peer| of_peer.slots.get_mut(&port));
        let Some(Slot::Held {
            id: holder,
            since,
            open: is_open,
            rest,
            guard,
            candidates: 0,
            settled: false,
            ..
        }) = slot
        else {
            return false;
        };
        if *holder != id {
            return false;
        }
        (*since, *is_open, *rest) = (now, self.sharing == Sharing::None, REST);
        if guard.is_some() {
            self.bound.get(&(peer.is_ipv6(), port)).into_iter().for_each(Bound::wait_for);
        }
        self.held.free(peer, port);
        true
    }

    /// The session gives up its place, if it still has it.
    pub(super) fn release(&mut self, peer: IpAddr, port: u16, id: u64, now: Instant) {
        if let Some(of_peer) = self.peers.get_mut(&peer)
            && let Some(Slot::Held { id: holder, guard, rest, .. }) = of_peer.slots.get(&port)
            && *holder == id
        {
            let guard = guard.clone();
            let rest = if self.held.give_up(peer, port) { Duration::ZERO } else { *rest };
            of_peer.slots.insert(port, Slot::Resting { until: now + rest });
            self.unguard(guard.as_ref(), peer, port);
        }
    }

    /// The session has said its transfer command: the place is its own until it gives it up.
    pub(super) fn engage(&mut self, peer: IpAddr, port: u16, id: u64, direction: Direction, now: Instant) {
        if let Some(of_peer) = self.peers.get_mut(&peer)
            && let Some(Slot::Held { id: holder, engaged, .. }) = of_peer.slots.get_mut(&port)
            && *holder == id
        {
            *engaged = Some(Engaged { at: now, direction });
            for approach in self.approaches.iter().filter_map(Weak::upgrade) {
                approach.note_engaged(port, id);
            }
        }
    }

    /// Lets a connection show whose it is that is nobody's by its address, where it may be somebody's, and where
    /// there is room for one more.
    pub(super) fn admit_stranger(&mut self, peer: IpAddr, port: u16) -> Option<Visit> {
        self.awaits_stranger(peer, port).then(|| self.visitors.admit(peer))?
    }

    /// True when somebody waits there for a connection that may show whose it is wherever it comes from.
    pub(super) fn awaits_stranger(&self, peer: IpAddr, port: u16) -> bool {
        self.guarded.values().any(|(holder, at)| *at == port && holder.is_ipv4() == peer.is_ipv4())
    }

    /// Lets a connection shake hands that may be for the session of this peer that waits.
    pub(super) fn admit_suspect(&mut self, peer: IpAddr) -> Option<Visit> {
        self.suspects.admit(peer)
    }

    /// Notes that a connection was nobody's.
    pub(super) fn note_stranger(&mut self, peer: IpAddr, port: u16, now: Instant) {
        self.strangers.insert((peer.is_ipv6(), port), now);
    }

    /// True when a connection came to the place of this holder, but from elsewhere.
    pub(super) fn saw_stranger(&self, peer: IpAddr, port: u16, id: u64) -> bool {
        let slot = self.peers.get(&peer).and_then(|of_peer| of_peer.slots.get(&port));
        // While something of its own is there, that is looked at first.
        let Some(Slot::Held { id: holder, since, candidates: 0, .. }) = slot else { return false };
        if self.held.has(peer, port) {
            return false;
        }
        let came = self.strangers.get(&(peer.is_ipv6(), port));
        *holder == id && came.is_some_and(|came| came >= since)
    }

    /// Notes a connection whose handshake begins.
    pub(super) fn approach(
        &mut self,
        socket: Arc<TcpStream>,
        peer: SocketAddr,
        port: u16,
        candidate: Option<&Candidate>,
    ) -> Arc<Approach> {
        self.approaches.retain(|approach| approach.strong_count() > 0);
        let approach = Arc::new(Approach::new(socket, peer, port, candidate));
        self.approaches.push(Arc::downgrade(&approach));
        approach
    }

    /// When this session said its transfer command, if it waits at a place and has.
    pub(super) fn engaged_at(&self, identity: Identity) -> Option<Instant> {
        let (peer, port) = self.guarded.get(&identity)?;
        match self.peers.get(peer)?.slots.get(port)? {
            Slot::Held { engaged, .. } => engaged.map(|engaged| engaged.at),
            Slot::Resting { .. } => None,
        }
    }

    /// Frees what has rested long enough; takes away what others have waited for long enough.
    pub(super) fn expire(&mut self, peer: IpAddr, now: Instant) {
        self.unusable.retain(|_, until| now < *until);
        self.drop_unwanted(peer, now);
        let Some(of_peer) = self.peers.get_mut(&peer) else { return };
        let awaited = !of_peer.waiting.is_empty();
        let ports: Vec<u16> = of_peer.slots.keys().copied().filter(|_| awaited).collect();
        for port in ports {
            self.lose(peer, port, now);
        }
        self.forget(peer);
    }

    /// When [`expire`](Self::expire) will next change something for this peer, as things stand.
    pub(super) fn next_change(&self, peer: IpAddr) -> Option<Instant> {
        let changes = self.peers.get(&peer)?.slots.values().filter_map(|slot| match slot {
            Slot::Held { engaged: Some(_), .. } => None,
            Slot::Held { since, .. } => Some(*since + PATIENCE),
            Slot::Resting { until } => Some(*until),
        });
        changes.min()
    }

    fn sweep(&mut self, now: Instant) {
        let peers: Vec<IpAddr> = self.peers.keys().copied().collect();
        peers.into_iter().for_each(|peer| self.drop_unwanted(peer, now));

        self.peers.retain(|_, of_peer| !of_peer.slots.is_empty() || !of_peer.waiting.is_empty());
        self.sweep_at = (2 * self.peers.len()).max(SWEEP_MIN);
    }

    fn drop_unwanted(&mut self, peer: IpAddr, now: Instant) {
        let Some(of_peer) = self.peers.get_mut(&peer) else { return };
        let dropped: Vec<(u16, Slot)> = of_peer.slots.extract_if(|_, slot| !slot.is_wanted(now)).collect();
        for (port, slot) in dropped {
            if let Slot::Held { guard, .. } = slot {
                self.unguard(guard.as_ref(), peer, port);
            }
        }
    }

    /// The session with this guard no longer waits here.
    fn unguard(&mut self, guard: Option<&Guard>, peer: IpAddr, port: u16) {
        if let Some(Guard { identity, .. }) = guard
            && self.guarded.get(identity) == Some(&(peer, port))
        {
            self.guarded.remove(identity);
            if self.put_off.remove(identity) {
                let waits = |of_peer: &Peer| of_peer.first_identity() == Some(*identity);
                self.next
                    .extend(self.peers.iter().filter(|(_, of_peer)| waits(of_peer)).map(|(peer, _)| *peer));
            }
        }
    }

    fn forget(&mut self, peer: IpAddr) {
        if self.peers.get(&peer).is_some_and(|of_peer| of_peer.slots.is_empty() && of_peer.waiting.is_empty())
        {
            self.peers.remove(&peer);
        }
    }
}
