//! Where connections go. Nothing is looked up here.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// A host, as far as this side knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// Its address.
    Address(IpAddr),
    /// Its name, where only a proxy knows the address.
    Name(String),
}

impl Host {
    /// What people write: an address, if it is one, else a name.
    pub fn new(text: &str) -> Host {
        text.parse().map_or_else(|_| Host::Name(text.to_owned()), Host::Address)
    }

    /// A port of it.
    pub fn at(&self, port: u16) -> Place {
        Place { host: self.clone(), port }
    }

    /// True if its address is one of IPv6.
    pub fn is_ipv6(&self) -> bool {
        matches!(self, Host::Address(IpAddr::V6(_)))
    }
}

/// A port of a host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

impl Place {
    /// Its address, if that is known.
    pub fn address(&self) -> Option<SocketAddr> {
        match self.host {
            Host::Address(address) => Some(SocketAddr::new(address, self.port)),
            Host::Name(_) => None,
        }
    }
}

impl From<SocketAddr> for Place {
    fn from(address: SocketAddr) -> Place {
        Place { host: Host::Address(address.ip()), port: address.port() }
    }
}

/// `host:port`, as it is written in URLs: addresses of IPv6 are in brackets.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(address) => SocketAddr::new(*address, self.port).fmt(f),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}
