//! What a peer is told to connect to.

use crate::gateway::Gateway;
use crate::scope::Scope;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

/// How this machine is seen from outside: the address, and ports that a router leads here under other numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outside {
    /// The IPv4 address that peers outside connect to, where it is not the one that they come to here.
    pub address: Option<Ipv4Addr>,
    /// Ports of ours, and what they are outside.
    pub ports: BTreeMap<u16, u16>,
    /// What is not outside.
    pub near: Near,
}

/// What is near: peers from there know this machine by its own addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Near {
    /// Networks of this machine's interfaces: address and mask.
    links: Vec<(Ipv4Addr, Ipv4Addr)>,
    /// This machine's address on the way to that router.
    own: Option<Ipv4Addr>,
    /// A router. What comes from its own address was turned round there: by a router that leads a neighbour
    /// back in who asked for the public address (hairpin), or by one that hides everybody.
    router: Option<Ipv4Addr>,
    /// This machine is a container, that nobody but its neighbours can reach by its own addresses.
    contained: bool,
}

impl Near {
    /// As things are now, with this default route.
    pub fn look(gateway: Option<Gateway>) -> Near {
        let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
        let link = |interface: &if_addrs::Interface| match &interface.addr {
            if_addrs::IfAddr::V4(v4) => Some((v4.ip, v4.netmask)),
            if_addrs::IfAddr::V6(_) => None,
        };
        Near {
            // Nothing is known of a link without a mask.
            links: interfaces.iter().filter_map(link).filter(|(_, mask)| !mask.is_unspecified()).collect(),
            own: gateway.map(|gateway| gateway.own),
            router: gateway.map(|gateway| gateway.address),
            contained: is_contained(),
        }
    }

    /// Whether a peer that this machine connected to knows it by its own address `local`, when others know it by a public
    /// one. The router itself does.
    pub fn knows(&self, peer: Ipv4Addr, local: Ipv4Addr) -> bool {
        self.router == Some(peer) || self.has(peer, local, Scope::Public)
    }

    /// The same when the address that others know it by is of that scope.
    fn has(&self, peer: Ipv4Addr, local: Ipv4Addr, announced: Scope) -> bool {
        if peer.is_loopback() {
            return true;
        }
        if self.router == Some(peer) {
            return false;
        }
        let network = |address: Ipv4Addr, mask: Ipv4Addr| u32::from(address) & u32::from(mask);
        let shares = |(own, mask): &(Ipv4Addr, Ipv4Addr)| network(*own, *mask) == network(peer, *mask);
        // Where the world knows this machine by a public address, who has a private one comes from within.
        let within = Scope::of(peer) == Scope::Private && announced != Scope::Private && !self.contained;
        // By a tunnel: neither end is known to the world, and the way is not that of the default route.
        let is_hidden = |address| Scope::of(address) != Scope::Public;
        let tunnelled = is_hidden(peer)
            && is_hidden(local)
            && self.own.is_some_and(|own| own != local)
            && !self.contained;
        within || tunnelled || self.links.iter().any(shares)
    }
}

impl Outside {
    /// What `peer` is to connect to for a port that is open at `local`.
    pub fn announced(&self, peer: IpAddr, local: SocketAddr) -> SocketAddr {
        let (IpAddr::V4(peer), IpAddr::V4(own)) = (peer.to_canonical(), local.ip().to_canonical()) else {
            return local;
        };
        let address = self.address.unwrap_or(own);
        if self.near.has(peer, own, Scope::of(address)) {
            return local;
        }
        let port = self.ports.get(&local.port()).copied().unwrap_or(local.port());
        SocketAddr::new(address.into(), port)
    }
}

/// True in a container of Docker, Podman or Kubernetes.
fn is_contained() -> bool {
    let marked = ["/.dockerenv", "/run/.containerenv"].iter().any(|file| Path::new(file).exists());
    marked || std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near() -> Near {
        let links = vec![(Ipv4Addr::new(10, 20, 0, 2), Ipv4Addr::new(255, 255, 255, 0))];
        Near {
            links,
            own: Some(Ipv4Addr::new(10, 20, 0, 2)),
            router: Some(Ipv4Addr::new(10, 20, 0, 1)),
            contained: false,
        }
    }

    fn told(outside: &Outside, peer: &str) -> String {
        let local = "10.20.0.2:50000".parse().expect("an address");
        outside.announced(peer.parse().expect("an address"), local).to_string()
    }

    fn outside() -> Outside {
        let ports = BTreeMap::from([(50_000, 61_234)]);
        Outside { address: Some(Ipv4Addr::new(22, 0, 1, 2)), ports, near: near() }
    }

    #[test]
    fn the_world_hears_what_the_router_gave() {
        assert_eq!(told(&outside(), "11.0.1.2"), "22.0.1.2:61234");
        assert_eq!(told(&Outside::default(), "11.0.1.2"), "10.20.0.2:50000");
    }

    #[test]
    fn neighbours_hear_the_own_address() {
        for peer in ["10.20.0.7", "192.168.3.4", "127.0.0.1", "::ffff:10.20.0.7"] {
            assert_eq!(told(&outside(), peer), "10.20.0.2:50000", "{peer}");
        }
    }

    #[test]
    fn who_was_connected_to_knows_the_own_address_if_it_is_near() {
        let own = Ipv4Addr::new(10, 20, 0, 2);
        for near_by in [[10, 20, 0, 1], [10, 20, 0, 7], [192, 168, 3, 4]] {
            assert!(near().knows(near_by.into(), own), "{near_by:?}");
        }
        assert!(!near().knows([22, 0, 1, 9].into(), own));
    }

    #[test]
    fn a_neighbour_that_the_router_turned_round_hears_the_public_address() {
        assert_eq!(told(&outside(), "10.20.0.1"), "22.0.1.2:61234");
    }

    #[test]
    fn who_comes_by_a_tunnel_hears_where_it_ends() {
        let local: SocketAddr = "100.100.1.1:50000".parse().expect("an address");
        let peer = "100.100.7.7".parse().expect("an address");
        assert_eq!(outside().announced(peer, local), local);
    }

    #[test]
    fn a_container_is_known_by_its_host() {
        let outside = Outside { near: Near { contained: true, ..near() }, ..outside() };
        assert_eq!(told(&outside, "192.168.3.4"), "22.0.1.2:61234");
        assert_eq!(told(&outside, "10.20.0.7"), "10.20.0.2:50000");
    }

    #[test]
    fn a_private_address_that_was_written_is_for_private_peers() {
        let address = Some(Ipv4Addr::new(192, 168, 1, 10));
        let outside = Outside { address, near: near(), ..Outside::default() };
        assert_eq!(told(&outside, "192.168.1.20"), "192.168.1.10:50000");
    }

    #[test]
    fn ipv6_is_never_changed() {
        let local: SocketAddr = "[2001:db8::2]:50000".parse().expect("an address");
        let peer = "2001:db8::9".parse().expect("an address");
        assert_eq!(outside().announced(peer, local), local);
    }
}
