//! Keeps ports open on a router: asks for them, renews them, asks anew when the router forgot, and gives them
//! back.

use super::announce::Announcements;
use super::{LIFETIME, Lease, Look, MappingError, Method, Router};
use crate::gateway::Gateway;
use crate::scope::Scope;
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often a router is asked whether it still remembers.
const CHECK: Duration = Duration::from_secs(60);

/// How often it is asked for its list, where that is the only way to know.
const LIST: Duration = Duration::from_secs(600);

/// How long until another try after none of the ways led anywhere, at first; then twice as long each time.
const RETRY: Duration = Duration::from_secs(5);
const RETRY_MAX: Duration = Duration::from_secs(300);

/// Between looking for a reason that was heard of and looking again.
const PAUSE: Duration = Duration::from_secs(1);

/// How long giving back may take.
const GOODBYE: Duration = Duration::from_secs(10);

/// Ports that are given back at the same time.
const GIVEN_BACK: usize = 8;

/// What a router leads here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapped {
    /// Its address outside.
    pub address: Option<Ipv4Addr>,
    /// Ports here, and what they are outside.
    pub ports: BTreeMap<u16, u16>,
}

/// Keeps ports open.
#[derive(Debug)]
pub struct Keeper {
    ports: Vec<u16>,
    methods: Vec<Method>,
    nonce: [u8; 12],
    mapped: watch::Sender<Mapped>,
    router: Option<Router>,
    /// The router did not answer last time, and may be another one now.
    lost: bool,
    gateway: Option<Gateway>,
    /// When the router was asked last for what it still forwards.
    listed: Option<Instant>,
    leases: BTreeMap<u16, Kept>,
    /// When the router's epoch was looked at last, and what it was.
    epoch: Option<(Instant, u32)>,
    retry: Duration,
    told: Option<String>,
}

#[derive(Debug)]
struct Kept {
    lease: Lease,
    due: Instant,
    /// When the router ends it, if it is not renewed.
    ends: Instant,
}

impl Keeper {
    /// Keeps these TCP ports open, by the first of these ways that works. `nonce` should be the same after a
    /// restart, so that mappings that were not given back can be taken over (RFC 6887 §11.2).
    pub fn new(ports: Vec<u16>, methods: Vec<Method>, nonce: [u8; 12]) -> Keeper {
        Keeper {
            ports,
            methods,
            nonce,
            mapped: watch::Sender::default(),
            router: None,
            lost: false,
            gateway: None,
            listed: None,
            leases: BTreeMap::new(),
            epoch: None,
            retry: RETRY,
            told: None,
        }
    }

    /// What is open, now and later.
    pub fn mapped(&self) -> watch::Receiver<Mapped> {
        self.mapped.subscribe()
    }

    /// Does it until `stop`; then it gives the ports back.
    pub async fn run(mut self, stop: CancellationToken) {
        let announcements = Announcements::new();
        loop {
            let wait = tokio::select! {
                () = stop.cancelled() => break,
                wait = self.step() => wait,
            };
            let router = self.gateway.map(|gateway| gateway.address);
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(wait) => {}
                () = announcements.heard(router) => {
                    self.listed = None;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        if tokio::time::timeout(GOODBYE, self.give_back()).await.is_err() {
            tracing::warn!("the router did not take all its ports back; look at its list of forwarded ports");
        }
    }

    /// Does what is due, and says when something is again.
    async fn step(&mut self) -> Duration {
        match self.keep().await {
            Ok(()) => {
                if self.lost {
                    tracing::info!("the router answers again");
                }
                (self.retry, self.lost) = (RETRY, false);
                self.publish();
                let next = self.leases.values().map(|kept| kept.due).min();
                next.map_or(CHECK, |due| due.saturating_duration_since(Instant::now()).min(CHECK))
            }
            Err(text) => {
                if self.told.as_ref() != Some(&text) {
                    tracing::warn!("no router opens ports for this server: {text}; {}", self.advice());
                    self.told = Some(text);
                }
                self.lost = true;
                let now = Instant::now();
                self.leases.retain(|_, kept| now < kept.ends);
                self.publish();
                let wait = self.retry;
                self.retry = (wait * 2).min(RETRY_MAX);
                wait
            }
        }
    }

    async fn keep(&mut self) -> Result<(), String> {
        let gateway = Gateway::find().await.map_err(|error| error.to_string())?;
        if self.gateway != Some(gateway) {
            // Another network.
            (self.gateway, self.router) = (Some(gateway), None);
            self.leases.clear();
        }
        if let Some(router) = self.router.as_ref().filter(|_| !self.lost) {
            let is_due = self.listed.is_none_or(|at| at.elapsed() >= LIST);
            let first = self.leases.values().next().map(|kept| kept.lease.outside);
            let look = match router.look(first.filter(|_| is_due)).await {
                Ok(look) => look,
                Err(MappingError::Io(error)) => return Err(format!("{}: {error}", router.method())),
                // It does not want to say, which says nothing of what it does.
                Err(_) => Look::default(),
            };
            if is_due {
                self.listed = Some(Instant::now());
            }
            if self.forgot(look) {
                tracing::info!(router = %gateway.address, "the router has started anew, or has another address");
                self.leases.values_mut().for_each(|kept| kept.due = Instant::now());
            }
        }
        if self.lost || self.router.is_none() {
            self.router = Some(self.find(gateway).await?);
        }
        self.renew().await
    }

    /// Finds out what the router can be asked by, with the first port.
    async fn find(&mut self, gateway: Gateway) -> Result<Router, String> {
        let mut refusals = Vec::new();
        let Some(first) = self.ports.first().copied() else { return Err("no ports are wanted".to_owned()) };
        for method in self.methods.clone() {
            let outside = self.leases.get(&first).map_or(first, |kept| kept.lease.outside);
            let found = async {
                let router = Router::find(method, gateway, self.nonce).await?;
                let lease = router.map(first, outside, LIFETIME).await?;
                Ok::<_, MappingError>((router, lease))
            };
            match found.await {
                Ok((router, lease)) => {
                    self.leases.clear();
                    self.epoch = None;
                    self.take(first, lease);
                    return Ok(router);
                }
                Err(error) => refusals.push(format!("{method}: {error}")),
            }
        }
        Err(refusals.join("; "))
    }

    /// Asks for what is due. One port that is refused takes none of the others along.
    async fn renew(&mut self) -> Result<(), String> {
        let now = Instant::now();
        let mut refused = None;
        for port in self.ports.clone() {
            let kept = self.leases.get(&port);
            if kept.is_some_and(|kept| now < kept.due) {
                continue;
            }
            let outside = kept.map_or(port, |kept| kept.lease.outside);
            let Some(router) = &self.router else { break };
            match router.map(port, outside, LIFETIME).await {
                Ok(lease) => self.take(port, lease),
                Err(MappingError::Io(error)) => return Err(format!("{}: {error}", router.method())),
                Err(error) => {
                    self.leases.remove(&port);
                    refused.get_or_insert(format!("port {port} by {}: {error}", router.method()));
                }
            }
        }
        match refused {
            Some(text) if self.told.as_ref() != Some(&text) => {
                let (open, wanted) = (self.leases.len(), self.ports.len());
                tracing::warn!("the router opened {open} of {wanted} ports: {text}; {}", self.advice());
                self.told = Some(text);
            }
            Some(_) => {}
            None => self.told = None,
        }
        Ok(())
    }

    fn take(&mut self, port: u16, lease: Lease) {
        let now = Instant::now();
        // RFC 6887 §11.2.1: at a time between one half and five eighths, so that not all ask at once.
        let share = 0.5 + 0.125 * f64::from(rand::random::<u8>()) / 255.0;
        let due = now + lease.lifetime.mul_f64(share).max(PAUSE);
        self.epoch = lease.epoch.map(|epoch| (now, epoch)).or(self.epoch);
        self.leases.insert(port, Kept { lease, due, ends: now + lease.lifetime });
    }

    /// Whether the router has lost what it knew (RFC 6887 §8.5), or has another address.
    fn forgot(&mut self, look: Look) -> bool {
        let Look { address, epoch, forgot } = look;
        let before = self.leases.values().find_map(|kept| kept.lease.address);
        let address = address.filter(|address| Scope::of(*address) != Scope::Reserved);
        let moved = address.is_some() && before.is_some() && address != before;
        let now = Instant::now();
        let restarted = match (self.epoch, epoch) {
            (Some((at, before)), Some(epoch)) => is_anew(before, epoch, now - at),
            _ => false,
        };
        self.epoch = epoch.map(|epoch| (now, epoch)).or(self.epoch);
        forgot || moved || restarted
    }

    fn publish(&mut self) {
        let ports = self.leases.iter().map(|(port, kept)| (*port, kept.lease.outside)).collect();
        let mut addresses = self.leases.values().filter_map(|kept| kept.lease.address);
        // Some say 0.0.0.0 while they have none.
        let address = addresses.find(|address| Scope::of(*address) != Scope::Reserved);
        let mapped = Mapped { address, ports };
        let changed = self.mapped.send_if_modified(|before| {
            let changed = *before != mapped;
            before.clone_from(&mapped);
            changed
        });
        let (Some(router), true) = (&self.router, changed) else { return };
        let (router, open) = (router.method(), describe(&mapped.ports));
        let address = mapped.address.map_or("the router".to_owned(), |address| address.to_string());
        if open.is_empty() {
            return tracing::warn!("the router leads no port here any more; {}", self.advice());
        }
        tracing::info!("{address} leads TCP port {open} to this server (by {router})");
        let first = self.ports.first().and_then(|first| Some((first, mapped.ports.get(first)?)));
        if let Some((wanted, outside)) = first.filter(|(wanted, outside)| wanted != outside) {
            tracing::warn!(
                "port {wanted} belongs to somebody else on that router: clients have to connect to port {outside}"
            );
        }
        if mapped.address.is_some_and(|address| Scope::of(address) != Scope::Public) {
            tracing::warn!(
                "that router's own address {address} is not public: another one stands before it, the provider's \
                 or one of your own, and nobody outside gets through until that one leads the port here too; ask \
                 the provider for a public address, or use IPv6"
            );
        }
    }

    /// What the administrator can do instead.
    fn advice(&self) -> String {
        let ports = describe(&self.ports.iter().map(|port| (*port, *port)).collect());
        let here = self.gateway.map_or("this machine".to_owned(), |gateway| gateway.own.to_string());
        format!("allow UPnP or PCP there, or forward TCP port {ports} to {here}")
    }

    async fn give_back(&mut self) {
        let Some(router) = &self.router else { return };
        let leases: Vec<(u16, u16)> =
            self.leases.iter().map(|(port, kept)| (*port, kept.lease.outside)).collect();
        for some in leases.chunks(GIVEN_BACK) {
            let giving_back = some.iter().map(|(port, outside)| router.unmap(*port, *outside));
            for error in join_all(giving_back).await.into_iter().filter_map(Result::err) {
                tracing::debug!(%error, "the router did not take a port back");
            }
        }
        self.mapped.send_replace(Mapped::default());
    }
}

/// RFC 6887 §8.5: the epoch should have grown with the time; a second or two are allowed for, and an eighth.
fn is_anew(before: u32, now: u32, elapsed: Duration) -> bool {
    let (before, now, elapsed) = (u64::from(before), u64::from(now), elapsed.as_secs());
    let grown = now.saturating_sub(before);
    now + 1 < before || grown + 2 < elapsed - elapsed / 8 || elapsed + 2 < grown - grown / 8
}

/// Ports in words: `2121, 50000-50099, 990 (outside 1990)`.
fn describe(ports: &BTreeMap<u16, u16>) -> String {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    let mut words = Vec::new();
    for (inside, outside) in ports {
        match runs.last_mut() {
            _ if inside != outside => words.push(format!("{inside} (outside {outside})")),
            Some((_, last)) if last.checked_add(1) == Some(*inside) => *last = *inside,
            _ => runs.push((*inside, *inside)),
        }
    }
    let run = |(first, last)| if first == last { format!("{first}") } else { format!("{first}-{last}") };
    runs.into_iter().map(run).chain(words).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_that_started_anew_is_noticed() {
        let after = Duration::from_secs(60);
        assert!(!is_anew(100, 160, after));
        assert!(!is_anew(100, 155, after), "its clock may be slow");
        assert!(is_anew(100, 5, after), "it went back");
        assert!(is_anew(10, 20, after), "it went back, and grew again");
        assert!(is_anew(100, 1_000, after), "another router");
    }

    #[test]
    fn ports_are_told_in_few_words() {
        let ports = [(2121, 2121), (50_000, 50_000), (50_001, 50_001), (50_002, 50_002), (990, 1990)];
        assert_eq!(describe(&BTreeMap::from(ports)), "2121, 50000-50002, 990 (outside 1990)");
    }
}
