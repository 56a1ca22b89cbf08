//! Opening connections.

use crate::error::{Error, Result};
use crate::event::Event;
use crate::options::Options;
use crate::proxy::{Kind, Problem, Proxy};
use futures_util::stream::{FuturesUnordered, StreamExt};
use portolan_proto::client::{Host, Place};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Instant;

/// After how long of silence the next address is tried as well (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 16;
/// After how long of silence a peer is asked whether it is still there: some routers forget a connection in two minutes.
const KEEPALIVE: Duration = Duration::from_secs(45);

/// A socket of the family of an address, on this address of this side; one that lasts is made ready for silence.
fn socket(to: SocketAddr, from: Option<IpAddr>, lasts: bool) -> io::Result<TcpSocket> {
    let socket =
        Socket::new(Domain::for_address(to), Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    if lasts {
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
        socket.set_tcp_keepalive(&keepalive)?;
    }
    if let Some(from) = from {
        socket.bind(&SocketAddr::new(from, 0).into())?;
    }
    Ok(TcpSocket::from_std_stream(socket.into()))
}

/// Opens a connection, from this address of this side if one is given.
async fn connect(to: SocketAddr, from: Option<IpAddr>, lasts: bool) -> io::Result<TcpStream> {
    socket(to, from, lasts)?.connect(to).await
}

/// Opens a control connection. Also what data connections call the host at its other end, and how long it took to open.
pub(crate) async fn control(options: &Options) -> Result<(TcpStream, Host, Duration)> {
    let deadline = Instant::now() + options.connect;
    if let Some(proxy) = options.carrier() {
        return carried(options, proxy, deadline).await;
    }
    let (host, port) = options.partner();
    let (stream, address, took) = reach(options, host, port, deadline).await?;
    Ok((stream, Host::Address(address.ip()), took))
}

/// The same through a proxy: the addresses of the server are tried in turn, if it is not the proxy that knows them.
async fn carried(options: &Options, proxy: &Proxy, deadline: Instant) -> Result<(TcpStream, Host, Duration)> {
    let mut hosts = vec![Host::new(&options.host)];
    if !proxy.looks_up() {
        let found = look_up(&options.host, options.port, deadline).await?;
        let fits = |address: &SocketAddr| proxy.kind() != Kind::Socks4 || address.is_ipv4();
        hosts = found.filter(fits).take(ADDRESSES_MAX).map(|address| Host::Address(address.ip())).collect();
    }
    let mut last =
        Error::Name { host: options.host.clone(), why: "it has no address for such a proxy".to_owned() };
    let count = hosts.len();
    for (number, host) in hosts.into_iter().enumerate() {
        // A proxy that swallows one kind of address leaves time for the others.
        let share =
            deadline.saturating_duration_since(Instant::now()) / u32::try_from(count - number).unwrap_or(1);
        let until = Instant::now() + share;
        let to = host.at(options.port);
        let (stream, ..) = reach(options, proxy.host(), proxy.port(), deadline).await?;
        let began = Instant::now();
        options.observer.iter().for_each(|observer| observer(&Event::Through(proxy, &to)));
        let opened = tokio::time::timeout_at(until, proxy.open(stream, &to)).await;
        match opened.unwrap_or(Err(Problem::Silent)) {
            Ok(stream) => return Ok((stream, host, began.elapsed())),
            Err(problem) => last = Error::Proxy { proxy: Box::new(proxy.clone()), problem },
        }
    }
    Err(last)
}

/// Opens a data connection, by the way of its control connection, whose ends are those.
pub(crate) async fn data(
    to: &Place,
    proxy: Option<&Proxy>,
    (peer, local): (SocketAddr, SocketAddr),
    lasts: bool,
) -> Result<TcpStream> {
    if let Some(proxy) = proxy {
        let stream = connect(peer, Some(local.ip()), lasts).await.map_err(|error| Error::local(&error))?;
        let opened = proxy.open(stream, to).await;
        return opened.map_err(|problem| Error::Proxy { proxy: Box::new(proxy.clone()), problem });
    }
    let address = to.address().ok_or_else(|| Error::Local(format!("{to} has no address here")))?;
    // Another address than the control connection's may be of the other family, or reached another way.
    let from = (address.ip() == peer.ip()).then_some(local.ip());
    connect(address, from, lasts).await.map_err(|error| Error::local(&error))
}

async fn look_up(host: &str, port: u16, deadline: Instant) -> Result<impl Iterator<Item = SocketAddr>> {
    let name_error = |why: String| Error::Name { host: host.to_owned(), why };
    let looked_up = tokio::time::timeout_at(deadline, tokio::net::lookup_host((host, port))).await;
    looked_up
        .map_err(|_| name_error("the name was not looked up in time".to_owned()))?
        .map_err(|error| name_error(error.to_string()))
}

/// Connects to a host: all addresses of the name are tried, each a little after the one before (RFC 8305).
async fn reach(
    options: &Options,
    host: &str,
    port: u16,
    deadline: Instant,
) -> Result<(TcpStream, SocketAddr, Duration)> {
    let found = look_up(host, port, deadline).await?;
    let fits = |address: &SocketAddr| options.bind.is_none_or(|bind| bind.is_ipv4() == address.is_ipv4());
    let mut left = interleave(found.filter(fits).take(ADDRESSES_MAX).collect());
    if left.is_empty() {
        return Err(Error::Name { host: host.to_owned(), why: "it has no address".to_owned() });
    }
    let tell = |event: &Event<'_>| options.observer.iter().for_each(|observer| observer(event));
    let mut running = FuturesUnordered::new();
    let mut next = Instant::now();
    let why = loop {
        if running.is_empty() {
            next = Instant::now();
        }
        tokio::select! {
            biased;
            Some((address, began, connected)) = running.next() => match connected {
                Ok(stream) => {
                    let took = Instant::elapsed(&began);
                    tell(&Event::Connected(address, took));
                    return Ok((stream, address, took));
                }
                Err(error) => {
                    tell(&Event::NotConnected(address, &error));
                    if running.is_empty() && left.is_empty() {
                        break format!("{address}: {error}");
                    }
                }
            },
            () = tokio::time::sleep_until(next), if !left.is_empty() => {
                if let Some(address) = left.pop_front() {
                    tell(&Event::Connecting(address));
                    let began = Instant::now();
                    running.push(async move { (address, began, connect(address, options.bind, true).await) });
                }
                next = Instant::now() + STAGGER;
            }
            () = tokio::time::sleep_until(deadline) => {
                break format!("nothing answers in {} s", options.connect.as_secs());
            }
        }
    };
    Err(Error::Connect { host: host.to_owned(), port, why })
}

/// The families in turn, beginning with that of the first.
fn interleave(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let Some(first) = addresses.first().map(SocketAddr::is_ipv6) else { return VecDeque::new() };
    let (mut own, mut other): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first);
    let mut mixed = VecDeque::new();
    while let Some(address) = own.pop_front() {
        mixed.push_back(address);
        mixed.extend(other.pop_front());
    }
    mixed.extend(other);
    mixed
}

/// Listens for one connection, at this address of this side.
pub(crate) fn listen(at: IpAddr, ports: Option<&std::ops::RangeInclusive<u16>>) -> io::Result<TcpListener> {
    let any = 0..=0;
    let ports = ports.unwrap_or(&any);
    // Not always the first: what comes late to a port of before must not be taken for what comes now.
    let count = u64::from(ports.end().saturating_sub(*ports.start())) + 1;
    let skip = rand::random_range(0..count);
    let mut last = io::Error::other("there is no port to listen on");
    for number in 0..count {
        let offset = (skip + number) % count;
        let port = u16::try_from(u64::from(*ports.start()) + offset).unwrap_or(*ports.start());
        let address = SocketAddr::new(at, port);
        let socket = if at.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
        socket.set_reuseaddr(true)?;
        match socket.bind(address).and_then(|()| socket.listen(4)) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Takes the connection that comes from there; others are closed.
pub(crate) async fn accept(listener: &TcpListener, from: IpAddr) -> io::Result<TcpStream> {
    loop {
        let (stream, peer) = listener.accept().await?;
        if peer.ip().to_canonical() == from.to_canonical() {
            SockRef::from(&stream).set_tcp_nodelay(true)?;
            return Ok(stream);
        }
    }
}
