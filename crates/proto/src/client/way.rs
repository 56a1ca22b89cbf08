//! Ways to a data connection, and what speaks against one.

use super::place::{Host, Place};
use portolan_wire::HostPort;
use portolan_wire::received::Received;
use std::net::{IpAddr, SocketAddr};

/// A way to have a data connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// `EPSV` (RFC 2428): this side connects, to where the control connection goes.
    Extended,
    /// `PASV`: the same, whatever address 227 says.
    Passive,
    /// `PASV`, and this side connects to the address that 227 says: that of a balancer, for instance.
    Announced,
    /// `EPRT`, or `PORT` where the server does not know it: the server connects.
    Active,
}

impl Way {
    /// Those where this side connects, in the order in which they are worth a try.
    pub const PASSIVE: [Way; 3] = [Way::Extended, Way::Passive, Way::Announced];
    /// All of them.
    pub const ALL: [Way; 4] = [Way::Extended, Way::Passive, Way::Announced, Way::Active];

    /// What it is called in messages.
    pub fn name(self) -> &'static str {
        match self {
            Way::Extended => "EPSV",
            Way::Passive => "PASV",
            Way::Announced => "PASV with the address announced",
            Way::Active => "active mode",
        }
    }
}

/// Why a way was left for the next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The server did not take the command, or could not open the data connection.
    #[error("{0}")]
    Refused(Received),
    /// What it said holds no address.
    #[error("no address in \"{0}\"")]
    NoAddress(Received),
    /// The connection was not opened.
    #[error("connecting to {place} failed: {why}")]
    Unreachable {
        /// Where it went.
        place: Place,
        /// What the system said.
        why: String,
    },
    /// Nothing answered there in time.
    #[error("nothing answers at {place}")]
    NoAnswer {
        /// Where it went.
        place: Place,
    },
    /// The server did not dial in time.
    #[error("the server did not connect to {announced}")]
    NobodyCame {
        /// What it was told.
        announced: SocketAddr,
    },
    /// This side cannot listen, or does not know what the server is to connect to.
    #[error("{0}")]
    CannotListen(String),
    /// 227 says an address of a private network, and the server is not in one: it is behind a router that does not
    /// translate it. What is at that address here is somebody else's.
    #[error("227 announces {0}, which is an address of a private network")]
    Private(IpAddr),
    /// The command was not answered: something on the way swallows it.
    #[error("no answer")]
    Silent,
    /// 227 says nothing that was not tried.
    #[error("227 announces the address of the control connection")]
    SameAddress,
    /// 227 has an IPv4 address, and the control connection none.
    #[error("the control connection is IPv6")]
    WrongFamily,
}

/// A way that was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The way.
    pub way: Way,
    /// Why.
    pub reason: Reason,
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.way.name(), self.reason)
    }
}

/// Where the address of a 227 leads by this way, or why it leads nowhere.
///
/// # Errors
/// See [`Reason`].
pub fn destination(way: Way, said: HostPort, peer: &Host) -> Result<Place, Reason> {
    let announced = IpAddr::V4(said.address);
    let (loopback, inside) = match peer {
        Host::Address(peer) => (peer.is_loopback(), is_inside(*peer)),
        // Where a proxy finds it, it is taken for one outside: what is inside there is nobody's business here.
        Host::Name(_) => (false, false),
    };
    match way {
        // An IPv6 host of a server that answers PASV, by NAT64, has the port there as well.
        Way::Extended | Way::Passive | Way::Active => Ok(peer.at(said.port)),
        Way::Announced if *peer == Host::Address(announced) => Err(Reason::SameAddress),
        Way::Announced if is_own(announced) && !loopback => Err(Reason::Private(announced)),
        Way::Announced if is_inside(announced) && !inside => Err(Reason::Private(announced)),
        Way::Announced => Ok(Host::Address(announced).at(said.port)),
    }
}

/// True for addresses that mean this host, or none at all.
fn is_own(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_multicast()
                || address.is_broadcast()
        }
        IpAddr::V6(address) => address.is_loopback() || address.is_unspecified() || address.is_multicast(),
    }
}

/// True for addresses that mean another host in each network (RFC 1918, RFC 6598, RFC 4193), or none.
fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_multicast()
                || address.is_broadcast()
                || (first == 100 && (64..128).contains(&second))
        }
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_inside(IpAddr::V4(mapped)),
            None => {
                address.is_loopback()
                    || address.is_unspecified()
                    || address.is_multicast()
                    || address.is_unique_local()
                    || address.is_unicast_link_local()
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announced_address_is_not_trusted_to_lead_into_this_network() {
        let said = |text: &str| HostPort::parse(text.as_bytes()).unwrap();
        let [outside, inside, unknown] = ["203.0.113.7", "192.168.1.2", "ftp.example.org"].map(Host::new);
        let go = |text: &str, peer: &Host| {
            destination(Way::Announced, said(text), peer).map(|place| place.to_string())
        };
        assert_eq!(go("198,51,100,9,4,1", &outside), Ok("198.51.100.9:1025".to_owned()));
        assert_eq!(go("10,0,0,5,4,1", &inside), Ok("10.0.0.5:1025".to_owned()));
        assert_eq!(go("203,0,113,7,4,1", &outside), Err(Reason::SameAddress));
        assert!(matches!(go("127,0,0,1,4,1", &inside), Err(Reason::Private(_))));
        for private in ["10,0,0,5,4,1", "127,0,0,1,4,1", "100,64,0,1,4,1", "169,254,0,1,4,1", "0,0,0,0,4,1"] {
            assert!(matches!(go(private, &outside), Err(Reason::Private(_))), "{private}");
            assert!(matches!(go(private, &unknown), Err(Reason::Private(_))), "{private}");
            let there = destination(Way::Passive, said(private), &outside).unwrap();
            assert_eq!(there.to_string(), "203.0.113.7:1025");
        }
        assert_eq!(go("203,0,113,7,4,1", &unknown), Ok("203.0.113.7:1025".to_owned()));
        let there = destination(Way::Passive, said("203,0,113,7,4,1"), &unknown).unwrap();
        assert_eq!(there.to_string(), "ftp.example.org:1025");
    }
}
