//! Options that every socket gets.

use rustix::net::SocketFlags;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

/// After how long of silence a peer is asked whether it is still there: never, if `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepAlive(pub Option<Duration>);

impl Default for KeepAlive {
    /// After a minute: some routers forget a connection in two.
    fn default() -> KeepAlive {
        KeepAlive(Some(Duration::from_secs(60)))
    }
}

/// When it was asked, it is asked again so often while it says nothing.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);

/// A socket of the address's family that does not block. One of IPv6 takes IPv6 only.
pub(crate) fn new(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// A listening socket. An IPv6 address takes IPv6 connections only.
///
/// # Errors
/// When the address is in use, not this machine's, or not allowed.
pub fn listen(address: SocketAddr) -> io::Result<tokio::net::TcpListener> {
    tokio::net::TcpListener::from_std(listen_with(address, KeepAlive::default(), 128)?)
}

/// A socket for control connections, before there is a runtime.
///
/// # Errors
/// As [`listen`].
pub fn bind(address: SocketAddr, keep_alive: KeepAlive) -> io::Result<TcpListener> {
    listen_with(address, keep_alive, crate::listen::QUEUE)
}

/// The same, before the runtime knows of it, where connections are kept alive like this, and so many wait.
pub(crate) fn listen_with(
    address: SocketAddr,
    keep_alive: KeepAlive,
    waiting: i32,
) -> io::Result<TcpListener> {
    let socket = new(address)?;
    socket.set_reuse_address(true)?;
    // What comes by it has the same settings from the start (Linux, tcp(7)).
    keep_alive.set(&SockRef::from(&socket))?;
    socket.bind(&address.into())?;
    socket.listen(waiting)?;
    Ok(socket.into())
}

/// Takes a connection that is there already; an error when there is none. Its socket does not block.
pub(crate) fn accept(listener: impl AsFd) -> io::Result<(TcpStream, SocketAddr)> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (socket, peer) = rustix::net::acceptfrom_with(listener, flags)?;
    let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok((socket.into(), peer))
}

impl KeepAlive {
    /// Keeps routers on the way from forgetting a connection that is silent, and finds out when the peer is
    /// gone.
    pub(crate) fn set(self, socket: &SockRef<'_>) -> io::Result<()> {
        let Some(after) = self.0 else { return socket.set_keepalive(false) };
        let every = after.min(KEEPALIVE_EVERY);
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(after).with_interval(every))
    }
}

/// The address with an IPv4 address in IPv6 clothes as what it is.
pub(crate) fn canonical(mut address: SocketAddr) -> SocketAddr {
    address.set_ip(address.ip().to_canonical());
    address
}
