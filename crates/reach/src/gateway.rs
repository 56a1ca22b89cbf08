//! The router that this machine sends to what it knows no other way for.

use std::net::Ipv4Addr;
use std::path::Path;
use std::{fs, io};
use tokio::net::UdpSocket;

/// Where Linux shows its IPv4 routes.
const ROUTES: &str = "/proc/net/route";

/// A flag of a route: it leads to a router.
const TO_GATEWAY: u32 = 2;

/// A default route, and the address of this machine on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gateway {
    /// The router's address on this side.
    pub address: Ipv4Addr,
    /// This machine's address as the router sees it.
    pub own: Ipv4Addr,
}

impl Gateway {
    /// The router of the default route.
    ///
    /// # Errors
    /// When there is none.
    pub async fn find() -> io::Result<Gateway> {
        let text = fs::read_to_string(Path::new(ROUTES))?;
        let address = parse(&text).ok_or_else(|| {
            io::Error::new(io::ErrorKind::NetworkUnreachable, "this machine has no default route over IPv4")
        })?;
        // Nothing is sent: it only chooses the address that would be used.
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
        socket.connect((address, 5351)).await?;
        match socket.local_addr()?.ip() {
            std::net::IpAddr::V4(own) => Ok(Gateway { address, own }),
            std::net::IpAddr::V6(_) => Err(io::ErrorKind::AddrNotAvailable.into()),
        }
    }
}

/// The gateway of the default route with the lowest metric. Addresses are written as the machine keeps them,
/// in hexadecimal.
fn parse(text: &str) -> Option<Ipv4Addr> {
    let route = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let hex = |at: usize| u32::from_str_radix(words.get(at)?, 16).ok();
        let (to, gateway, flags, mask) = (hex(1)?, hex(2)?, hex(3)?, hex(7)?);
        let metric: u32 = words.get(6)?.parse().ok()?;
        let is_default = to == 0 && mask == 0 && flags & TO_GATEWAY != 0;
        is_default.then(|| (metric, Ipv4Addr::from(gateway.to_ne_bytes())))
    };
    text.lines().filter_map(route).min_by_key(|(metric, _)| *metric).map(|(_, gateway)| gateway)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn the_default_route_with_the_lowest_metric_is_taken() {
        let text = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                    wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
                    eth0\t00000000\t0100140A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
                    eth0\t0000140A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        assert_eq!(parse(text), Some(Ipv4Addr::new(10, 20, 0, 1)));
        assert_eq!(parse("Iface Destination\neth0 zz\n"), None);
    }
}
