//! Connections that come by way of a proxy which says first whose they are (PROXY protocol, versions 1 and 2).
//!
//! Only what comes from the proxies that are named is asked for that, and it has to say it: what anybody else says in its
//! place is no more than the rubbish that it is.

use ipnet::IpNet;
use ppp::{HeaderResult, v1, v2};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a proxy may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked whether more has come.
const LOOK: Duration = Duration::from_millis(10);

/// The longest header of version 1, with its line end.
const LINE_MAX: usize = 107;

/// The longest of version 2 that is taken, with whatever else proxies write there.
const HEADER_MAX: usize = 4096;

/// Connections whose header is awaited at the same time.
const AT_ONCE: usize = 1024;

/// Proxies that are trusted to say whose a connection is.
#[derive(Debug, Clone)]
pub struct Proxies {
    networks: Arc<[IpNet]>,
    room: Arc<Semaphore>,
}

impl Default for Proxies {
    fn default() -> Proxies {
        Proxies::new([])
    }
}

impl Proxies {
    /// Those in these networks.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Proxies {
        Proxies { networks: networks.into_iter().collect(), room: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Leave to say whose a connection is, for one from a proxy; `None` for one that is its peer's own. Where too many
    /// say it at the same time, it is no leave.
    pub(crate) fn leave(&self, peer: SocketAddr) -> Option<Result<OwnedSemaphorePermit, Crowded>> {
        let from = peer.ip().to_canonical();
        let trusted = self.networks.iter().any(|network| network.contains(&from));
        trusted.then(|| Arc::clone(&self.room).try_acquire_owned().map_err(|_| Crowded))
    }
}

/// Too many connections say whose they are.
#[derive(Debug)]
pub(crate) struct Crowded;

/// Where a connection comes from, and where it went to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
}

impl Route {
    fn new(peer: (impl Into<IpAddr>, u16), local: (impl Into<IpAddr>, u16)) -> Route {
        Route {
            peer: SocketAddr::new(peer.0.into(), peer.1),
            local: SocketAddr::new(local.0.into(), local.1),
        }
    }
}

/// Hears a proxy out: the connection, and the route that it took to the proxy, if it is not the proxy's own. Nothing where
/// it is of no use; the log says why.
pub(crate) async fn hear(
    leave: OwnedSemaphorePermit,
    mut socket: TcpStream,
    proxy: SocketAddr,
) -> Option<(TcpStream, Option<Route>)> {
    let routed = route(&mut socket).await;
    drop(leave);
    match routed {
        Ok(route) => Some((socket, route)),
        Err(error) => {
            tracing::info!(%proxy, %error, "a connection from a proxy is of no use");
            None
        }
    }
}

/// Takes the header of a connection from a proxy, and nothing of what follows. `None`: it is the proxy's own.
///
/// # Errors
/// When what comes is no header, or nothing comes in time.
async fn route(socket: &mut TcpStream) -> io::Result<Option<Route>> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, "the proxy does not say whose it is");
    tokio::time::timeout(PATIENCE, take(socket)).await.map_err(|_| late())?
}

async fn take(socket: &mut TcpStream) -> io::Result<Option<Route>> {
    let mut seen = vec![0; HEADER_MAX];
    let length = loop {
        let count = socket.peek(&mut seen).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match length(&seen[..count])? {
            Some(length) if length <= count => break length,
            _ => tokio::time::sleep(LOOK).await,
        }
    };
    socket.read_exact(&mut seen[..length]).await?;
    parse(&seen[..length])
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the proxy sends {what}"))
}

/// The length of the header that begins so, once that shows.
fn length(seen: &[u8]) -> io::Result<Option<usize>> {
    let begins = |prefix: &[u8]| seen.iter().zip(prefix).all(|(seen, wanted)| seen == wanted);
    if begins(v2::PROTOCOL_PREFIX) {
        let Some([high, low]) = seen.get(14..16) else { return Ok(None) };
        let length = 16 + usize::from(u16::from_be_bytes([*high, *low]));
        return if length <= HEADER_MAX { Ok(Some(length)) } else { Err(wrong("a header that is too long")) };
    }
    if begins(v1::PROTOCOL_PREFIX.as_bytes()) {
        let end = seen.windows(2).position(|pair| pair == b"\r\n").map(|at| at + 2);
        let too_long = end.unwrap_or(seen.len()) > LINE_MAX;
        return if too_long { Err(wrong("a header that is too long")) } else { Ok(end) };
    }
    Err(wrong("no header"))
}

fn parse(header: &[u8]) -> io::Result<Option<Route>> {
    let route = match HeaderResult::parse(header) {
        HeaderResult::V1(Ok(header)) => match header.addresses {
            v1::Addresses::Tcp4(ip) => Some(Route::new(
                (ip.source_address, ip.source_port),
                (ip.destination_address, ip.destination_port),
            )),
            v1::Addresses::Tcp6(ip) => Some(Route::new(
                (ip.source_address, ip.source_port),
                (ip.destination_address, ip.destination_port),
            )),
            v1::Addresses::Unknown => None,
        },
        HeaderResult::V2(Ok(header)) if header.command == v2::Command::Proxy => match header.addresses {
            v2::Addresses::IPv4(ip) => Some(Route::new(
                (ip.source_address, ip.source_port),
                (ip.destination_address, ip.destination_port),
            )),
            v2::Addresses::IPv6(ip) => Some(Route::new(
                (ip.source_address, ip.source_port),
                (ip.destination_address, ip.destination_port),
            )),
            v2::Addresses::Unix(_) | v2::Addresses::Unspecified => None,
        },
        // It looks whether this server is there.
        HeaderResult::V2(Ok(_)) => None,
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => return Err(wrong("a malformed header")),
    };
    Ok(route)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(header: &[u8]) -> io::Result<Option<Route>> {
        match length(header)? {
            Some(length) => parse(header.get(..length).ok_or_else(|| wrong("a part"))?),
            None => Err(wrong("a part")),
        }
    }

    fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [v2::PROTOCOL_PREFIX, &[0x20 | command, family][..], &length, rest].concat()
    }

    #[test]
    fn t43_both_versions_say_whose_it_is() {
        let four = Route::new(([192, 0, 2, 9], 4000), ([198, 51, 100, 1], 21));
        let bytes = [192, 0, 2, 9, 198, 51, 100, 1, 0x0f, 0xa0, 0, 21];
        assert_eq!(whole(b"PROXY TCP4 192.0.2.9 198.51.100.1 4000 21\r\nUSER x\r\n").unwrap(), Some(four));
        assert_eq!(whole(&version_2(1, 0x11, &bytes)).unwrap(), Some(four));
        // What follows the addresses is for others.
        assert_eq!(
            whole(&version_2(1, 0x11, &[&bytes[..], &[4, 0, 3, 1, 2, 3]].concat())).unwrap(),
            Some(four)
        );
        let six = whole(b"PROXY TCP6 2001:db8::9 2001:db8::1 4000 21\r\n").unwrap().unwrap();
        assert_eq!(six.peer, "[2001:db8::9]:4000".parse().unwrap());
        for own in [b"PROXY UNKNOWN\r\n".to_vec(), version_2(0, 0, &[]), version_2(0, 0x11, &bytes)] {
            assert_eq!(whole(&own).unwrap(), None);
        }
    }

    #[test]
    fn t43_what_is_none_is_refused() {
        for text in [
            "USER anonymous\r\n",
            "PROXY TCP4 192.0.2.9 198.51.100.1 4000\r\n",
            "PROXY TCP4 192.0.2.9 198.51.100.1 70000 21\r\n",
            "PROXY TCP4 2001:db8::9 198.51.100.1 4000 21\r\n",
            "proxy TCP4 192.0.2.9 198.51.100.1 4000 21\r\n",
        ] {
            assert!(whole(text.as_bytes()).is_err(), "{text}");
        }
        assert!(length(format!("PROXY TCP4 {}", "1".repeat(LINE_MAX)).as_bytes()).is_err());
        assert!(length(&version_2(1, 0x11, &vec![0; HEADER_MAX])).is_err());
        assert!(whole(&version_2(1, 0x11, &[1, 2, 3])).is_err());
    }

    proptest! {
        #[test]
        fn t43_no_bytes_panic(bytes: Vec<u8>, version in 0..3u8, command: u8, family: u8) {
            let header = match version {
                0 => bytes,
                1 => [b"PROXY ", &bytes[..], b"\r\n"].concat(),
                _ => version_2(command, family, &bytes),
            };
            let _ = whole(&header);
        }
    }
}
