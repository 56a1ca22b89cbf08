//! What an IPv4 address can be used for.

use std::net::Ipv4Addr;

/// From where an address can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// From anywhere.
    Public,
    /// From its own network only (RFC 1918), or its own link (RFC 3927).
    Private,
    /// From a provider's network, whose customers share public addresses (CGNAT, RFC 6598).
    Shared,
    /// From nowhere: this machine, documentation, multicast and the like.
    Reserved,
}

impl Scope {
    /// That of an address.
    pub fn of(address: Ipv4Addr) -> Scope {
        let [first, second, third, _] = address.octets();
        match (first, second, third) {
            _ if address.is_private() || address.is_link_local() => Scope::Private,
            (100, 64..=127, _) => Scope::Shared,
            // Of it, 192.0.0.0/29 is what a phone sees that reaches IPv4 through IPv6 (RFC 7335).
            (0 | 127 | 224..=255, _, _) | (192, 0, 0) | (198, 18 | 19, _) => Scope::Reserved,
            _ if address.is_documentation() => Scope::Reserved,
            _ => Scope::Public,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_their_scopes() {
        let scope = |text: &str| Scope::of(text.parse().expect("an address"));
        for private in ["10.1.2.3", "172.16.0.1", "172.31.255.1", "192.168.0.1", "169.254.3.4"] {
            assert_eq!(scope(private), Scope::Private, "{private}");
        }
        for shared in ["100.64.0.1", "100.127.255.254"] {
            assert_eq!(scope(shared), Scope::Shared, "{shared}");
        }
        for reserved in ["0.0.0.0", "127.0.0.1", "192.0.0.2", "203.0.113.7", "198.18.0.1", "224.0.0.1"] {
            assert_eq!(scope(reserved), Scope::Reserved, "{reserved}");
        }
        for public in ["22.0.1.2", "100.63.0.1", "100.128.0.1", "172.32.0.1", "192.0.1.1"] {
            assert_eq!(scope(public), Scope::Public, "{public}");
        }
    }
}
