//! Limits of speed. A limit is shared by all transfers that it is for: each takes a little at a time, in the order in
//! which they ask, so that all get the same. Where several limits are for a transfer, it keeps to all of them.
//!
//! What this module is not: it does not know whose limit it is.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// For how long a transfer takes at once, where it is alone.
const STRETCH: Duration = Duration::from_millis(50);

/// Bytes that are taken at once, at the least.
const LEAST: u64 = 256;

/// A limit of speed.
#[derive(Debug)]
pub struct Limit {
    /// Bytes in a second.
    rate: AtomicU64,
    /// Transfers that it is for now.
    sharers: AtomicUsize,
    /// Until when all is given away.
    given_until: Mutex<Instant>,
}

impl Limit {
    /// A limit of so many bytes in a second, at least 1.
    pub fn new(rate: u64) -> Limit {
        let (rate, given_until) = (AtomicU64::new(rate.max(1)), Mutex::new(Instant::now()));
        Limit { rate, sharers: AtomicUsize::new(0), given_until }
    }

    /// Changes it; what was given already stays given.
    pub fn set(&self, rate: u64) {
        self.rate.store(rate.max(1), Ordering::Relaxed);
    }

    /// Bytes that one of its transfers should take at once.
    fn portion(&self) -> u64 {
        let sharers = self.sharers.load(Ordering::Relaxed).max(1) as u64;
        let stretch = u64::try_from(STRETCH.as_millis()).unwrap_or(u64::MAX);
        (self.rate.load(Ordering::Relaxed).saturating_mul(stretch) / 1000 / sharers).max(LEAST)
    }

    /// Gives so many bytes away; says from when on they may move.
    fn give(&self, bytes: u64) -> Instant {
        let time = Duration::from_secs_f64(bytes as f64 / self.rate.load(Ordering::Relaxed) as f64);
        let mut given_until = self.given_until.lock().unwrap_or_else(PoisonError::into_inner);
        // What nobody took in the past is over; but a timer that was late is no reason to be slower.
        let late = Instant::now().checked_sub(STRETCH);
        let from = late.map_or(*given_until, |late| late.max(*given_until));
        *given_until = from + time;
        from
    }
}

/// The limits of one transfer.
#[derive(Debug)]
pub struct Throttle {
    limits: Vec<Arc<Limit>>,
    /// How many bytes may have moved.
    allowed: AtomicU64,
}

impl Throttle {
    /// Those of a transfer; `None` where there are none.
    pub fn new(limits: Vec<Arc<Limit>>) -> Option<Throttle> {
        limits.iter().for_each(|limit| {
            limit.sharers.fetch_add(1, Ordering::Relaxed);
        });
        (!limits.is_empty()).then(|| Throttle { limits, allowed: AtomicU64::new(0) })
    }

    /// Waits until bytes may move after `moved`, and says how many. Only one task of a transfer asks.
    pub(super) async fn allowance(&self, moved: u64) -> usize {
        let left = self.allowed.load(Ordering::Relaxed).saturating_sub(moved);
        if left > 0 {
            return usize::try_from(left).unwrap_or(usize::MAX);
        }
        let portion = self.limits.iter().map(|limit| limit.portion()).min().unwrap_or(u64::MAX);
        let from = self.limits.iter().map(|limit| limit.give(portion)).max();
        if let Some(from) = from {
            tokio::time::sleep_until(from).await;
        }
        let allowed = self.allowed.fetch_add(portion, Ordering::Relaxed).saturating_add(portion);
        usize::try_from(allowed.saturating_sub(moved)).unwrap_or(usize::MAX)
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        self.limits.iter().for_each(|limit| {
            limit.sharers.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moves all that may move, until that time.
    async fn moves(limits: Vec<Arc<Limit>>, until: Instant) -> u64 {
        let throttle = Throttle::new(limits).unwrap();
        let mut moved = 0;
        while Instant::now() < until {
            moved += throttle.allowance(moved).await as u64;
        }
        moved
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_is_shared_evenly_and_kept_to() {
        for rate in [1_000, 100_000, 2_000_000_000] {
            let shared = Arc::new(Limit::new(rate));
            let until = Instant::now() + Duration::from_secs(10);
            let all = (0..4).map(|_| tokio::spawn(moves(vec![Arc::clone(&shared)], until)));
            let all: Vec<u64> = futures_util::future::try_join_all(all).await.unwrap();
            let sum: u64 = all.iter().sum();
            let wanted = rate * 10;
            assert!(sum.abs_diff(wanted) < wanted / 20 + 4 * LEAST, "{rate}: {all:?}");
            assert!(all.iter().all(|one| one.abs_diff(sum / 4) <= sum / 40 + LEAST), "{rate}: {all:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_narrowest_limit_counts_and_leaves_the_rest_to_others() {
        let (server, user) = (Arc::new(Limit::new(1_000_000)), Arc::new(Limit::new(100_000)));
        let until = Instant::now() + Duration::from_secs(10);
        let slow = tokio::spawn(moves(vec![Arc::clone(&server), user], until));
        let free = tokio::spawn(moves(vec![server], until));
        let (slow, free) = (slow.await.unwrap(), free.await.unwrap());
        assert!(slow.abs_diff(1_000_000) < 50_000, "{slow}");
        assert!(free.abs_diff(9_000_000) < 500_000, "{free}");
    }
}
