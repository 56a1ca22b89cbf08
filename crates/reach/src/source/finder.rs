//! Keeps asking the sources, and tells what peers outside are to be told.

use super::network::Changes;
use super::{AddressSource, GOOD};
use crate::gateway::Gateway;
use crate::mapping::Mapped;
use crate::outside::{Near, Outside};
use crate::scope::Scope;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How long until a source that failed is asked again, at first; then twice as long each time.
const RETRY: Duration = Duration::from_secs(5);

/// How long things settle after the network changed.
const SETTLE: Duration = Duration::from_secs(1);

/// Between two times that a change of the network makes everybody be asked.
const FORCED: Duration = Duration::from_secs(5);

/// Far enough away.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// Finds the address that peers outside are told.
#[derive(Debug)]
pub struct Finder {
    asked: Vec<Asked>,
    mapped: watch::Receiver<Mapped>,
    outside: watch::Sender<Outside>,
    told: String,
}

/// A source, and what it said.
#[derive(Debug)]
struct Asked {
    source: AddressSource,
    due: Instant,
    /// The last address that it gave.
    address: Option<Ipv4Addr>,
    /// Its last answer was none: why.
    trouble: Option<String>,
    retry: Duration,
}

impl Finder {
    /// One that asks these, the first of which counts most. `mapped` is what a router leads here, if one does.
    pub fn new(sources: Vec<AddressSource>, mapped: watch::Receiver<Mapped>) -> Finder {
        let now = Instant::now();
        let asked = |source| Asked { source, due: now, address: None, trouble: None, retry: RETRY };
        Finder {
            asked: sources.into_iter().map(asked).collect(),
            mapped,
            outside: watch::Sender::new(Outside { near: Near::look(None), ..Outside::default() }),
            told: String::new(),
        }
    }

    /// What peers are told, now and later.
    pub fn outside(&self) -> watch::Receiver<Outside> {
        self.outside.subscribe()
    }

    /// Asks, and asks again, for ever.
    pub async fn run(mut self) {
        let changes = Changes::new();
        let mut may_force = Instant::now();
        loop {
            self.ask().await;
            self.publish().await;
            let due = self.asked.iter().map(|asked| asked.due).min();
            let due = due.unwrap_or_else(|| Instant::now() + NEVER);
            let mapped = async {
                if self.mapped.changed().await.is_err() {
                    // Nobody maps ports, or no longer.
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                () = mapped => {}
                () = changes.heard() => {
                    // Networks that change all the time make nobody be asked all the time.
                    tokio::time::sleep_until(may_force).await;
                    tokio::time::sleep(SETTLE).await;
                    may_force = Instant::now() + FORCED;
                    self.asked.iter_mut().for_each(|asked| asked.due = Instant::now());
                }
            }
        }
    }

    /// Asks those whose turn it is, all at the same time.
    async fn ask(&mut self) {
        let now = Instant::now();
        let mapped = self.mapped.borrow_and_update().address;
        let mut asking = JoinSet::new();
        for (number, asked) in self.asked.iter().enumerate() {
            let source = asked.source.clone();
            match (&source, mapped) {
                // The router has said it already.
                (AddressSource::Router(_), Some(address)) => {
                    let found = super::Found { address, good: GOOD };
                    asking.spawn(std::future::ready((number, Ok(found))));
                }
                _ if asked.due <= now => {
                    asking.spawn(async move { (number, source.ask().await) });
                }
                _ => {}
            }
        }
        let mut first = true;
        while let Some(answer) = asking.join_next().await {
            let Ok((number, answer)) = answer else { continue };
            let asked = &mut self.asked[number];
            match answer {
                Ok(found) => {
                    asked.address = Some(found.address);
                    asked.trouble = None;
                    asked.retry = RETRY;
                    asked.due = Instant::now() + found.good.min(NEVER);
                }
                Err(trouble) => {
                    if asked.trouble.is_none() {
                        let kept =
                            asked.address.map_or(String::new(), |address| format!("; {address} is kept"));
                        tracing::warn!("{} does not tell the public address: {trouble}{kept}", asked.source);
                    }
                    asked.trouble = Some(trouble);
                    asked.due = Instant::now() + asked.retry;
                    asked.retry = (asked.retry * 2).min(GOOD);
                }
            }
            // What is good enough need not wait for the slowest.
            let is_good = |address| Scope::of(address) == Scope::Public;
            if first && choose(&self.asked).is_some_and(|(address, _)| is_good(address)) {
                first = false;
                self.publish().await;
            }
        }
    }

    async fn publish(&mut self) {
        self.compare();
        let gateway = Gateway::find().await.ok();
        let (near, chosen) = (Near::look(gateway), choose(&self.asked));
        let ports = self.mapped.borrow().ports.clone();
        let before = self.outside.borrow().address;
        let address = chosen.map(|(address, _)| address).or(before);
        let outside = Outside { address, ports, near };
        self.outside.send_if_modified(|now| {
            let changed = *now != outside;
            *now = outside;
            changed
        });
        if let Some((address, source)) = chosen.filter(|(address, _)| Some(*address) != before) {
            let was = before.map_or(String::new(), |before| format!("; it was {before}"));
            tracing::info!("clients outside are told the address {address} (by {source}){was}");
        }
    }

    /// Says what it means that sources differ, once.
    fn compare(&mut self) {
        let fresh = self.asked.iter().filter(|asked| asked.trouble.is_none());
        let said: Vec<(&AddressSource, Ipv4Addr)> =
            fresh.filter_map(|asked| Some((&asked.source, asked.address?))).collect();
        let text = findings(&said).join(" ");
        if text != self.told {
            if !text.is_empty() {
                tracing::warn!("{text}");
            }
            self.told = text;
        }
    }
}

/// The address to tell, and who says it: of those who answered last time, else of all; a public one where there
/// is one.
fn choose(asked: &[Asked]) -> Option<(Ipv4Addr, &AddressSource)> {
    let of = |fresh: bool, public: bool| {
        let mut fitting = asked.iter().filter(move |asked| !fresh || asked.trouble.is_none());
        fitting.find_map(move |asked| {
            let address = asked.address?;
            let fits = !public || Scope::of(address) == Scope::Public || asked.source.is_fixed();
            fits.then_some((address, &asked.source))
        })
    };
    of(true, true).or_else(|| of(false, true)).or_else(|| of(true, false)).or_else(|| of(false, false))
}

/// What answers tell about the network when they are held against each other.
fn findings(said: &[(&AddressSource, Ipv4Addr)]) -> Vec<String> {
    let mut findings = Vec::new();
    let router = said.iter().find(|(source, _)| matches!(source, AddressSource::Router(_)));
    let beyond =
        said.iter().find(|(source, _)| matches!(source, AddressSource::Echo(_) | AddressSource::Stun(_)));
    if let Some((_, address)) = router {
        let who = match Scope::of(*address) {
            Scope::Shared => Some("the provider's, which gives several customers one public address (CGNAT)"),
            Scope::Private | Scope::Reserved => Some("another of yours, or the provider's"),
            Scope::Public => None,
        };
        if let Some(who) = who {
            findings.push(format!(
                "The router's own address outside, {address}, is not public: another router stands before it \
                 ({who}). Nobody outside gets through until that one forwards the ports too."
            ));
        }
        if let Some((source, seen)) = beyond.filter(|(_, seen)| seen != address)
            && who.is_none()
        {
            findings.push(format!(
                "The router says {address}, but {source} sees {seen}: connections leave by another way than they \
                 come, or another router stands in between."
            ));
        }
    }
    let known =
        said.iter().find(|(source, _)| matches!(source, AddressSource::Name(_) | AddressSource::Fixed(_)));
    if let (Some((source, known)), Some((seer, seen))) = (known, beyond)
        && known != seen
    {
        findings.push(format!(
            "{source} stands for {known}, but {seer} sees {seen}: the DNS or the setting may be out of date."
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(source: &str, address: &str, trouble: bool) -> Asked {
        Asked {
            source: source.parse().expect("a source"),
            due: Instant::now(),
            address: address.parse().ok(),
            trouble: trouble.then(|| "none".to_owned()),
            retry: RETRY,
        }
    }

    fn chosen(asked: &[Asked]) -> String {
        choose(asked).map_or(String::new(), |(address, _)| address.to_string())
    }

    #[test]
    fn the_first_that_answers_with_a_public_address_is_taken() {
        let all = [asked("interface", "10.0.0.2", false), asked("router", "22.0.1.2", false)];
        assert_eq!(chosen(&all), "22.0.1.2");
        let all = [asked("router", "22.0.1.2", true), asked("stun://s.example", "22.0.1.3", false)];
        assert_eq!(chosen(&all), "22.0.1.3");
        assert_eq!(chosen(&[asked("router", "22.0.1.2", true)]), "22.0.1.2", "the last good one");
        assert_eq!(chosen(&[asked("router", "100.64.0.2", false)]), "100.64.0.2", "better than none");
        assert_eq!(chosen(&[asked("192.168.1.10", "192.168.1.10", false)]), "192.168.1.10");
        assert_eq!(chosen(&[asked("router", "", true)]), "");
    }

    #[test]
    fn what_stands_in_the_way_is_told() {
        let told = |said: &[(&str, &str)]| {
            let said: Vec<(AddressSource, Ipv4Addr)> = said
                .iter()
                .map(|(source, at)| (source.parse().expect("a source"), at.parse().expect("an address")))
                .collect();
            findings(&said.iter().map(|(source, address)| (source, *address)).collect::<Vec<_>>()).join(" ")
        };
        assert!(told(&[("router", "100.64.0.2")]).contains("CGNAT"));
        assert!(
            told(&[("router", "192.168.1.3"), ("stun://s.example", "22.0.1.2")]).contains("another of yours")
        );
        assert!(told(&[("router", "22.0.1.2"), ("stun://s.example", "22.0.1.9")]).contains("sees 22.0.1.9"));
        assert!(
            told(&[("ftp.example.org", "22.0.1.2"), ("http://e.example", "22.0.1.9")])
                .contains("out of date")
        );
        assert_eq!(told(&[("router", "22.0.1.2"), ("stun://s.example", "22.0.1.2")]), "");
    }
}
