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
//! A place that is given up before its connection came rests for a moment, since that connection
//! may still be on its way and belongs to nobody else.

mod held;
mod one_port;
mod prove;
mod state;
mod visitors;

use crate::socket::{self, KeepAlive};
use crate::stream::{ConnectError, Guard, Stream};
use crate::tls::{Resume, Tls};
use one_port::SharedPort;
use state::{Arrival, Claim, Grant, Sharing, State};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::DropGuard;

pub use one_port::{Arrived, OnePort, Secured};
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
    /// Control connections come to the port as well.
    shared_port: Option<SharedPort>,
    state: Mutex<State>,
}

/// How long a session waits for its connection when one came from another address: a client connects at
/// once, so that it was probably that one.
const ELSEWHERE: Duration = Duration::from_secs(5);

impl PassivePool {
    /// A pool of these ports on these addresses; unspecified ones mean all of the family. Each port is
    /// bound when it is first drawn. `tls` is what connections are protected with.
    pub fn new(
        ports: RangeInclusive<u16>,
        addresses: (Ipv4Addr, Ipv6Addr),
        tls: Option<Arc<Tls>>,
        keep_alive: KeepAlive,
    ) -> PassivePool {
        PassivePool::with(ports, addresses, tls, keep_alive, None)
    }

    fn with(
        ports: RangeInclusive<u16>,
        addresses: (Ipv4Addr, Ipv6Addr),
        tls: Option<Arc<Tls>>,
        keep_alive: KeepAlive,
        shared_port: Option<SharedPort>,
    ) -> PassivePool {
        let sharing = match &shared_port {
            None => Sharing::None,
            Some(port) => port.sharing(),
        };
        let shared =
            Shared { addresses, tls, keep_alive, shared_port, state: Mutex::new(State::new(ports, sharing)) };
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
        if turn.is_empty() {
            tracing::info!(%peer, "a session waits for a passive port that other sessions of its peer hold");
        }
        loop {
            // Things may change sooner than they look to.
            let soon = Instant::now() + state::REST;
            let change = self.shared.state().next_change(peer).map_or(soon, |at| at.min(soon));
            tokio::select! {
                biased;
                granted = &mut turn => {
                    let Grant { port, id, connection, gone } =
                        granted.map_err(|_| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
                    let shared = Arc::clone(&self.shared);
                    let place = Place { shared, peer, port, id, connection, _gone: gone };
                    self.shared.open(peer, port, id).await;
                    return Ok(place);
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

    /// True when control connections come to the port as well.
    pub fn is_shared(&self) -> bool {
        self.shared.shared_port.is_some()
    }

    /// Tells which ports a router leads here, so that those are drawn first.
    pub fn set_outward(&self, ports: impl Iterator<Item = u16>) {
        self.shared.state().set_outward(ports);
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
            if self.shared_port.is_none() && !state.is_bound(peer, port) {
                match self.bind(peer, port) {
                    Ok(listener) => state.set_bound(peer, port, listener),
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
            state.give(peer, port, now);
        }
        Ok(())
    }

    fn bind(self: &Arc<Self>, peer: IpAddr, port: u16) -> io::Result<Arc<TcpListener>> {
        let address = match peer {
            IpAddr::V4(_) => IpAddr::V4(self.addresses.0),
            IpAddr::V6(_) => IpAddr::V6(self.addresses.1),
        };
        let listener = Arc::new(socket::listen(SocketAddr::new(address, port))?);
        tokio::spawn(accept(Arc::downgrade(self), Arc::clone(&listener), port));
        Ok(listener)
    }

    /// Hands a connection to the session that waits for it, or closes it.
    fn deliver(self: &Arc<Self>, socket: TcpStream, peer: SocketAddr, port: u16) {
        let peer = socket::canonical(peer);
        let mut state = self.state();
        match (state.claim(peer.ip(), port), &self.tls) {
            // It fails when the session ended this very moment: the connection is closed then.
            (Claim::Settled(place), _) => drop(place.send(Ok(Stream::plain(socket)))),
            (Claim::Candidate(candidate), Some(tls)) => {
                let approach = state.approach(socket, peer, port, Some(&candidate));
                tokio::spawn(Arc::clone(self).prove(approach, Arc::clone(tls), candidate));
            }
            (Claim::Stranger(visit), Some(tls)) if tls.resume() != Resume::Off => {
                let approach = state.approach(socket, peer, port, None);
                tokio::spawn(Arc::clone(self).prove_stranger(approach, Arc::clone(tls), visit));
            }
            (Claim::Stranger(_) | Claim::Nobody | Claim::Candidate(_), _) => {
                state.note_stranger(peer.ip(), port, Instant::now());
                tracing::info!(%peer, port, "data connection of a stranger closed");
            }
        }
        // Whoever waits hears of an error when they look for themselves.
        let _ = self.grant(&mut state, peer.ip());
    }

    /// Takes the connections that have come to a port by now, without waiting.
    fn drain(self: &Arc<Self>, peer: IpAddr, port: u16) {
        if let Some(shared_port) = &self.shared_port {
            return shared_port.drain(self);
        }
        let Some(listener) = self.state().listener(peer, port) else { return };
        while let Ok((stream, peer)) = socket::accept(&listener) {
            self.deliver(stream, peer, port);
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

/// Takes the connections to one port, until one comes when the pool is gone.
async fn accept(shared: std::sync::Weak<Shared>, listener: Arc<TcpListener>, port: u16) {
    loop {
        let accepted = listener.accept().await;
        let Some(shared) = shared.upgrade() else { return };
        match accepted {
            Ok((stream, peer)) => shared.deliver(stream, peer, port),
            Err(error) => {
                tracing::warn!(port, %error, "cannot take a data connection");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

/// The right to the next connection from a peer to a port. Dropping it gives it up.
#[derive(Debug)]
pub struct Place {
    shared: Arc<Shared>,
    peer: IpAddr,
    port: u16,
    id: u64,
    connection: oneshot::Receiver<Arrival>,
    _gone: DropGuard,
}

impl Place {
    /// The port, 1 to 65535.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether a connection has come; nothing where that only shows when the transfer begins.
    pub fn has_come(&mut self) -> Option<bool> {
        if self.shared.shared_port.is_some() {
            return None;
        }
        self.shared.drain(self.peer, self.port);
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
        self.shared.drain(self.peer, self.port);
        self.shared.engage(self.peer, self.port, self.id, direction);
    }

    /// Waits for the connection.
    ///
    /// # Errors
    /// When the one that came is not protected as it must be, or when the place was lost to a session
    /// that waited while nothing came here for long.
    pub async fn connection(&mut self) -> Result<Stream, ConnectError> {
        let lost = || io::Error::new(io::ErrorKind::TimedOut, "the passive port went to another session");
        let stream = loop {
            match tokio::time::timeout(ELSEWHERE, &mut self.connection).await {
                Ok(arrival) => break arrival.map_err(|_| lost())??,
                Err(_) if self.shared.state().saw_stranger(self.peer, self.port, self.id) => {
                    return Err(ConnectError::Elsewhere);
                }
                Err(_) => {}
            }
        };
        self.shared.keep_alive.set(&(&*stream.socket).into())?;
        Ok(stream)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(shared_port) = &self.shared.shared_port {
            // What has come need not be waited for.
            shared_port.drain(&self.shared);
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
