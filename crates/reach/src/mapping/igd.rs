//! UPnP's Internet Gateway Device.

use super::{Lease, MappingError, SHORT};
use crate::gateway::Gateway;
use igd_next::aio::Gateway as Device;
use igd_next::aio::tokio::Tokio;
use igd_next::{
    AddPortError, GetExternalIpError, GetGenericPortMappingEntryError, PortMappingProtocol, SearchOptions,
};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// How long a router may take to show itself: the longest that it is allowed to wait, and a little more.
const SEARCH: Duration = Duration::from_secs(4);

/// Entries of the router's list that are looked at.
const ENTRIES: u32 = 128;

/// What mappings are called in the router's list.
const NAME: &str = "Portolan";

/// A router that is asked by UPnP.
#[derive(Debug)]
pub(super) struct Router {
    gateway: Gateway,
    device: Device<Tokio>,
}

impl Router {
    /// The one that answers a search on the gateway's link.
    pub(super) async fn find(gateway: Gateway) -> Result<Router, MappingError> {
        let mut options = SearchOptions::default();
        options.bind_addr = SocketAddr::new(gateway.own.into(), 0);
        options.timeout = Some(SEARCH);
        options.single_search_timeout = Some(SEARCH);
        let device = igd_next::aio::tokio::search_gateway(options).await.map_err(|error| {
            MappingError::Io(io::Error::new(io::ErrorKind::TimedOut, format!("no UPnP router: {error}")))
        })?;
        // Anybody on the link can answer; only who routes can forward.
        if device.addr.ip() != IpAddr::V4(gateway.address) {
            let text = format!("{} answers, which is not the router {}", device.addr.ip(), gateway.address);
            return Err(MappingError::Refused(text));
        }
        Ok(Router { gateway, device })
    }

    pub(super) async fn address(&self) -> Result<Ipv4Addr, MappingError> {
        match self.device.get_external_ip().await {
            Ok(IpAddr::V4(address)) => Ok(address),
            Ok(IpAddr::V6(_)) => Err(MappingError::Nonsense("an IPv6 address")),
            Err(error @ GetExternalIpError::ActionNotAuthorized) => Err(refused(&error)),
            // It is not there, or not any more where it was.
            Err(error) => Err(MappingError::Io(io::Error::other(refused(&error)))),
        }
    }

    pub(super) async fn map(
        &self,
        port: u16,
        outside: u16,
        lifetime: Duration,
    ) -> Result<Lease, MappingError> {
        let here = SocketAddr::new(self.gateway.own.into(), port);
        let wanted = if outside == 0 { port } else { outside };
        let seconds = u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX);
        let (tcp, device) = (PortMappingProtocol::TCP, &self.device);
        let (outside, lifetime) = match device.add_port(tcp, wanted, here, seconds, NAME).await {
            Ok(()) => (wanted, lifetime),
            // It is asked again as if it forgot. What nobody looks after must not stay for ever.
            Err(AddPortError::OnlyPermanentLeasesSupported) if lifetime > SHORT => {
                device.add_port(tcp, wanted, here, 0, NAME).await.map_err(|error| refused(&error))?;
                (wanted, lifetime)
            }
            Err(AddPortError::PortInUse) => (
                device.add_any_port(tcp, here, seconds, NAME).await.map_err(|error| refused(&error))?,
                lifetime,
            ),
            Err(error) => return Err(refused(&error)),
        };
        Ok(Lease { outside, address: self.address().await.ok(), lifetime, epoch: None })
    }

    /// Whether it still leads this port of its own here.
    pub(super) async fn remembers(&self, outside: u16) -> Result<bool, MappingError> {
        let own = self.gateway.own.to_string();
        for index in 0..ENTRIES {
            match self.device.get_generic_port_mapping_entry(index).await {
                Ok(entry)
                    if entry.external_port == outside
                        && entry.internal_client == own
                        && entry.protocol == PortMappingProtocol::TCP =>
                {
                    return Ok(true);
                }
                Ok(_) => {}
                Err(GetGenericPortMappingEntryError::SpecifiedArrayIndexInvalid) => return Ok(false),
                // Not every router shows its list, or ends it as it should.
                Err(_) => return Ok(true),
            }
        }
        Ok(true)
    }

    pub(super) async fn unmap(&self, outside: u16) -> Result<(), MappingError> {
        self.device.remove_port(PortMappingProtocol::TCP, outside).await.map_err(|error| refused(&error))
    }
}

/// What a router says goes to the log, and must not make lines of its own there.
fn refused(error: &dyn std::fmt::Display) -> MappingError {
    MappingError::Refused(error.to_string().escape_debug().take(200).collect())
}
