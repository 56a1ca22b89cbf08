//! Ports that a router leads to this machine because it was asked to.
//!
//! PCP (RFC 6887) is tried first, then NAT-PMP (RFC 6886), then UPnP's Internet Gateway Device. What a router
//! gives may have other numbers outside.

mod announce;
mod ask;
mod igd;
mod keeper;
mod mapper;
mod nat_pmp;
mod pcp;

pub use keeper::{Keeper, Mapped};
pub use mapper::{Mapper, Mapping};

use crate::gateway::Gateway;
use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

/// How long a router is asked to lead a port here (RFC 6886 §3.3).
const LIFETIME: Duration = Duration::from_secs(7200);

/// For how long, where it is only until one connection has come. A program that is killed gives nothing back.
const SHORT: Duration = Duration::from_secs(600);

/// A way to ask a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Port Control Protocol, RFC 6887.
    Pcp,
    /// NAT Port Mapping Protocol, RFC 6886.
    NatPmp,
    /// UPnP Internet Gateway Device.
    Igd,
}

impl Method {
    /// All, in the order in which they are tried.
    pub const ALL: [Method; 3] = [Method::Pcp, Method::NatPmp, Method::Igd];
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Method::Pcp => "PCP",
            Method::NatPmp => "NAT-PMP",
            Method::Igd => "UPnP",
        })
    }
}

/// Why a router leads nothing here.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// It does not answer, or cannot be reached.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It says no; what it said.
    #[error("the router refuses: {0}")]
    Refused(String),
    /// It sees this machine under another address: there is a router in between.
    #[error("another router stands between this machine and the one that was asked")]
    AddressMismatch,
    /// It answers what makes no sense.
    #[error("the router's answer makes no sense: {0}")]
    Nonsense(&'static str),
}

/// A port that a router leads here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lease {
    outside: u16,
    /// The router's address outside, where the answer says it.
    address: Option<Ipv4Addr>,
    lifetime: Duration,
    /// Seconds that the router has been remembering (RFC 6887 §8.5), where it says so.
    epoch: Option<u32>,
}

/// What a router says of itself, as far as it does.
#[derive(Debug, Clone, Copy, Default)]
struct Look {
    /// Its address outside.
    address: Option<Ipv4Addr>,
    /// Seconds that it has been remembering.
    epoch: Option<u32>,
    /// It does not know of the port that it was asked about.
    forgot: bool,
}

/// A router that can be asked in one of the ways.
#[derive(Debug)]
enum Router {
    Pcp(pcp::Router),
    NatPmp(nat_pmp::Router),
    Igd(Box<igd::Router>),
}

impl Router {
    /// One that may answer in this way. `nonce` is what it knows this server by (RFC 6887 §11.2).
    async fn find(method: Method, gateway: Gateway, nonce: [u8; 12]) -> Result<Router, MappingError> {
        Ok(match method {
            Method::Pcp => Router::Pcp(pcp::Router { gateway, nonce }),
            Method::NatPmp => Router::NatPmp(nat_pmp::Router { gateway }),
            Method::Igd => Router::Igd(Box::new(igd::Router::find(gateway).await?)),
        })
    }

    fn method(&self) -> Method {
        match self {
            Router::Pcp(_) => Method::Pcp,
            Router::NatPmp(_) => Method::NatPmp,
            Router::Igd(_) => Method::Igd,
        }
    }

    /// Has `port` led here for that time; under `outside`, if it can be.
    async fn map(&self, port: u16, outside: u16, lifetime: Duration) -> Result<Lease, MappingError> {
        match self {
            Router::Pcp(router) => router.map(port, outside, lifetime).await,
            Router::NatPmp(router) => router.map(port, outside, lifetime).await,
            Router::Igd(router) => router.map(port, outside, lifetime).await,
        }
    }

    /// Ends that.
    async fn unmap(&self, port: u16, outside: u16) -> Result<(), MappingError> {
        match self {
            Router::Pcp(router) => router.map(port, 0, Duration::ZERO).await.map(drop),
            Router::NatPmp(router) => router.map(port, 0, Duration::ZERO).await.map(drop),
            Router::Igd(router) => router.unmap(outside).await,
        }
    }

    /// What it says of itself, and of a port that it gave outside, if that is asked.
    async fn look(&self, outside: Option<u16>) -> Result<Look, MappingError> {
        match self {
            Router::Pcp(router) => Ok(Look { epoch: Some(router.epoch().await?), ..Look::default() }),
            Router::NatPmp(router) => {
                let (address, epoch) = router.address().await?;
                Ok(Look { address: Some(address), epoch: Some(epoch), forgot: false })
            }
            Router::Igd(router) => {
                let address = Some(router.address().await?);
                let forgot = match outside {
                    Some(outside) => !router.remembers(outside).await?,
                    None => false,
                };
                Ok(Look { address, epoch: None, forgot })
            }
        }
    }
}

/// The address that a router has outside, asked in one of the ways.
///
/// # Errors
/// When it says none.
pub async fn outside_address(method: Method) -> Result<Ipv4Addr, MappingError> {
    let gateway = Gateway::find().await?;
    match method {
        Method::Pcp => {
            // Only a mapping tells the address: one of the discard port, for a moment, under a name of its own.
            let router = pcp::Router { gateway, nonce: rand::random() };
            let lease = router.map(9, 0, Duration::from_secs(10)).await?;
            let _ = router.map(9, 0, Duration::ZERO).await;
            lease.address.ok_or(MappingError::Nonsense("no address"))
        }
        Method::NatPmp => Ok(nat_pmp::Router { gateway }.address().await?.0),
        Method::Igd => igd::Router::find(gateway).await?.address().await,
    }
}
