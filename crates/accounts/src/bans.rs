//! Addresses that may not connect for a while, since they guess passwords or speak no FTP.
//!
//! What counts as one address: of IPv6 the first half, since everybody has all of the second. The bans are kept in the
//! store, where there is one, and those that are put there by others are taken up: by other nodes, or by hand.

use crate::store::{Store, StoreError};
use crate::value::Networks;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, Weak};
use std::time::{Duration, Instant, SystemTime};

/// Addresses that are remembered at the most. What is forgotten first is what has not led to a ban.
const KNOWN_MAX: usize = 100_000;

/// How long after a ban it is remembered, so that the next one is longer.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How often the store is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Whether addresses are banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BanMode {
    /// Not by themselves.
    Off,
    /// It is only logged when they would be.
    Log,
    /// They are.
    #[default]
    On,
}

/// When an address is banned, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BanRules {
    /// Whether it is.
    pub mode: BanMode,
    /// After so many faults, at least 1. Default 10.
    pub faults: u32,
    /// Within this time. Default 10 min.
    pub within: Duration,
    /// How long for the first time; each further one is twice as long. Default 5 min.
    pub time: Duration,
    /// How long at the most. Default a day.
    pub longest: Duration,
    /// Addresses that are never banned.
    pub never: Networks,
}

impl Default for BanRules {
    fn default() -> BanRules {
        BanRules {
            mode: BanMode::On,
            faults: 10,
            within: Duration::from_secs(10 * 60),
            time: Duration::from_secs(5 * 60),
            longest: Duration::from_secs(24 * 60 * 60),
            never: Networks::default(),
        }
    }
}

/// An address that may not connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// The address.
    pub address: IpAddr,
    /// Until when, in seconds since 1970.
    pub until: i64,
    /// How often it was banned so far.
    pub times: u32,
    /// Why.
    pub reason: String,
}

impl Ban {
    /// A ban of an address from now on.
    pub fn new(address: IpAddr, time: Duration, times: u32, reason: &str) -> Ban {
        let until = now().saturating_add(i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
        Ban { address: household(address), until, times, reason: reason.to_owned() }
    }

    /// How long it still lasts, if it does.
    pub fn left(&self) -> Option<Duration> {
        u64::try_from(self.until.saturating_sub(now())).ok().filter(|left| *left > 0).map(Duration::from_secs)
    }
}

/// That time from now on; what is longer than anybody waits is a century.
fn later(left: Option<Duration>) -> Instant {
    let century = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    Instant::now() + left.unwrap_or_default().min(century)
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// What counts as one address.
pub fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        ip @ IpAddr::V4(_) => ip,
    }
}

#[derive(Debug)]
struct Known {
    faults: u32,
    since: Instant,
    ban: Option<Ban>,
    /// When that is over, by a clock that nobody sets.
    ends: Instant,
    /// The store has the ban, or had it.
    kept: bool,
}

impl Known {
    fn new() -> Known {
        Known { faults: 0, since: Instant::now(), ban: None, ends: Instant::now(), kept: false }
    }
}

/// Addresses that may not connect, and those that are about to come so far.
#[derive(Debug)]
pub struct Bans {
    rules: RwLock<BanRules>,
    store: Option<Arc<Store>>,
    known: Mutex<HashMap<IpAddr, Known>>,
}

impl Bans {
    /// None so far. They are kept in this store.
    pub fn new(rules: BanRules, store: Option<Arc<Store>>) -> Bans {
        Bans { rules: RwLock::new(rules), store, known: Mutex::default() }
    }

    /// Other rules count from now on. Bans that there are stay.
    pub fn set_rules(&self, rules: BanRules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
    }

    fn rules(&self) -> RwLockReadGuard<'_, BanRules> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<IpAddr, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ban of this address, if there is one.
    pub fn find(&self, address: IpAddr) -> Option<Ban> {
        // In this order everywhere.
        let (rules, known) = (self.rules(), self.known());
        let own = known.get(&household(address))?;
        let ban = own.ban.as_ref().filter(|_| Instant::now() < own.ends)?;
        // One for its neighbours does not concern it either.
        rules.never.find(address).is_none().then(|| ban.clone())
    }

    /// Notes a fault of this address, which may be one too many: then it is banned.
    pub async fn note(&self, address: IpAddr, fault: &str) -> Option<Ban> {
        let spared = {
            let rules = self.rules();
            rules.mode == BanMode::Off || rules.never.find(address).is_some()
        };
        if spared {
            return None;
        }
        let ban = self.count(address, fault)?;
        if let Some(store) = &self.store {
            match store.put_ban(&ban, long_ago()).await {
                Ok(()) => self.known().get_mut(&ban.address).into_iter().for_each(|known| known.kept = true),
                Err(error) => tracing::warn!(%error, "the ban is not kept"),
            }
        }
        Some(ban)
    }

    /// Counts a fault; gives the ban that it leads to.
    fn count(&self, address: IpAddr, fault: &str) -> Option<Ban> {
        let (address, rules, mut known) = (household(address), self.rules(), self.known());
        if known.len() >= KNOWN_MAX && !known.contains_key(&address) {
            // Those who have come just now, and once, are the most.
            known.retain(|_, other| other.ban.is_some() || other.faults > 1);
            if known.len() >= KNOWN_MAX {
                return None;
            }
        }
        let own = known.entry(address).or_insert_with(Known::new);
        if own.ban.is_some() && Instant::now() < own.ends {
            // Sessions that were there before may go on making them.
            return None;
        }
        if own.since.elapsed() > rules.within {
            (own.faults, own.since) = (0, Instant::now());
        }
        own.faults += 1;
        if own.faults < rules.faults {
            return None;
        }
        own.faults = 0;
        if rules.mode == BanMode::Log {
            tracing::warn!(%address, reason = fault, "would be banned");
            return None;
        }
        let times = own.ban.as_ref().map_or(0, |ban| ban.times).saturating_add(1);
        let factor = 1u32.checked_shl(times - 1).unwrap_or(u32::MAX);
        let time = rules.time.saturating_mul(factor).min(rules.longest);
        let ban = Ban::new(address, time, times, fault);
        (own.ban, own.ends, own.kept) = (Some(ban.clone()), later(Some(time)), false);
        Some(ban)
    }

    /// Takes up what is in the store: bans of others, and those that were lifted. Forgets what is long over.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn look(&self) -> Result<(), StoreError> {
        let kept = match self.store.as_ref().filter(|store| store.is_there()) {
            Some(store) => Some(store.bans(long_ago()).await?),
            None => None,
        };
        let within = self.rules().within;
        let mut known = self.known();
        if let Some(kept) = kept {
            let there: HashSet<IpAddr> = kept.iter().map(|ban| ban.address).collect();
            for (_, own) in known.iter_mut().filter(|(address, own)| own.kept && !there.contains(*address)) {
                (own.ban, own.kept) = (None, false);
            }
            for ban in kept.into_iter().take(KNOWN_MAX) {
                let own = known.entry(ban.address).or_insert_with(Known::new);
                if own.ban.as_ref().is_none_or(|before| before.until != ban.until) {
                    own.ends = later(ban.left());
                }
                (own.ban, own.kept) = (Some(ban), true);
            }
        }
        let over = long_ago();
        known.retain(|_, own| {
            own.ban = own.ban.take().filter(|ban| ban.until > over);
            own.ban.is_some() || own.since.elapsed() <= within
        });
        Ok(())
    }
}

/// Bans that were over then are forgotten; seconds since 1970.
fn long_ago() -> i64 {
    now().saturating_sub(i64::try_from(REMEMBERED.as_secs()).unwrap_or(i64::MAX))
}

/// Takes up what is in the store from time to time, as long as the bans are there.
pub async fn follow(bans: Weak<Bans>) {
    let mut failed = false;
    while let Some(strong) = bans.upgrade() {
        let done = strong.look().await;
        drop(strong);
        match &done {
            // Once is enough.
            Err(error) if !failed => tracing::warn!(%error, "bans of others are not known"),
            _ => {}
        }
        failed = done.is_err();
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bans(mode: BanMode) -> Bans {
        let never = crate::value::Value::parse("192.0.2.0/24").unwrap();
        Bans::new(BanRules { mode, faults: 3, never, ..BanRules::default() }, None)
    }

    #[tokio::test]
    async fn three_faults_lead_to_a_ban_and_the_next_is_twice_as_long() {
        let (bans, guesser) = (bans(BanMode::On), "198.51.100.7".parse().unwrap());
        for _ in 0..2 {
            bans.note(guesser, "wrong password").await;
        }
        assert_eq!(bans.find(guesser), None);
        bans.note(guesser, "wrong password").await;
        let first = bans.find(guesser).unwrap();
        assert_eq!((first.times, first.reason.as_str()), (1, "wrong password"));
        assert!(first.left().unwrap().as_secs().abs_diff(300) <= 1);
        for _ in 0..30 {
            bans.note(guesser, "wrong password").await;
        }
        assert_eq!(bans.find(guesser).unwrap().times, 1, "what comes during a ban does not make it longer");
        for times in 2..50u32 {
            bans.known().get_mut(&guesser).unwrap().ends = Instant::now();
            for _ in 0..3 {
                bans.note(guesser, "wrong password").await;
            }
            let wanted = (300 << (times - 1).min(20)).min(24 * 60 * 60);
            assert!(bans.find(guesser).unwrap().left().unwrap().as_secs().abs_diff(wanted) <= 1, "{times}");
        }
        bans.look().await.unwrap();
        assert_eq!(bans.find(guesser).unwrap().times, 49);
        assert_eq!(bans.find("198.51.100.8".parse().unwrap()), None);
    }

    #[tokio::test]
    async fn some_are_never_banned_and_all_are_where_it_is_only_logged() {
        for (mode, address, banned) in [
            (BanMode::On, "192.0.2.9", false),
            (BanMode::On, "::ffff:198.51.100.7", true),
            (BanMode::Log, "198.51.100.7", false),
            (BanMode::Off, "198.51.100.7", false),
            (BanMode::On, "2001:db8::1", true),
        ] {
            let (bans, address) = (bans(mode), address.parse().unwrap());
            for _ in 0..3 {
                bans.note(address, "no FTP").await;
            }
            assert_eq!(bans.find(address).is_some(), banned, "{mode:?} {address}");
        }
        let bans = bans(BanMode::On);
        for last in 1..=3u16 {
            bans.note(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]), "no FTP").await;
        }
        assert!(bans.find("2001:db8::ffff".parse().unwrap()).is_some(), "one household");
    }

    #[tokio::test]
    async fn who_was_banned_long_ago_is_counted_like_others() {
        let (bans, guesser) = (bans(BanMode::On), "198.51.100.7".parse().unwrap());
        let old = Ban { address: guesser, until: long_ago() - 1, times: 3, reason: String::new() };
        bans.known().entry(guesser).or_insert_with(Known::new).ban = Some(old);
        for _ in 0..3 {
            bans.note(guesser, "wrong password").await;
            bans.look().await.unwrap();
        }
        assert!(bans.find(guesser).is_some());
    }
}
