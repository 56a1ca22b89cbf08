//! One port for control and data connections.
//!
//! `PASV` and its kin announce the control port itself, and whatever comes there is sorted. Who has no
//! session that waits for a data connection wants a new session, and is greeted at once. Of one who has,
//! a connection may be either, and is held back without a greeting until that shows:
//!
//! - where data has to be protected, by the first message of a TLS handshake, which no control connection
//!   begins with here;
//! - else by the transfer command: the last connection that came before it is its data connection, since a
//!   client opens that right before; where none has come, the first that comes after it;
//! - once it has its connection, or waits no more, what is still held wants a session.
//!
//! While sessions with TLS wait, a connection from an address of which nobody does is held back for a moment
//! too: a handshake that resumes one of those sessions is taken from anywhere.
//!
//! Sessions of one address take turns, so that no two of them wait at the same time. What is left: in the
//! clear, another control connection from the same address that is that last or first one gets the data.

use super::{PassivePool, Shared};
use crate::socket;
use crate::tls::Tls;
use rustix::net::RecvFlags;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How long a connection is held back whose session says no transfer command.
const HOLD: Duration = Duration::from_secs(10);

/// How long others are held back while sessions with TLS wait: everybody's greeting is so much later then.
const STRANGER_HOLD: Duration = Duration::from_millis(300);

/// The first byte of a TLS handshake (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;

impl PassivePool {
    /// A pool of one port that somebody else listens on, and shows each connection to
    /// [`sort`](Self::sort).
    pub fn of_control_port(port: u16, tls: Option<Arc<Tls>>) -> PassivePool {
        PassivePool::with(port..=port, Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED, tls, true)
    }

    /// Sees whether this is a data connection, which goes to its session then. Gives a control connection
    /// back. It may take seconds.
    pub async fn sort(&self, socket: TcpStream, peer: SocketAddr, port: u16) -> Option<TcpStream> {
        let peer = socket::canonical(peer);
        let is_data = match self.suspect(peer.ip(), port) {
            Suspicion::Control => false,
            Suspicion::Stranger => tokio::time::timeout(STRANGER_HOLD, shakes_hands(&socket)).await.is_ok(),
            Suspicion::Either { verdict, guarded } => {
                self.is_data(&socket, peer.ip(), port, verdict, guarded).await
            }
        };
        if is_data {
            self.shared.deliver(socket, peer, port);
            return None;
        }
        Some(socket)
    }

    /// What a connection may be, by where it comes from.
    fn suspect(&self, peer: IpAddr, port: u16) -> Suspicion {
        let mut state = self.shared.state();
        let Some(guarded) = state.awaits(peer, port) else {
            // Perhaps it is the data connection of a client with several addresses.
            state.note_stranger(peer, port, Instant::now());
            return if state.awaits_guarded(port) { Suspicion::Stranger } else { Suspicion::Control };
        };
        match state.hold(peer, port) {
            Some(verdict) => Suspicion::Either { verdict, guarded },
            // So many at once want sessions.
            None => Suspicion::Control,
        }
    }

    async fn is_data(
        &self,
        socket: &TcpStream,
        peer: IpAddr,
        port: u16,
        mut verdict: oneshot::Receiver<bool>,
        guarded: bool,
    ) -> bool {
        let mut until = Instant::now() + HOLD;
        loop {
            tokio::select! {
                biased;
                is_data = &mut verdict => return is_data.unwrap_or(false),
                () = shakes_hands(socket), if guarded => return true,
                () = tokio::time::sleep_until(until) => {
                    // Some begin their handshake only when the transfer does, and that may take a while.
                    if !self.shared.state().is_engaged(peer, port) {
                        return false;
                    }
                    until += HOLD;
                }
            }
        }
    }
}

/// What a connection to the control port may be.
enum Suspicion {
    /// A control connection.
    Control,
    /// A control connection, or a data connection that shows whose it is.
    Stranger,
    /// Either, of a peer who waits for data.
    Either { verdict: oneshot::Receiver<bool>, guarded: bool },
}

impl Shared {
    /// A session of this peer has said its transfer command: the connection that is held is its own.
    pub(super) fn call_held(&self, peer: IpAddr, port: u16) {
        let mut state = self.state();
        if state.awaits(peer, port) == Some(false) {
            state.call_last(peer, port);
        }
    }
}

/// Waits for the first byte of a handshake; for ever, when something else comes.
async fn shakes_hands(socket: &TcpStream) {
    let mut first = [0];
    let peek = || {
        let read = rustix::net::recv(socket, &mut first, RecvFlags::PEEK | RecvFlags::DONTWAIT);
        read.map(|(count, _)| (count, first[0])).map_err(std::io::Error::from)
    };
    let read = socket.async_io(tokio::io::Interest::READABLE, peek);
    if !matches!(read.await, Ok((1, HANDSHAKE))) {
        std::future::pending::<()>().await;
    }
}
