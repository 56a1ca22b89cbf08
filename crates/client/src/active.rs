//! Where servers are told to connect to in active mode.
//!
//! Behind a router that is not this side's own address. The router can be asked to lead the port here, or somebody else what
//! the address is.

use portolan_reach::mapping::{Mapper, Mapping, Method};
use portolan_reach::source::AddressSource;
use portolan_reach::{Gateway, Near, Scope};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::str::FromStr;
use std::sync::Arc;
use tokio::sync::OnceCell;
use tokio_util::task::TaskTracker;

/// Where the address comes from that servers are told. What was found out is shared with its clones.
#[derive(Debug, Clone)]
pub struct ActiveAddress(Arc<Source>);

#[derive(Debug)]
enum Source {
    /// That of this side. If nobody outside can know it, the router is asked, and its silence is no failure: there are some
    /// that change what they see in commands.
    Automatic(Arc<Mapper>),
    Given(IpAddr),
    /// A router that has to lead the port here.
    Router(Arc<Mapper>),
    /// Who knows the address; the ports are the same outside.
    Asked(AddressSource, OnceCell<Ipv4Addr>),
}

/// Where a server is told to connect to.
#[derive(Debug)]
pub(crate) struct Announced {
    pub(crate) place: SocketAddr,
    /// What leads from there to here, if it was asked for.
    pub(crate) held: Option<Led>,
    /// Why nothing does that would be of use.
    pub(crate) trouble: Option<String>,
}

impl Announced {
    fn at(place: SocketAddr) -> Announced {
        Announced { place, held: None, trouble: None }
    }
}

/// A port that is led here until this is dropped.
#[derive(Debug)]
pub(crate) struct Led {
    pub(crate) mapping: Mapping,
    mapper: Arc<Mapper>,
    closing: TaskTracker,
}

impl Drop for Led {
    fn drop(&mut self) {
        self.closing.spawn(self.mapper.unmap(self.mapping));
    }
}

impl Default for ActiveAddress {
    fn default() -> ActiveAddress {
        ActiveAddress(Arc::new(Source::Automatic(mapper(None))))
    }
}

fn mapper(method: Option<Method>) -> Arc<Mapper> {
    Arc::new(Mapper::new(method.map_or(Method::ALL.to_vec(), |method| vec![method])))
}

impl From<IpAddr> for ActiveAddress {
    fn from(address: IpAddr) -> ActiveAddress {
        ActiveAddress(Arc::new(Source::Given(address)))
    }
}

impl FromStr for ActiveAddress {
    type Err = String;

    /// An address; or `router`, `pcp`, `nat-pmp`, `upnp`, `stun://host`, `https://…`, a name, `interface:eth0`: who is asked
    /// for it.
    fn from_str(text: &str) -> Result<ActiveAddress, String> {
        if let Ok(address) = text.parse::<IpAddr>()
            && !address.is_unspecified()
        {
            return Ok(address.into());
        }
        Ok(ActiveAddress(Arc::new(match text.parse()? {
            AddressSource::Router(method) => Source::Router(mapper(method)),
            source => Source::Asked(source, OnceCell::new()),
        })))
    }
}

impl ActiveAddress {
    /// What a server at `peer` is told that is to connect to `here`. What is asked of a router is given back by a task of
    /// `closing`.
    ///
    /// # Errors
    /// Why who was to be asked does not say it.
    pub(crate) async fn announce(
        &self,
        here: SocketAddr,
        peer: IpAddr,
        closing: &TaskTracker,
    ) -> Result<Announced, String> {
        let at = |address| Announced::at(SocketAddr::new(address, here.port()));
        let (IpAddr::V4(own), IpAddr::V4(peer)) = (here.ip(), peer) else {
            return Ok(match *self.0 {
                Source::Given(address) if address.is_ipv6() => at(address),
                _ => at(here.ip()),
            });
        };
        let lead = async |mapper: &Arc<Mapper>| {
            let mapping = mapper.map(SocketAddrV4::new(own, here.port())).await?;
            let held = Led { mapping, mapper: Arc::clone(mapper), closing: closing.clone() };
            let outside = *mapping.outside.ip();
            if Scope::of(peer) == Scope::Public && Scope::of(outside) != Scope::Public {
                return Err(format!(
                    "its own address {outside} is not public: another router stands before it"
                ));
            }
            Ok(Announced { held: Some(held), ..Announced::at(mapping.outside.into()) })
        };
        match &*self.0 {
            Source::Given(address) if address.is_ipv4() => Ok(at(*address)),
            Source::Automatic(mapper) if !is_known(own, peer).await => match lead(mapper).await {
                Err(trouble) => Ok(Announced { trouble: Some(trouble), ..at(own.into()) }),
                led => led,
            },
            Source::Given(_) | Source::Automatic(_) => Ok(at(own.into())),
            Source::Router(mapper) => lead(mapper).await.map_err(|why| unknown(&why)),
            Source::Asked(source, known) => {
                let address = known.get_or_try_init(|| source.find()).await;
                address
                    .map(|address| at((*address).into()))
                    .map_err(|why| unknown(&format!("{source}: {why}")))
            }
        }
    }
}

fn unknown(why: &str) -> String {
    format!("where the server is to connect to is not known: {why}")
}

/// Whether that server knows this side by its own address.
async fn is_known(own: Ipv4Addr, peer: Ipv4Addr) -> bool {
    Scope::of(own) == Scope::Public || Near::look(Gateway::find().await.ok()).knows(peer, own)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn told(how: &ActiveAddress, here: &str, peer: &str) -> String {
        let (here, peer) = (here.parse().unwrap(), peer.parse().unwrap());
        how.announce(here, peer, &TaskTracker::new()).await.unwrap().place.to_string()
    }

    #[tokio::test]
    async fn an_address_that_is_given_is_for_its_family() {
        let given: ActiveAddress = "198.51.100.7".parse().unwrap();
        assert_eq!(told(&given, "10.0.0.2:4242", "203.0.113.1").await, "198.51.100.7:4242");
        assert_eq!(told(&given, "[2001:db8::2]:4242", "2001:db8::1").await, "[2001:db8::2]:4242");
        let given: ActiveAddress = "2001:db8::7".parse().unwrap();
        assert_eq!(told(&given, "[2001:db8::2]:4242", "2001:db8::1").await, "[2001:db8::7]:4242");
        assert_eq!(told(&given, "10.0.0.2:4242", "203.0.113.1").await, "10.0.0.2:4242");
    }

    #[tokio::test]
    async fn who_is_near_hears_the_own_address() {
        let how = ActiveAddress::default();
        assert_eq!(told(&how, "127.0.0.1:4242", "127.0.0.1").await, "127.0.0.1:4242");
        assert_eq!(told(&how, "22.0.1.2:4242", "33.0.1.2").await, "22.0.1.2:4242");
        assert_eq!(told(&how, "10.250.3.4:4242", "192.168.9.9").await, "10.250.3.4:4242");
    }

    #[test]
    fn what_is_no_address_and_nobody_to_ask_is_refused() {
        for wrong in ["", "0.0.0.0", "::", "300.1.1.1", "stun://"] {
            assert!(wrong.parse::<ActiveAddress>().is_err(), "{wrong}");
        }
        for right in ["router", "upnp", "stun://stun.example.org", "https://echo.example/"] {
            assert!(right.parse::<ActiveAddress>().is_ok(), "{right}");
        }
    }
}
