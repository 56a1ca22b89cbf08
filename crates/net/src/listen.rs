//! Listeners for control connections.

use crate::passive::Newcomer;
use crate::proxied::{self, Proxies};
use crate::socket::{self, KeepAlive};
use socket2::SockRef;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Connections that wait to be taken.
pub(crate) const QUEUE: i32 = 1024;

/// Pause after the system refused to hand out a connection, for want of descriptors for instance.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);

/// True when all IPv6 addresses could not be listened on because the system has no IPv6.
pub fn is_no_ipv6(address: SocketAddr, error: &io::Error) -> bool {
    let kind = matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported);
    // The address family is unknown to a system that was built without it.
    let unknown_family = error.raw_os_error() == Some(97);
    address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && (kind || unknown_family)
}

/// A listener for control connections.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
    proxies: Proxies,
    /// Connections that came by way of a proxy, once it has said whose they are.
    proxied: (mpsc::UnboundedSender<Newcomer>, mpsc::UnboundedReceiver<Newcomer>),
}

impl Listener {
    /// Listens. An IPv6 address takes IPv6 connections only: `0.0.0.0` is for IPv4. Port 0 is one of
    /// the system's choice. `keep_alive` is for the connections that come, and `proxies` say whose they are.
    ///
    /// # Errors
    /// When the address is in use, not this machine's, or not allowed.
    pub fn bind(address: SocketAddr, keep_alive: KeepAlive, proxies: Proxies) -> io::Result<Listener> {
        Listener::of(socket::listen_with(address, keep_alive, QUEUE)?, keep_alive, proxies)
    }

    /// Takes a socket that listens already.
    ///
    /// # Errors
    /// When it does not.
    pub fn of(
        listener: std::net::TcpListener,
        keep_alive: KeepAlive,
        proxies: Proxies,
    ) -> io::Result<Listener> {
        listener.set_nonblocking(true)?;
        keep_alive.set(&SockRef::from(&listener))?;
        // What comes by it has the same settings from the start.
        let options = SockRef::from(&listener);
        // Replies are whole when they are written: there is nothing to wait for.
        options.set_tcp_nodelay(true)?;
        // ABOR comes as urgent data from some clients; it belongs where it stands in the stream.
        options.set_out_of_band_inline(true)?;
        let address = listener.local_addr()?;
        let (listener, proxied) = (TcpListener::from_std(listener)?, mpsc::unbounded_channel());
        Ok(Listener { listener, address, proxies, proxied })
    }

    /// The address, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more. Those that have come by way of a proxy and are still saying whose they are come after each other;
    /// `None` is the end.
    pub async fn last(&mut self) -> Option<Newcomer> {
        // Those who still say it have senders of their own.
        let (mine, _) = mpsc::unbounded_channel();
        drop(std::mem::replace(&mut self.proxied.0, mine));
        self.proxied.1.recv().await
    }

    /// The socket.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }

    /// The socket, and whom it trusts.
    pub(crate) fn into_parts(self) -> (TcpListener, Proxies) {
        (self.listener, self.proxies)
    }

    /// What comes from a proxy says first whose it is.
    fn sort(&self, socket: std::net::TcpStream, peer: SocketAddr) -> Option<Newcomer> {
        let Some(leave) = self.proxies.leave(peer) else { return Some(Newcomer::new(socket, peer)) };
        let (Ok(leave), Ok(socket)) = (leave, TcpStream::from_std(socket)) else {
            tracing::warn!(%peer, "too many connections from proxies");
            return None;
        };
        let proxied = self.proxied.0.clone();
        tokio::spawn(async move {
            let Some((socket, route)) = proxied::hear(leave, socket, peer).await else { return };
            if let Ok(socket) = socket.into_std() {
                // It fails when the server stops.
                drop(proxied.send(Newcomer::proxied(socket, peer, route)));
            }
        });
        None
    }

    /// The next connection.
    pub async fn accept(&mut self) -> Newcomer {
        // Where many come, others on this thread get their turn.
        tokio::task::coop::consume_budget().await;
        // Of one that is there already this runtime need not hear, since another is going to look after it.
        while let Ok((socket, peer)) = socket::accept(&self.listener) {
            if let Some(newcomer) = self.sort(socket, peer) {
                return newcomer;
            }
        }
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                // The sender is ours.
                Some(newcomer) = self.proxied.1.recv() => return newcomer,
            };
            match accepted.and_then(|(socket, peer)| Ok((socket.into_std()?, peer))) {
                Ok((socket, peer)) => {
                    if let Some(newcomer) = self.sort(socket, peer) {
                        return newcomer;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot take a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}
