//! One port for control and data connections.
//!
//! `PASV` and its kin announce the control port itself, and whatever comes there is sorted. Who has no
//! session that waits for a data connection wants a new session, and is greeted at once. Of one who has,
//! a connection may be either, and is held back without a greeting until that shows:
//!
//! - where data has to be protected and control connections begin in the clear, by the first message of a TLS
//!   handshake;
//! - else, where the transfer is an upload, by the first bytes: who wants a session waits for the greeting; where
//!   nobody sends anything for three seconds, by the order;
//! - else by the transfer command: the last connection that came before it is its data connection, since a
//!   client opens that right before; where none has come, the first that comes after it; where two came at
//!   once, the transfer is refused, and the client tries again;
//! - once it has its connection, or waits no more, what is still held wants a session.
//!
//! Where all connections begin with TLS, those that resume the TLS session of the one who waits come before all
//! others in this, and a handshake that still runs is waited for.
//!
//! While sessions with TLS wait, a connection from an address of which nobody does is held back for a moment
//! too: a handshake that resumes one of those sessions is taken from anywhere.
//!
//! Sessions of one address take turns, so that no two of them wait at the same time. What is left, for downloads in
//! the clear: another control connection from the same address that is that first one gets the data, if the data
//! connection itself comes later than the command. Where all connections begin with TLS, that can only be one of the
//! same client, or, if that resumes no TLS sessions and need not, one of its address.

mod implicit;
mod line;
mod sort;

use super::held::Holding;
use super::state::Sharing;

use super::{Direction, PassivePool, Shared};
use crate::control::Control;
use crate::listen::{Listener, PAUSE};
use crate::proxied::{self, Route};
use crate::socket::{self, KeepAlive};
use crate::tls::{Handshake, Identity, Resume, Session, Tls};
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How long the answer to `PASV` and its kin waits where a handshake does not show which connection is meant, for
/// other sessions that the client opens with it.
const CALM: Duration = Duration::from_millis(5);

/// How long it waits at most for a client that goes on opening sessions.
const CALM_MAX: Duration = Duration::from_millis(300);

/// A control port that passive data connections come to as well.
#[derive(Debug)]
pub struct OnePort {
    pool: PassivePool,
    /// Control connections that it took some time to recognize.
    control: mpsc::UnboundedReceiver<Arrived>,
}

/// A connection that came.
#[derive(Debug)]
pub(super) struct Arrived {
    socket: TcpStream,
    peer: SocketAddr,
    /// The one that it took to a proxy.
    route: Option<Route>,
    /// TLS has begun on it already.
    tls: Option<(Session, Secured)>,
}

/// A control connection that came, and that no runtime looks after yet.
#[derive(Debug)]
pub struct Newcomer {
    socket: std::net::TcpStream,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// The one that it took to a proxy. It is rare.
    route: Option<Box<Route>>,
    /// It is large, and rare.
    tls: Option<Box<(Session, Secured)>>,
}

/// What came of a handshake on a control connection that might have been one for data.
#[derive(Debug)]
pub struct Secured {
    /// What its session goes by.
    pub identity: Identity,
    /// What the client showed.
    pub handshake: Handshake,
}

impl Newcomer {
    /// One on which nothing has been said yet; its socket does not block.
    pub(crate) fn new(socket: std::net::TcpStream, peer: SocketAddr) -> Newcomer {
        Newcomer { socket, peer: socket::canonical(peer), route: None, tls: None }
    }

    /// One from a proxy, which has said whose it is; `None` if it is its own.
    pub(crate) fn proxied(socket: std::net::TcpStream, proxy: SocketAddr, route: Option<Route>) -> Newcomer {
        let peer = socket::canonical(route.map_or(proxy, |route| route.peer));
        Newcomer { socket, peer, route: route.map(Box::new), tls: None }
    }

    fn of(arrived: Arrived) -> io::Result<Newcomer> {
        let Arrived { socket, peer, route, tls } = arrived;
        let newcomer = Newcomer::proxied(socket.into_std()?, peer, route);
        Ok(Newcomer { tls: tls.map(Box::new), ..newcomer })
    }

    /// Takes it as a control connection, which the runtime looks after where this is called.
    ///
    /// # Errors
    /// When it is gone already.
    pub fn into_control(self) -> io::Result<(Control, Option<Secured>)> {
        let Newcomer { socket, peer, route, tls } = self;
        let route = route.map(|route| *route);
        let socket = TcpStream::from_std(socket)?;
        match tls {
            None => Ok((Control::new(socket, peer, route)?, None)),
            Some(tls) => {
                let (session, secured) = *tls;
                Ok((Control::secured(socket, peer, route, session)?, Some(secured)))
            }
        }
    }
}

/// What the pool knows of the listener.
#[derive(Debug)]
pub(super) struct SharedPort {
    listener: TcpListener,
    /// Held from taking a connection until it is taken note of, so that nobody sees the one without the other.
    taking: Mutex<()>,
    port: u16,
    /// What control connections begin with, where that is TLS.
    implicit: Option<Arc<Tls>>,
    /// Not more than there are connections.
    control: mpsc::UnboundedSender<Arrived>,
}

/// What a connection to the control port may be, if it is no control connection.
enum Suspicion {
    /// A data connection that shows whose it is; it came then.
    Stranger(Instant),
    /// The one that its peer waits for.
    Either { holding: Holding, guarded: bool },
}

impl OnePort {
    /// The port of this listener. `tls` is what data connections are protected with; `implicit`: control
    /// connections too, from the first byte.
    pub fn new(listener: Listener, tls: Option<Arc<Tls>>, keep_alive: KeepAlive, implicit: bool) -> OnePort {
        let port = listener.address().port();
        let (sender, control) = mpsc::unbounded_channel();
        let (listener, proxies) = listener.into_parts();
        let shared_port = SharedPort {
            listener,
            taking: Mutex::default(),
            port,
            implicit: tls.clone().filter(|_| implicit),
            control: sender,
        };
        let any = (Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED);
        OnePort {
            pool: PassivePool::with(port..=port, any, tls, keep_alive, proxies, Some(shared_port)),
            control,
        }
    }

    /// Where its data connections go.
    pub fn pool(&self) -> PassivePool {
        self.pool.clone()
    }

    /// Somebody who has come before, and was not taken yet.
    pub fn left_over(&mut self) -> Option<Newcomer> {
        std::iter::from_fn(|| self.control.try_recv().ok()).find_map(|arrived| Newcomer::of(arrived).ok())
    }

    /// The next control connection. Data connections go to their sessions meanwhile.
    pub async fn accept(&mut self) -> Newcomer {
        let shared = &self.pool.shared;
        loop {
            tokio::select! {
                biased;
                // The pool, which is the sender's, is ours.
                Some(arrived) = self.control.recv() => match Newcomer::of(arrived) {
                    Ok(newcomer) => return newcomer,
                    Err(error) => tracing::warn!(%error, "cannot take a connection"),
                },
                Err(error) = poll_fn(|context| shared.poll_take(context)) => {
                    tracing::warn!(%error, "cannot take a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

impl SharedPort {
    pub(super) fn sharing(&self) -> Sharing {
        self.implicit.as_ref().map_or(Sharing::Clear, |tls| Sharing::Tls(tls.resume()))
    }

    /// Takes the connections that have come by now, without waiting.
    pub(super) fn drain(&self, shared: &Arc<Shared>) {
        if shared.retired.load(Ordering::Relaxed) {
            return;
        }
        let _taking = self.taking.lock().unwrap_or_else(PoisonError::into_inner);
        let _entered = shared.runtime.enter();
        while let Ok((socket, peer)) = socket::accept(&self.listener) {
            // Where the system has no room for it, it is closed.
            if let Ok(socket) = TcpStream::from_std(socket) {
                shared.arrive(socket, peer);
            }
        }
    }
}

impl Shared {
    /// Takes the connections to the control port, until that fails.
    fn poll_take(self: &Arc<Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(shared_port) = &self.shared_port else { return Poll::Pending };
        loop {
            let _taking = shared_port.taking.lock().unwrap_or_else(PoisonError::into_inner);
            match shared_port.listener.poll_accept(context) {
                Poll::Ready(Ok((socket, peer))) => self.arrive(socket, peer),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// What comes from a proxy says first whose it is.
    fn arrive(self: &Arc<Self>, socket: TcpStream, peer: SocketAddr) {
        let leave = match self.proxies.leave(peer) {
            None => return self.come(socket, peer, None),
            Some(Ok(leave)) => leave,
            Some(Err(_)) => return tracing::warn!(%peer, "too many connections from proxies"),
        };
        let shared = Arc::clone(self);
        self.runtime.spawn(async move {
            if let Some((socket, route)) = proxied::hear(leave, socket, peer).await {
                shared.come(socket, route.map_or(peer, |route| route.peer), route);
            }
        });
    }

    /// Begins to see what a connection is. What came before it was looked at before it.
    fn come(self: &Arc<Self>, socket: TcpStream, peer: SocketAddr, route: Option<Route>) {
        let Some(SharedPort { port, control, implicit, .. }) = &self.shared_port else { return };
        let arrived = Arrived { socket, peer, route, tls: None };
        let Some(suspicion) = self.suspect(socket::canonical(peer).ip(), *port) else {
            // It fails when the server stops.
            return drop(control.send(arrived));
        };
        let (shared, control, implicit) = (Arc::clone(self), control.clone(), implicit.clone());
        self.runtime.spawn(async move {
            let arrived = match implicit {
                None => shared.sort(arrived, suspicion).await,
                Some(tls) => shared.sort_implicit(arrived, suspicion, &tls).await,
            };
            if let Some(arrived) = arrived {
                drop(control.send(arrived));
            }
        });
    }

    /// Lets connections come to a place that its client is about to be told of. Where a handshake does not show
    /// which is meant, those that come at the same time as the question are let pass first: a client that does
    /// several things at once opens other sessions together with it.
    pub(super) async fn open(self: &Arc<Self>, peer: IpAddr, port: u16, id: u64) {
        let Some(shared_port) = &self.shared_port else { return };
        if !self.state().is_shown_by_handshake(peer, port) {
            let latest = Instant::now() + CALM_MAX;
            let mut calm = Some(CALM);
            while let Some(time) = calm {
                tokio::time::sleep(time).await;
                shared_port.drain(self);
                calm =
                    self.state().unrest(peer, Instant::now()).filter(|time| Instant::now() + *time < latest);
            }
        }
        self.state().open(peer, port, id);
    }

    /// What a connection may be besides a control connection, by where it comes from.
    fn suspect(self: &Arc<Self>, peer: IpAddr, port: u16) -> Option<Suspicion> {
        let (mut state, now) = (self.state(), Instant::now());
        let Some(guarded) = state.awaits(peer, port) else {
            state.note_control(peer, now);
            // What comes for a place comes when its client knows of it.
            if state.has_place(peer, port) {
                return None;
            }
            // Perhaps it is the data connection of a client with several addresses.
            state.note_stranger(peer, port, now);
            let shows = self.tls.as_ref().is_some_and(|tls| tls.resume() != Resume::Off);
            return (shows && state.awaits_stranger(peer, port)).then_some(Suspicion::Stranger(now));
        };
        let holding = state.hold(peer, port, now);
        if state.call_held(peer, port, now) {
            // Whoever waits hears of an error when they look for themselves.
            let _ = self.grant(&mut state, peer);
        }
        Some(Suspicion::Either { holding, guarded })
    }

    /// A session of this peer has said its transfer command.
    pub(super) fn engage(self: &Arc<Self>, peer: IpAddr, port: u16, id: u64, direction: Direction) {
        self.state().engage(peer, port, id, direction, Instant::now());
        if self.shared_port.is_some() {
            self.call_held(peer, port);
        }
    }

    /// Looks again which connection a session of this peer waits for.
    fn call_held(self: &Arc<Self>, peer: IpAddr, port: u16) {
        let mut state = self.state();
        if state.call_held(peer, port, Instant::now()) {
            // Whoever waits hears of an error when they look for themselves.
            let _ = self.grant(&mut state, peer);
        }
    }
}
