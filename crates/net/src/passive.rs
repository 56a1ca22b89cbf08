//! Data connections that the peer opens.
//!
//! The listening sockets of the range are shared by all sessions. A session holds a [`Place`]: the
//! right to the next connection from its peer to one port. No two sessions hold the same place, so
//! that address and port say whose a connection is; sessions of different peers share a port freely.
//! Where all ports are taken by sessions of one peer, the next waits its turn.
//!
//! Where the connection has to be protected, its TLS handshake begins as soon as it comes: some clients
//! wait for that before they say what they want to transfer. A handshake that resumes the TLS session of
//! a control connection says whose the connection is better than any address: it is handed to that
//! session wherever it comes from. Only one that says nothing is judged by its address.
//!
//! A session whose account may transfer between servers holds a place for connections from anywhere. Another server can
//! resume nothing: it gets the place if the client's own connection does not come.
//!
//! A place that is given up before its connection came rests for a moment, since that connection
//! may still be on its way and belongs to nobody else.

mod bound;
mod held;
mod one_port;
mod prove;
mod state;
mod visitors;

use crate::proxied::Proxies;
use crate::socket::{self, KeepAlive};
use crate::stream::{ConnectError, Guard, Stream};
use crate::tls::{Resume, Tls};
use bound::Bound;
use one_port::SharedPort;
use state::{Arrival, Claim, Grant, Sharing, State};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tokio_util::sync::DropGuard;

pub use one_port::{Newcomer, OnePort, Secured};
pub use state::Direction;

/// The ports that passive data connections come to.
#[derive(Debug, Clone)]
pub struct PassivePool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    addresses: (Ipv4Addr, Ipv6Addr),
    tls: Option<Arc<Tls>>,
    keep_alive: KeepAlive,
    proxies: Proxies,
    /// Another process takes what comes to the control port.
    retired: AtomicBool,
    /// Control connections come to the port as well.
    shared_port: Option<SharedPort>,
    state: Mutex<State>,
    /// A place was given.
    held: Arc<Notify>,
    /// Once ports are looked at from time to time.
    swept: Once,
    /// Where that is done, and where connections are waited for and proved.
    runtime: Handle,
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Those who wait see that it is gone.
        self.held.notify_one();
        self.state().all_bound().for_each(|bound| bound.end());
    }
}

/// Connections to one port that wait to be taken.
const QUEUE: i32 = 128;

/// How long a session waits for its connection when one came from another address: a client connects at
/// once, so that it was probably that one.
const ELSEWHERE: Duration = Duration::from_secs(5);

/// How often it is looked whether a port can be given up.
const RETIRING: Duration = Duration::from_millis(200);

impl PassivePool {
    /// A pool of these ports on these addresses; unspecified ones mean all of the family. Each port is
    /// bound when it is first drawn. `tls` is what connections are protected with, and `proxies` say whose they are.
    pub fn new(
        ports: RangeInclusive<u16>,
        addresses: (Ipv4Addr, Ipv6Addr),
        tls: Option<Arc<Tls>>,
        keep_alive: KeepAlive,
        proxies: Proxies,
    ) -> PassivePool {
        PassivePool::with(ports, addresses, tls, keep_alive, proxies, None)
    }

    fn with(
        ports: RangeInclusive<u16>,
        addresses: (Ipv4Addr, Ipv6Addr),
        tls: Option<Arc<Tls>>,
        keep_alive: KeepAlive,
        proxies: Proxies,
        shared_port: Option<SharedPort>,
    ) -> PassivePool {
        let sharing = match &shared_port {
            None => Sharing::None,
            Some(port) => port.sharing(),
        };
        let state = Mutex::new(State::new(ports, sharing));
        let (held, swept) = (Arc::default(), Once::new());
        let runtime = Handle::current();
        let retired = AtomicBool::new(false);
        let shared =
            Shared { addresses, tls, keep_alive, proxies, retired, shared_port, state, held, swept, runtime };
        PassivePool { shared: Arc::new(shared) }
    }

    /// A place for the next connection from `peer`, at a port drawn at random. The unspecified address
    /// stands for any of its family. Where sessions of this peer hold all ports, it waits until one is
    /// free; dropping the future gives up the turn. With a `guard` the connection has to be protected.
    ///
    /// # Errors
    /// When other programs have all ports of the range, or the system has no more descriptors.
    pub async fn listen(&self, peer: IpAddr, guard: Option<Guard>) -> io::Result<Place> {
        let mut turn = {
            let mut state = self.shared.state();
            let turn = state.queue(peer, guard, Instant::now());
            let failed = self.shared.grant(&mut state, peer).err();
            // It may be the next one's turn that failed.
            if let Some(error) = failed.filter(|_| turn.is_empty()) {
                return Err(error);
            }
            turn
        };
        if let Ok(grant) = turn.try_recv() {
            return Ok(self.place(peer, grant).await);
        }
        tracing::info!(%peer, "a session waits for a passive port that other sessions of its peer hold");
        loop {
            // Things may change sooner than they look to.
            let soon = Instant::now() + state::REST;
            let change = self.shared.state().next_change(peer).map_or(soon, |at| at.min(soon));
            tokio::select! {
                biased;
                granted = &mut turn => {
                    let grant = granted.map_err(|_| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
                    return Ok(self.place(peer, grant).await);
                }
                () = tokio::time::sleep_until(change) => {
                    let failed = self.shared.grant(&mut self.shared.state(), peer).err();
                    if let Some(error) = failed.filter(|_| turn.is_empty()) {
                        return Err(error);
                    }
                }
            }
        }
    }

    async fn place(&self, peer: IpAddr, grant: Grant) -> Place {
        let Grant { port, id, bound, connection, gone } = grant;
        let shared = Arc::clone(&self.shared);
        let place = Place { shared, peer, port, id, bound, connection, settled: false, _gone: gone };
        self.shared.open(peer, port, id).await;
        place
    }

    /// True when control connections come to the port as well.
    pub fn is_shared(&self) -> bool {
        self.shared.shared_port.is_some()
    }

    /// Tells which ports a router leads here, so that those are drawn first.
    pub fn set_outward(&self, ports: impl Iterator<Item = u16>) {
        self.shared.state().set_outward(ports);
    }

    /// Takes no new connections any more, since another process takes them, and gives up its ports as soon as nobody
    /// waits there.
    pub fn retire(&self) {
        self.shared.retired.store(true, Ordering::Relaxed);
        let shared = Arc::downgrade(&self.shared);
        self.shared.runtime.spawn(async move {
            while let Some(shared) = shared.upgrade() {
                if shared.state().retire() {
                    return;
                }
                drop(shared);
                tokio::time::sleep(RETIRING).await;
            }
        });
    }

    /// Places that are held now.
    pub fn places(&self) -> usize {
        self.shared.state().places()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives free ports to those of `peer` who wait, in their order.
    fn grant(self: &Arc<Self>, state: &mut State, peer: IpAddr) -> io::Result<()> {
        let granted = self.grant_peer(state, peer);
        while let Some(next) = state.pop_next() {
            // They hear of an error when they look for themselves.
            let _ = self.grant_peer(state, next);
        }
        granted
    }

    fn grant_peer(self: &Arc<Self>, state: &mut State, peer: IpAddr) -> io::Result<()> {
        let now = Instant::now();
        state.expire(peer, now);
        while state.is_awaited(peer) && !state.is_put_off(peer, now) {
            let Some(port) = state.draw(peer) else {
                if state.has_ports(peer) {
                    return Ok(());
                }
                state.dismiss(peer);
                return Err(io::ErrorKind::AddrInUse.into());
            };
            if let Some(bound) = state.bound(peer, port) {
                // What has come by now came for one who had the port before.
                while let Some((stream, peer)) = bound.accept() {
                    self.hand_over(state, stream, peer, port);
                    state.push_next(peer.ip());
                }
            } else if self.shared_port.is_none() {
                match self.bind(peer, port) {
                    Ok(bound) => state.set_bound(peer, port, bound),
                    Err(error) if is_about_the_port(&error) => {
                        tracing::warn!(port, %error, "passive port cannot be used now");
                        state.set_unusable(peer, port, now);
                        continue;
                    }
                    Err(error) => {
                        state.dismiss(peer);
                        return Err(error);
                    }
                }
            }
            // Later than what was drained.
            state.give(peer, port, Instant::now());
            self.held.notify_one();
        }
        Ok(())
    }

    fn bind(self: &Arc<Self>, peer: IpAddr, port: u16) -> io::Result<Arc<Bound>> {
        let address = match peer {
            IpAddr::V4(_) => IpAddr::V4(self.addresses.0),
            IpAddr::V6(_) => IpAddr::V6(self.addresses.1),
        };
        let listener = socket::listen_with(SocketAddr::new(address, port), self.keep_alive, QUEUE)?;
        let bound = Arc::new(Bound::new(port, listener, self));
        self.swept.call_once(|| {
            drop(self.runtime.spawn(bound::sweep(Arc::downgrade(self), Arc::clone(&self.held))));
        });
        Ok(bound)
    }

    /// Hands a connection to the session that waits for it, or closes it.
    fn deliver(self: &Arc<Self>, stream: Stream, peer: SocketAddr, port: u16) {
        let mut state = self.state();
        self.hand_over(&mut state, stream, peer, port);
        // Whoever waits hears of an error when they look for themselves.
        let _ = self.grant(&mut state, peer.ip());
    }

    fn hand_over(self: &Arc<Self>, state: &mut State, mut stream: Stream, peer: SocketAddr, port: u16) {
        // A session may run on another, and end, while others depend on what is started here.
        let _entered = self.runtime.enter();
        match (state.claim(peer.ip(), port), &self.tls) {
            // It fails when the session ended this very moment: the connection is closed then.
            (Claim::Settled(place), _) => drop(place.send(Ok(stream))),
            (Claim::Candidate(candidate), Some(tls)) => {
                // Where the system has no room for it, it is closed.
                if let Ok(socket) = stream.watch() {
                    let approach = state.approach(socket, peer, port, Some(&candidate));
                    self.runtime.spawn(Arc::clone(self).prove(approach, Arc::clone(tls), candidate));
                }
            }
            (Claim::Stranger(visit), Some(tls)) if tls.resume() != Resume::Off => {
                if let Ok(socket) = stream.watch() {
                    let approach = state.approach(socket, peer, port, None);
                    self.runtime.spawn(Arc::clone(self).prove_stranger(approach, Arc::clone(tls), visit));
                }
            }
            (Claim::Stranger(_) | Claim::Nobody | Claim::Candidate(_), _) => {
                state.note_stranger(peer.ip(), port, Instant::now());
                tracing::info!(%peer, port, "data connection of a stranger closed");
            }
        }
    }

    /// True when the session may go on waiting at its port.
    fn renew(self: &Arc<Self>, peer: IpAddr, port: u16, id: u64) -> bool {
        self.drain(peer, port);
        let mut state = self.state();
        state.expire(peer, Instant::now());
        // Who asks again and again must not keep others waiting for ever; and where there is another
        // port, a connection that is still on its way cannot be taken for the next one.
        !state.is_awaited(peer) && state.draw(peer).is_none() && state.renew(peer, port, id, Instant::now())
    }
}

/// True when another port may do better.
fn is_about_the_port(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
    matches!(error.kind(), AddrInUse | AddrNotAvailable | PermissionDenied)
}

/// The right to the next connection from a peer to a port. Dropping it gives it up.
#[derive(Debug)]
pub struct Place {
    shared: Arc<Shared>,
    peer: IpAddr,
    port: u16,
    id: u64,
    /// The port itself, unless control connections come to it as well.
    bound: Option<Arc<Bound>>,
    connection: oneshot::Receiver<Arrival>,
    /// The connection has come.
    settled: bool,
    _gone: DropGuard,
}

impl Place {
    /// The port, 1 to 65535.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether a connection has come; nothing where that only shows when the transfer begins.
    pub fn has_come(&mut self) -> Option<bool> {
        let bound = self.bound.as_ref()?;
        self.shared.take_until(bound, || false);
        Some(!matches!(self.connection.try_recv(), Err(oneshot::error::TryRecvError::Empty)))
    }

    /// Ends the waiting for a connection and begins anew. `None` when that takes another place: since a
    /// connection came, which is closed; since another port is free; or since another session waits.
    pub async fn renewed(mut self) -> Option<Place> {
        let renewed = self.shared.renew(self.peer, self.port, self.id);
        let untouched = matches!(self.connection.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        if !renewed || !untouched {
            return None;
        }
        self.shared.open(self.peer, self.port, self.id).await;
        Some(self)
    }

    /// The session has said its transfer command, and the client does not know yet that it was taken:
    /// nobody else gets the place now.
    pub fn engage(&self, direction: Direction) {
        // What has come by now came before the client could know.
        match &self.bound {
            Some(bound) => self.shared.take_until(bound, || !self.connection.is_empty()),
            None => self.shared.drain(self.peer, self.port),
        }
        self.shared.engage(self.peer, self.port, self.id, direction);
    }

    /// Waits for the connection.
    ///
    /// # Errors
    /// When the one that came is not protected as it must be, or when the place was lost to a session
    /// that waited while nothing came here for long.
    pub async fn connection(&mut self) -> Result<Stream, ConnectError> {
        if let Some(bound) = self.bound.as_ref().filter(|_| self.connection.is_empty()) {
            bound.wait_for();
        }
        let lost = || io::Error::new(io::ErrorKind::TimedOut, "the passive port went to another session");
        let stream = loop {
            match tokio::time::timeout(ELSEWHERE, &mut self.connection).await {
                Ok(arrival) => {
                    self.settled = true;
                    let mut stream = arrival.map_err(|_| lost())??;
                    // The runtime of this task looks after it from now on.
                    stream.leave();
                    break stream;
                }
                Err(_) if self.shared.state().saw_stranger(self.peer, self.port, self.id) => {
                    return Err(ConnectError::Elsewhere);
                }
                Err(_) => {}
            }
        };
        if self.shared.shared_port.is_some() {
            // It came by a listener for control connections.
            stream.set_out_of_band_apart()?;
        }
        Ok(stream)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        match &self.bound {
            Some(bound) if !self.settled => self.shared.take_until(bound, || false),
            Some(_) => {}
            // What has come need not be waited for.
            None => self.shared.drain(self.peer, self.port),
        }
        let mut state = self.shared.state();
        state.release(self.peer, self.port, self.id, Instant::now());
        // Whoever waits hears of an error when they look for themselves.
        let _ = self.shared.grant(&mut state, self.peer);
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
