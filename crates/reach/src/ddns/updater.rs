//! When a record is written.

use super::state::{Known, Memory};
use super::{Addresses, Record, Refusal, Service};
use crate::outside::Outside;
use crate::scope::Scope;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::UdpSocket;
use tokio::sync::watch;

/// After so long it is written again though nothing changed: services forget names that nobody touches for a
/// month, and take it ill if it happens more often.
const AGAIN: Duration = Duration::from_secs(25 * 24 * 3600);

/// How long until another try where a service cannot be reached, at first; then twice as long each time.
const RETRY: Duration = Duration::from_secs(15);
const RETRY_MAX: Duration = Duration::from_secs(1800);

/// How often the IPv6 address is looked at.
const LOOK: Duration = Duration::from_secs(300);

/// Keeps one record.
#[derive(Debug)]
pub struct Updater {
    record: Record,
    memory: Memory,
    outside: watch::Receiver<Outside>,
}

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Write,
    Wait(Duration),
    Never,
}

impl Updater {
    /// Keeps `record` at the address that `outside` says; what was written is remembered in `folder`.
    pub fn new(record: Record, folder: Option<&Path>, outside: watch::Receiver<Outside>) -> Updater {
        let memory = Memory::new(folder, &record);
        Updater { record, memory, outside }
    }

    /// Does it, until the service says to stop.
    pub async fn run(mut self) {
        let name = self.record.name.clone();
        let (mut known, mut retry) = (self.memory.load(), RETRY);
        if let Some(why) = &known.stopped {
            let file = self.memory.place();
            tracing::error!(
                "{name} is not kept up to date: {why}; it is tried again when the settings change{file}"
            );
            return;
        }
        loop {
            let wanted = self.wanted().await;
            let wait = match next(&known, wanted, now()) {
                Next::Never => return,
                Next::Wait(wait) => wait,
                Next::Write => {
                    let written = self.record.write(wanted).await;
                    note(&mut known, wanted, written, &mut retry, &name);
                    self.memory.store(&known);
                    continue;
                }
            };
            let look = if self.record.ipv6 { LOOK } else { AGAIN };
            tokio::select! {
                () = tokio::time::sleep(wait.min(look)) => {}
                changed = self.outside.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn wanted(&mut self) -> Addresses {
        let v4 = self.outside.borrow_and_update().address;
        // A name server of one's own may have names for one's own network.
        let within = matches!(self.record.service, Service::Rfc2136 { .. });
        let v4 = v4.filter(|address| within || Scope::of(*address) == Scope::Public);
        let v6 = if self.record.ipv6 { own_ipv6().await } else { None };
        Addresses { v4, v6 }
    }
}

/// The address that this machine opens connections from over IPv6, if it is a global one.
async fn own_ipv6() -> Option<Ipv6Addr> {
    let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).await.ok()?;
    // Nothing is sent: it only chooses the address that would be used towards the world.
    socket.connect((Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 1), 9)).await.ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V6(address) if address.segments()[0] & 0xe000 == 0x2000 => Some(address),
        _ => None,
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn next(known: &Known, wanted: Addresses, now: u64) -> Next {
    if known.stopped.is_some() {
        return Next::Never;
    }
    if wanted.v4.is_none() && wanted.v6.is_none() {
        return Next::Wait(AGAIN);
    }
    // No service asks for more than a day; the clock was wrong then.
    if (1..=86_400).contains(&known.not_before.saturating_sub(now)) {
        return Next::Wait(Duration::from_secs(known.not_before - now));
    }
    let changed = wanted.v4.is_some_and(|v4| known.v4 != Some(v4));
    let changed = changed || wanted.v6.is_some_and(|v6| known.v6 != Some(v6));
    // A clock that was wrong when it was written counts as long ago.
    let again = if known.written > now { now } else { known.written + AGAIN.as_secs() };
    if changed || now >= again { Next::Write } else { Next::Wait(Duration::from_secs(again - now)) }
}

fn note(
    known: &mut Known,
    wanted: Addresses,
    written: Result<(), Refusal>,
    retry: &mut Duration,
    name: &str,
) {
    match written {
        Ok(()) => {
            *retry = RETRY;
            let (v4, v6) = (wanted.v4.map(IpAddr::V4), wanted.v6.map(IpAddr::V6));
            let words: Vec<String> = v4.into_iter().chain(v6).map(|address| address.to_string()).collect();
            tracing::info!("{name} stands for {} now", words.join(" and "));
            let (v4, v6) = (wanted.v4.or(known.v4), wanted.v6.or(known.v6));
            *known = Known { v4, v6, written: now(), ..Known::default() };
        }
        Err(Refusal::Later(wait, why)) => {
            let wait = wait.unwrap_or(*retry);
            *retry = (*retry * 2).min(RETRY_MAX);
            tracing::warn!("{name} cannot be written: {why}; it is tried again in {} s", wait.as_secs());
            known.not_before = now() + wait.as_secs();
        }
        Err(Refusal::Never(why)) => {
            tracing::error!("{name} cannot be written: {why}; it is tried again when the settings change");
            known.stopped = Some(why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> Addresses {
        Addresses { v4: address.parse().ok(), v6: None }
    }

    fn known(address: &str) -> Known {
        Known { v4: address.parse().ok(), written: 1_000_000, ..Known::default() }
    }

    #[test]
    fn a_record_is_written_when_the_address_changes_or_after_long() {
        let soon = 1_000_060;
        assert_eq!(next(&Known::default(), at("22.0.1.2"), soon), Next::Write);
        assert!(matches!(next(&known("22.0.1.2"), at("22.0.1.2"), soon), Next::Wait(_)));
        assert_eq!(next(&known("22.0.1.2"), at("22.0.1.3"), soon), Next::Write);
        assert_eq!(next(&known("22.0.1.2"), at("22.0.1.2"), 1_000_000 + AGAIN.as_secs()), Next::Write);
        assert!(matches!(next(&known("22.0.1.2"), at(""), soon), Next::Wait(_)));
    }

    #[test]
    fn what_a_service_says_is_obeyed() {
        let (mut known, mut retry) = (known("22.0.1.2"), RETRY);
        let mut note =
            |known: &mut Known, refusal| note(known, at("22.0.1.3"), Err(refusal), &mut retry, "n");
        note(&mut known, Refusal::Later(Some(Duration::from_secs(60)), "x".to_owned()));
        assert!(matches!(next(&known, at("22.0.1.3"), now()), Next::Wait(wait) if wait.as_secs() > 50));
        assert_eq!(next(&known, at("22.0.1.3"), now() + 61), Next::Write);
        note(&mut known, Refusal::Never("x".to_owned()));
        assert_eq!(next(&known, at("22.0.1.4"), now() + 3600), Next::Never);
    }

    #[test]
    fn what_was_written_is_known_after_a_restart_unless_the_settings_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let record = |token: &str| Record {
            name: "ftp.example.org".to_owned(),
            service: super::super::Service::DuckDns { page: "x".to_owned(), token: token.to_owned() },
            ipv6: false,
        };
        Memory::new(Some(folder.path()), &record("one")).store(&known("22.0.1.2"));
        let loaded = Memory::new(Some(folder.path()), &record("one")).load();
        assert_eq!((loaded.v4, loaded.written), (known("22.0.1.2").v4, 1_000_000));
        assert_eq!(Memory::new(Some(folder.path()), &record("two")).load(), Known::default());
    }
}
