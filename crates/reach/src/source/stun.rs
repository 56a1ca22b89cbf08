//! The address that a STUN server sees (RFC 8489), by TCP: that is what FTP's connections are made of, and
//! routers may treat UDP otherwise.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Types of messages, and of the attribute that is asked for (§18.2, §18.3).
const REQUEST: u16 = 0x0001;
const SUCCESS: u16 = 0x0101;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;

/// What every message has at the same place (§5).
const COOKIE: u32 = 0x2112_A442;

/// Bytes of the header, and of what may follow it.
const HEADER: usize = 20;
const LONGEST: usize = 2048;

pub(super) async fn ask(server: &str) -> io::Result<Ipv4Addr> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, format!("{server} does not answer"));
    tokio::time::timeout(PATIENCE, exchange(server)).await.unwrap_or_else(|_| Err(late()))
}

async fn exchange(server: &str) -> io::Result<Ipv4Addr> {
    let address = lookup_host(server).await?.find(SocketAddr::is_ipv4);
    let address = address
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("{server} has no IPv4 address")))?;
    let mut stream = TcpStream::connect(address).await?;
    let transaction: [u8; 12] = rand::random();
    let mut request = Vec::with_capacity(HEADER);
    request.extend(REQUEST.to_be_bytes());
    request.extend(0u16.to_be_bytes());
    request.extend(COOKIE.to_be_bytes());
    request.extend(transaction);
    stream.write_all(&request).await?;
    let mut header = [0; HEADER];
    stream.read_exact(&mut header).await?;
    let nonsense = |text| io::Error::new(io::ErrorKind::InvalidData, format!("{server} {text}"));
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if header[..2] != SUCCESS.to_be_bytes() || header[4..] != request[4..] || length > LONGEST {
        return Err(nonsense("does not answer as a STUN server does"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    mapped_address(&body).ok_or_else(|| nonsense("says no IPv4 address"))
}

/// The address in the attributes (§14.2).
fn mapped_address(mut attributes: &[u8]) -> Option<Ipv4Addr> {
    loop {
        let (header, rest) = attributes.split_at_checked(4)?;
        let (kind, length) = (
            u16::from_be_bytes([header[0], header[1]]),
            usize::from(u16::from_be_bytes([header[2], header[3]])),
        );
        let value = rest.get(..length)?;
        // Family 1 is IPv4; the address is hidden from routers that would change it.
        if kind == XOR_MAPPED_ADDRESS && value.get(1) == Some(&1) {
            let hidden = u32::from_be_bytes(value.get(4..8)?.try_into().ok()?);
            return Some(Ipv4Addr::from(hidden ^ COOKIE));
        }
        attributes = rest.get(length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_among_attributes() {
        let mut attributes = vec![0x80, 0x22, 0, 3, b'a', b'b', b'c', 0];
        attributes.extend([0, 0x20, 0, 8, 0, 1, 0, 0]);
        attributes.extend((u32::from(Ipv4Addr::new(22, 0, 1, 2)) ^ COOKIE).to_be_bytes());
        assert_eq!(mapped_address(&attributes), Some(Ipv4Addr::new(22, 0, 1, 2)));
        for length in 0..attributes.len() {
            assert_eq!(mapped_address(&attributes[..length]), None, "{length} bytes");
        }
    }
}
