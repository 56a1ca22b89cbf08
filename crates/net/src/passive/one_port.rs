//! One port for control and data connections.
//!
//! `PASV` and its kin announce the control port itself, and whatever comes there is sorted. Who has no
//! session that waits for a data connection wants a new session, and is greeted at once. Of one who has,
//! a connection may be either, and is held back without a greeting until that shows:
//!
//! - where data has to be protected, by the first message of a TLS handshake, which no control connection
//!   begins with here;
//! - else, where the transfer is an upload, by the first bytes: who wants a session waits for the greeting; where
//!   nobody sends anything for three seconds, by the order;
//! - else by the transfer command: the last connection that came before it is its data connection, since a
//!   client opens that right before; where none has come, the first that comes after it; where two came at
//!   once, the transfer is refused, and the client tries again;
//! - once it has its connection, or waits no more, what is still held wants a session.
//!
//! While sessions with TLS wait, a connection from an address of which nobody does is held back for a moment
//! too: a handshake that resumes one of those sessions is taken from anywhere.
//!
//! Sessions of one address take turns, so that no two of them wait at the same time. What is left, for
//! downloads in the clear: another control connection from the same address that is that first one gets the
//! data, if the data connection itself comes later than the command.

use super::held::{Holding, Verdict};
use super::{Direction, PassivePool, Shared};
use crate::listen::{Listener, PAUSE};
use crate::socket::{self, KeepAlive};
use crate::stream::ConnectError;
use crate::tls::{Resume, Tls};
use rustix::net::RecvFlags;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How long a connection is held back whose session says no transfer command.
const HOLD: Duration = Duration::from_secs(10);

/// How long after a transfer was refused the client has to close the connection that was meant.
const REFUSED_HOLD: Duration = Duration::from_secs(1);

/// How long the answer to `PASV` and its kin waits in the clear, for other sessions that the client opens with
/// it.
const CALM: Duration = Duration::from_millis(5);

/// How long it waits at most for a client that goes on opening sessions.
const CALM_MAX: Duration = Duration::from_millis(300);

/// How long others are held back while sessions with TLS wait: everybody's greeting is so much later then.
const STRANGER_HOLD: Duration = Duration::from_millis(300);

/// The first byte of a TLS handshake (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;

/// A control port that passive data connections come to as well.
#[derive(Debug)]
pub struct OnePort {
    pool: PassivePool,
    /// Control connections that it took some time to recognize.
    control: mpsc::UnboundedReceiver<Came>,
}

/// A connection, and where it comes from.
type Came = (TcpStream, SocketAddr);

/// What the pool knows of the listener.
#[derive(Debug)]
pub(super) struct SharedPort {
    listener: TcpListener,
    /// Held from taking a connection until it is taken note of, so that nobody sees the one without the other.
    taking: Mutex<()>,
    port: u16,
    /// Not more than there are connections.
    control: mpsc::UnboundedSender<Came>,
}

impl OnePort {
    /// The port of this listener. `tls` is what data connections are protected with.
    pub fn new(listener: Listener, tls: Option<Arc<Tls>>, keep_alive: KeepAlive) -> OnePort {
        let port = listener.address().port();
        let (sender, control) = mpsc::unbounded_channel();
        let shared_port =
            SharedPort { listener: listener.into_socket(), taking: Mutex::default(), port, control: sender };
        let any = (Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED);
        OnePort { pool: PassivePool::with(port..=port, any, tls, keep_alive, Some(shared_port)), control }
    }

    /// Where its data connections go.
    pub fn pool(&self) -> PassivePool {
        self.pool.clone()
    }

    /// The next control connection, and where it comes from. Data connections go to their sessions meanwhile.
    pub async fn accept(&mut self) -> Came {
        let shared = &self.pool.shared;
        loop {
            tokio::select! {
                biased;
                // The pool, which is the sender's, is ours.
                Some(came) = self.control.recv() => return came,
                Err(error) = poll_fn(|context| shared.poll_take(context)) => {
                    tracing::warn!(%error, "cannot take a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

impl SharedPort {
    /// Takes the connections that have come by now, without waiting.
    pub(super) fn drain(&self, shared: &Arc<Shared>) {
        let _taking = self.taking.lock().unwrap_or_else(PoisonError::into_inner);
        while let Ok((socket, peer)) = socket::accept(&self.listener) {
            shared.come(socket, peer);
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
                Poll::Ready(Ok((socket, peer))) => self.come(socket, peer),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Begins to see what a connection is. What came before it was looked at before it.
    fn come(self: &Arc<Self>, socket: TcpStream, peer: SocketAddr) {
        let Some(SharedPort { port, control, .. }) = &self.shared_port else { return };
        let from = socket::canonical(peer);
        let port = *port;
        let Some(suspicion) = self.suspect(from.ip(), port) else {
            // It fails when the server stops.
            return drop(control.send((socket, peer)));
        };
        let (shared, control) = (Arc::clone(self), control.clone());
        tokio::spawn(async move {
            let kind = match suspicion {
                Suspicion::Stranger => {
                    match tokio::time::timeout(STRANGER_HOLD, shakes_hands(&socket)).await {
                        Ok(()) => Kind::Data,
                        Err(_) => Kind::Control,
                    }
                }
                Suspicion::Either { holding, guarded } => {
                    shared.find_out(&socket, from.ip(), port, holding, guarded).await
                }
            };
            match kind {
                // Who has closed it already was not waiting for a session.
                Kind::Control if has_ended(&socket) => {}
                Kind::Control => drop(control.send((socket, peer))),
                Kind::Data => shared.deliver(socket, from, port),
                Kind::Closed => {}
            }
        });
    }

    /// Lets connections come to a place that its client is about to be told of. In the clear, those that come
    /// at the same time as the question are let pass first: a client that does several things at once opens
    /// other sessions together with it.
    pub(super) async fn open(self: &Arc<Self>, peer: IpAddr, port: u16, id: u64) {
        let Some(shared_port) = &self.shared_port else { return };
        if !self.state().is_guarded(peer, port) {
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
    fn suspect(&self, peer: IpAddr, port: u16) -> Option<Suspicion> {
        let (mut state, now) = (self.state(), Instant::now());
        let Some(guarded) = state.awaits(peer, port) else {
            // Perhaps it is the data connection of a client with several addresses.
            if !state.has_place(peer, port) {
                state.note_stranger(peer, port, now);
            }
            state.note_control(peer, now);
            let shows = self.tls.as_ref().is_some_and(|tls| tls.resume() != Resume::Off);
            return (shows && state.awaits_guarded(port)).then_some(Suspicion::Stranger);
        };
        state.hold(peer, port, now).map(|holding| Suspicion::Either { holding, guarded })
    }

    async fn find_out(
        &self,
        socket: &TcpStream,
        peer: IpAddr,
        port: u16,
        mut holding: Holding,
        guarded: bool,
    ) -> Kind {
        let mut until = Instant::now() + HOLD;
        let mut ended = false;
        loop {
            let verdict = holding.verdict.borrow_and_update().clone();
            let (mut refused, mut silent) = (None, None);
            match verdict {
                Verdict::Data => return Kind::Data,
                Verdict::Control => return Kind::Control,
                Verdict::Refused(closed) => {
                    until = until.min(Instant::now() + REFUSED_HOLD);
                    refused = Some(closed);
                }
                Verdict::IfItSpeaks(limit) => silent = Some(limit),
                Verdict::Wait => {}
            }
            tokio::select! {
                biased;
                changed = holding.verdict.changed(), if refused.is_none() => {
                    if changed.is_err() {
                        return Kind::Control;
                    }
                }
                () = shakes_hands(socket), if guarded => return Kind::Data,
                // The one that was meant is gone.
                () = async { match &refused {
                    Some(closed) => closed.cancelled().await,
                    None => std::future::pending().await,
                } } => return Kind::Control,
                first = first_byte(socket), if silent.is_some() && !ended || refused.is_some() => {
                    let mut state = self.state();
                    match (first, refused) {
                        // A control connection does not send anything before it is greeted, mostly.
                        (Ok(Some(_)), Some(_)) => return Kind::Control,
                        (_, Some(closed)) => {
                            closed.cancel();
                            return Kind::Closed;
                        }
                        // Else the verdict says that another one spoke first.
                        (Ok(Some(_)), None) if state.call(peer, port, holding.id) => return Kind::Data,
                        (Ok(Some(_)), None) => {}
                        (Ok(None), None) => {
                            ended = true;
                            if state.note_ended(peer, port, holding.id, Instant::now()) {
                                return Kind::Data;
                            }
                        }
                        (Err(_), None) => {
                            state.forget_held(peer, port, holding.id);
                            return Kind::Closed;
                        }
                    }
                }
                () = ends(socket), if !ended && silent.is_none() && refused.is_none() => {
                    ended = true;
                    self.state().note_ended(peer, port, holding.id, Instant::now());
                }
                () = sleep_until(silent), if silent.is_some() => {
                    // A source that has nothing to say yet. Where this is not the one, the verdict says so.
                    self.state().call_silent(peer, port);
                    let _ = holding.verdict.changed().await;
                }
                () = tokio::time::sleep_until(until), if silent.is_none() => {
                    // Some begin their handshake only when the transfer does, and that may take a while.
                    until += HOLD;
                    if refused.is_some() || self.state().give_up_holding(peer, port, holding.id) {
                        return Kind::Control;
                    }
                }
            }
        }
    }
}

/// What a connection to the control port may be, if it is no control connection.
enum Suspicion {
    /// A data connection that shows whose it is.
    Stranger,
    /// The one that its peer waits for.
    Either { holding: Holding, guarded: bool },
}

/// What it was.
enum Kind {
    Control,
    Data,
    /// A data connection whose transfer was refused.
    Closed,
}

impl Shared {
    /// A session of this peer has said its transfer command.
    pub(super) fn engage(self: &Arc<Self>, peer: IpAddr, port: u16, id: u64, direction: Direction) {
        let (mut state, now) = (self.state(), Instant::now());
        state.engage(peer, port, id, direction, now);
        if let Err(place) = state.call_held(peer, port, now) {
            tracing::info!(%peer, port, "several connections at once, one of which is for data");
            // It fails when the session ended this very moment.
            drop(place.send(Err(ConnectError::Ambiguous)));
            // Whoever waits hears of an error when they look for themselves.
            let _ = self.grant(&mut state, peer);
        }
    }
}

/// The first byte that comes, which stays where it is; nothing at the end.
async fn first_byte(socket: &TcpStream) -> io::Result<Option<u8>> {
    let mut first = [0];
    let peek = || {
        let read = rustix::net::recv(socket, &mut first, RecvFlags::PEEK | RecvFlags::DONTWAIT);
        read.map(|(count, _)| (count == 1).then_some(first[0])).map_err(io::Error::from)
    };
    socket.async_io(tokio::io::Interest::READABLE, peek).await
}

/// Waits for the first byte of a handshake; for ever, when something else comes.
async fn shakes_hands(socket: &TcpStream) {
    if !matches!(first_byte(socket).await, Ok(Some(HANDSHAKE))) {
        std::future::pending::<()>().await;
    }
}

/// True when the end has come, and nothing before it.
fn has_ended(socket: &TcpStream) -> bool {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    !matches!(
        rustix::net::recv(socket, &mut [0], flags),
        Ok((1, _)) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR)
    )
}

/// Waits for the end; for ever, when something else comes.
async fn ends(socket: &TcpStream) {
    if matches!(first_byte(socket).await, Ok(Some(_))) {
        std::future::pending::<()>().await;
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
