//! Ports that are led here one at a time, each for as long as one connection needs it.
//!
//! What this is not: it renews nothing, and notices no router that forgets. See [`Keeper`](super::Keeper) for that.

use super::{MappingError, Method, Router, SHORT};
use crate::gateway::Gateway;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OnceCell, watch};
use tokio::time::Instant;

/// How long better ways are waited for once one is known.
const BETTER: Duration = Duration::from_millis(250);

/// Asks the router of the default route. Which way it answers is found out once.
#[derive(Debug)]
pub struct Mapper {
    methods: Vec<Method>,
    found: OnceCell<Result<Found, String>>,
    /// Ports that are being given back.
    ending: watch::Sender<BTreeSet<u16>>,
}

#[derive(Debug)]
struct Found {
    /// This machine, as the router knows it.
    own: Ipv4Addr,
    /// Those that answer, the best first.
    routers: Vec<Router>,
}

/// A port that a router leads here. It is given back by [`Mapper::unmap`], and ends after ten minutes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping {
    /// Where connections go to outside.
    pub outside: SocketAddrV4,
    /// How the router was asked.
    pub method: Method,
    port: u16,
}

impl fmt::Display for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to port {} by {}", self.outside, self.port, self.method)
    }
}

impl Mapper {
    /// One that asks by these ways, in this order.
    pub fn new(methods: Vec<Method>) -> Mapper {
        Mapper { methods, found: OnceCell::new(), ending: watch::Sender::default() }
    }

    /// Has a TCP port of this machine led here. Give it back, also when it was of no use.
    ///
    /// # Errors
    /// Why none of the ways leads to it. That no router answers takes some seconds, once.
    pub async fn map(&self, here: SocketAddrV4) -> Result<Mapping, String> {
        let found = self.found.get_or_init(|| find(&self.methods)).await.as_ref().map_err(Clone::clone)?;
        if found.own != *here.ip() {
            return Err(format!("the router knows this machine as {}, not as {}", found.own, here.ip()));
        }
        // What comes late of giving it back would end it again.
        let _ = self.ending.subscribe().wait_for(|ending| !ending.contains(&here.port())).await;
        let mut refusals = Vec::new();
        for router in &found.routers {
            match map(router, here.port()).await {
                Ok(outside) => {
                    return Ok(Mapping { outside, method: router.method(), port: here.port() });
                }
                Err(error) => refusals.push(format!("{}: {error}", router.method())),
            }
        }
        Err(refusals.join("; "))
    }

    /// Ends one. Where the router does not take it back, it ends by itself. The port counts as being given back from the call
    /// on.
    pub fn unmap(self: &Arc<Self>, mapping: Mapping) -> impl Future<Output = ()> + use<> {
        let ending = Ending(Arc::clone(self), mapping.port);
        self.ending.send_modify(|ending| {
            ending.insert(mapping.port);
        });
        async move {
            let found = ending.0.found.get().and_then(|found| found.as_ref().ok());
            let mut routers = found.iter().flat_map(|found| &found.routers);
            if let Some(router) = routers.find(|router| router.method() == mapping.method) {
                let _ = router.unmap(mapping.port, mapping.outside.port()).await;
            }
        }
    }
}

/// A port is being given back until this is dropped.
struct Ending(Arc<Mapper>, u16);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.ending.send_modify(|ending| {
            ending.remove(&self.1);
        });
    }
}

/// All ways are tried at the same time, by questions that change nothing: one that is not known is answered by silence.
async fn find(methods: &[Method]) -> Result<Found, String> {
    let gateway = Gateway::find().await.map_err(|error| error.to_string())?;
    let nonce = rand::random();
    let look = async |method: Method| {
        let router = Router::find(method, gateway, nonce).await?;
        router.look(None).await?;
        Ok::<_, MappingError>(router)
    };
    let mut looks: FuturesUnordered<_> =
        methods.iter().map(async |method| (*method, look(*method).await)).collect();
    let (mut routers, mut refusals, mut until) = (Vec::new(), Vec::new(), None);
    loop {
        let looked = match until {
            Some(until) => tokio::time::timeout_at(until, looks.next()).await.unwrap_or_default(),
            None => looks.next().await,
        };
        match looked {
            Some((_, Ok(router))) => {
                routers.push(router);
                until.get_or_insert(Instant::now() + BETTER);
            }
            Some((method, Err(error))) => refusals.push(format!("{method}: {error}")),
            None => break,
        }
    }
    if routers.is_empty() {
        return Err(refusals.join("; "));
    }
    routers.sort_by_key(|router| methods.iter().position(|method| *method == router.method()));
    Ok(Found { own: gateway.own, routers })
}

async fn map(router: &Router, port: u16) -> Result<SocketAddrV4, MappingError> {
    let lease = router.map(port, port, SHORT).await?;
    let address = match lease.address {
        Some(address) => Some(address),
        None => router.look(None).await?.address,
    };
    match address.filter(|address| !address.is_unspecified()) {
        Some(address) => Ok(SocketAddrV4::new(address, lease.outside)),
        None => {
            let _ = router.unmap(port, lease.outside).await;
            Err(MappingError::Nonsense("no address"))
        }
    }
}
