//! Where the address comes from that this machine has outside.

mod echo;
mod finder;
mod interface;
mod name;
mod network;
mod stun;

pub use finder::Finder;

use crate::mapping::{Method, outside_address};
use crate::scope::Scope;
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;
use std::time::Duration;

/// How long an answer is good where it does not say itself.
const GOOD: Duration = Duration::from_secs(300);

/// The port of STUN over TCP (RFC 8489 §18.6).
const STUN_PORT: u16 = 3478;

/// Somebody who knows the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressSource {
    /// Whoever wrote it down.
    Fixed(Ipv4Addr),
    /// The DNS, by a name that leads here.
    Name(String),
    /// A page on the web that says where a request comes from.
    Echo(String),
    /// A STUN server (RFC 8489), by TCP: host and port.
    Stun(String),
    /// The router, asked in this way, or in all of them until one works.
    Router(Option<Method>),
    /// An interface of this machine: the one with this name, or that of the default route.
    Interface(Option<String>),
}

/// An address, and how long it is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    address: Ipv4Addr,
    good: Duration,
}

impl AddressSource {
    /// What is asked where nothing is said about it: this machine and its router. Nobody beyond.
    pub fn automatic() -> Vec<AddressSource> {
        vec![AddressSource::Interface(None), AddressSource::Router(None)]
    }

    /// Asks once.
    ///
    /// # Errors
    /// Why there is no answer, or none that can be.
    pub async fn find(&self) -> Result<Ipv4Addr, String> {
        self.ask().await.map(|found| found.address)
    }

    /// Asks. What cannot be an address of this machine is no answer.
    async fn ask(&self) -> Result<Found, String> {
        let found = self.ask_as_it_is().await?;
        let scope = Scope::of(found.address);
        let is_beyond = matches!(self, AddressSource::Echo(_) | AddressSource::Stun(_));
        if self.is_fixed() || scope == Scope::Public || (scope != Scope::Reserved && !is_beyond) {
            return Ok(found);
        }
        Err(format!("it says {}, which cannot be", found.address))
    }

    /// Whoever writes an address knows why.
    fn is_fixed(&self) -> bool {
        matches!(self, AddressSource::Fixed(_))
    }

    async fn ask_as_it_is(&self) -> Result<Found, String> {
        let soon = |address| Found { address, good: GOOD };
        match self {
            AddressSource::Fixed(address) => Ok(Found { address: *address, good: Duration::MAX }),
            AddressSource::Name(name) => name::ask(name).await,
            AddressSource::Echo(page) => echo::ask(page).await.map(soon),
            AddressSource::Stun(server) => {
                stun::ask(server).await.map(soon).map_err(|error| error.to_string())
            }
            AddressSource::Interface(name) => interface::ask(name.as_deref()).await.map(soon),
            AddressSource::Router(Some(method)) => {
                outside_address(*method).await.map(soon).map_err(|error| error.to_string())
            }
            AddressSource::Router(None) => {
                let mut refusals = Vec::new();
                // NAT-PMP first: to be asked, it needs no mapping.
                for method in [Method::NatPmp, Method::Pcp, Method::Igd] {
                    match outside_address(method).await {
                        Ok(address) => return Ok(soon(address)),
                        Err(error) => refusals.push(format!("{method}: {error}")),
                    }
                }
                Err(refusals.join("; "))
            }
        }
    }
}

impl FromStr for AddressSource {
    type Err = String;

    /// Reads it as it is written in a configuration.
    fn from_str(text: &str) -> Result<AddressSource, String> {
        let wrong = || {
            format!(
                "`{text}` is no source of an address; write an IPv4 address, a name like ftp.example.org, \
                 https://… of a page that says it, stun://host, router, pcp, nat-pmp, upnp, interface, or \
                 interface:eth0"
            )
        };
        let is_name = |name: &str| {
            let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            name.contains('.') && name.len() < 254 && name.bytes().all(letter)
        };
        if let Some(name) = text.strip_prefix("interface:").filter(|name| !name.is_empty()) {
            return Ok(AddressSource::Interface(Some(name.to_owned())));
        }
        if let Some(server) = text.strip_prefix("stun://").map(|server| server.trim_end_matches('/')) {
            let with_port = match server.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => server.to_owned(),
                None if !server.is_empty() => format!("{server}:{STUN_PORT}"),
                _ => return Err(wrong()),
            };
            return Ok(AddressSource::Stun(with_port));
        }
        if text.starts_with("http://") || text.starts_with("https://") {
            let page = text.parse::<hyper::Uri>().ok().filter(|page| page.host().is_some());
            return page.map(|_| AddressSource::Echo(text.to_owned())).ok_or_else(wrong);
        }
        match text {
            "router" => Ok(AddressSource::Router(None)),
            "pcp" => Ok(AddressSource::Router(Some(Method::Pcp))),
            "nat-pmp" => Ok(AddressSource::Router(Some(Method::NatPmp))),
            "upnp" => Ok(AddressSource::Router(Some(Method::Igd))),
            "interface" => Ok(AddressSource::Interface(None)),
            _ => match text.parse::<Ipv4Addr>() {
                Ok(address) if !address.is_unspecified() => Ok(AddressSource::Fixed(address)),
                // A name of digits only would be an address that is wrong.
                _ if is_name(text) && !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => {
                    Ok(AddressSource::Name(text.to_owned()))
                }
                _ => Err(wrong()),
            },
        }
    }
}

impl fmt::Display for AddressSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AddressSource::Fixed(address) => write!(f, "{address}"),
            AddressSource::Name(name) => f.write_str(name),
            AddressSource::Echo(page) => f.write_str(page),
            AddressSource::Stun(server) => write!(f, "stun://{server}"),
            AddressSource::Router(None) => f.write_str("router"),
            AddressSource::Router(Some(method)) => write!(f, "router ({method})"),
            AddressSource::Interface(None) => f.write_str("interface"),
            AddressSource::Interface(Some(name)) => write!(f, "interface:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_as_they_are_written() {
        let read = |text: &str| text.parse::<AddressSource>();
        assert_eq!(read("22.0.1.2"), Ok(AddressSource::Fixed(Ipv4Addr::new(22, 0, 1, 2))));
        assert_eq!(read("ftp.example.org"), Ok(AddressSource::Name("ftp.example.org".to_owned())));
        assert_eq!(
            read("stun://stun.example.org"),
            Ok(AddressSource::Stun("stun.example.org:3478".to_owned()))
        );
        assert_eq!(read("stun://22.0.1.9:3479"), Ok(AddressSource::Stun("22.0.1.9:3479".to_owned())));
        assert_eq!(
            read("http://echo.example/ip"),
            Ok(AddressSource::Echo("http://echo.example/ip".to_owned()))
        );
        assert_eq!(read("upnp"), Ok(AddressSource::Router(Some(Method::Igd))));
        assert_eq!(read("interface:eth0"), Ok(AddressSource::Interface(Some("eth0".to_owned()))));
        for wrong in
            ["", "300.1.1.1", "1.2.3", "0.0.0.0", "name", "stun://", "http://", "a b.c", "interface:"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
