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

    /// True when nobody uses it, and nothing of it is given away that has not moved yet.
    pub fn is_idle(&self) -> bool {
        let given_until = *self.given_until.lock().unwrap_or_else(PoisonError::into_inner);
        self.sharers.load(Ordering::Relaxed) == 0 && given_until < Instant::now()
    }

    /// Takes bytes back that were given away and did not move.
    fn take_back(&self, bytes: u64) {
        let time = self.time_of(bytes);
        let mut given_until = self.given_until.lock().unwrap_or_else(PoisonError::into_inner);
        *given_until = given_until.checked_sub(time).unwrap_or(*given_until);
    }

    /// How long so many bytes take.
    fn time_of(&self, bytes: u64) -> Duration {
        Duration::from_secs_f64(bytes as f64 / self.rate.load(Ordering::Relaxed) as f64)
    }

    /// Gives so many bytes away; says from when on they may move.
    fn give(&self, bytes: u64) -> Instant {
        let time = self.time_of(bytes);
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
pub(super) struct Throttle {
    limits: Vec<Arc<Limit>>,
    /// How many bytes may have moved.
    allowed: AtomicU64,
    /// How many have.
    moved: Arc<AtomicU64>,
}

impl Throttle {
    /// Those of a transfer that counts its bytes there; `None` where there are none.
    pub(super) fn new(limits: Vec<Arc<Limit>>, moved: Arc<AtomicU64>) -> Option<Throttle> {
        limits.iter().for_each(|limit| {
            limit.sharers.fetch_add(1, Ordering::Relaxed);
        });
        (!limits.is_empty()).then(|| Throttle { limits, allowed: AtomicU64::new(0), moved })
    }

    /// Waits until more bytes may move, and says how many: at least one. Only one task of a transfer asks.
    pub(super) async fn allowance(&self) -> usize {
        loop {
            let (allowed, moved) = (self.allowed.load(Ordering::Relaxed), self.moved.load(Ordering::Relaxed));
            if allowed > moved {
                return usize::try_from(allowed - moved).unwrap_or(usize::MAX);
            }
            // What came as a whole, as records of TLS do, may be more than was allowed; it is paid for now.
            let portion = self.limits.iter().map(|limit| limit.portion()).min().unwrap_or(u64::MAX);
            let bytes = portion.saturating_add(moved - allowed);
            let from = self.limits.iter().map(|limit| limit.give(bytes)).max();
            self.allowed.fetch_add(bytes, Ordering::Relaxed);
            if let Some(from) = from {
                tokio::time::sleep_until(from).await;
            }
        }
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        let unused = self.allowed.load(Ordering::Relaxed).saturating_sub(self.moved.load(Ordering::Relaxed));
        self.limits.iter().for_each(|limit| {
            limit.take_back(unused);
            limit.sharers.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moves all that may move, until that time.
    async fn moves(limits: Vec<Arc<Limit>>, until: Instant) -> u64 {
        let moved = Arc::new(AtomicU64::new(0));
        let throttle = Throttle::new(limits, Arc::clone(&moved)).unwrap();
        while Instant::now() < until {
            let more = throttle.allowance().await as u64;
            moved.fetch_add(more, Ordering::Relaxed);
        }
        moved.load(Ordering::Relaxed)
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_move_is_left_to_others_and_nobody_begins_anew() {
        let (shared, begun) = (Arc::new(Limit::new(1_000_000)), Instant::now());
        // A thousand files of 1 KB one after the other take a second, however they are cut.
        for _ in 0..1000 {
            let moved = Arc::new(AtomicU64::new(0));
            let throttle = Throttle::new(vec![Arc::clone(&shared)], Arc::clone(&moved)).unwrap();
            assert!(throttle.allowance().await >= 1000);
            moved.fetch_add(1000, Ordering::Relaxed);
        }
        let time = begun.elapsed().as_secs_f64();
        assert!((0.9..1.1).contains(&time), "{time}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_as_a_whole_is_paid_for_later() {
        let (limit, moved, begun) =
            (Arc::new(Limit::new(10_000)), Arc::new(AtomicU64::new(0)), Instant::now());
        let throttle = Throttle::new(vec![limit], Arc::clone(&moved)).unwrap();
        for _ in 0..10 {
            assert!(throttle.allowance().await > 0);
            moved.fetch_add(16_384, Ordering::Relaxed);
        }
        let time = begun.elapsed().as_secs_f64();
        assert!((13.0..17.0).contains(&time), "{time}");
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
