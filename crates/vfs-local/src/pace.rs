//! Where work is done that may have to wait for the disk.

use portolan_vfs::{Error, Result};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What takes longer may have had to wait for the disk; or only for a core, where many want one.
const QUICK: Duration = Duration::from_millis(20);

/// A disk is a slow one that has made somebody wait for so long in all, within a second.
const TOO_LONG: Duration = Duration::from_millis(100);

/// How long it is taken for one.
const SLOW: Duration = Duration::from_secs(1);

/// How a disk behaves. As long as it is one of this machine and keeps nobody waiting, small work is done at once;
/// else on threads that may wait. Handing work over costs more than most of the work.
#[derive(Debug)]
pub(crate) struct Pace {
    /// A disk of this machine: that of a network may keep somebody waiting for ever.
    may_be_quick: bool,
    began: Instant,
    /// Until when it is slow, in milliseconds since `began`.
    slow: AtomicU64,
    /// When work began that is still done, in milliseconds since `began`; the greatest number if there is none.
    working: AtomicU64,
    waits: Mutex<Waits>,
}

/// How long it has made somebody wait.
#[derive(Debug, Default)]
struct Waits {
    /// Since when that is counted, in milliseconds.
    since: u64,
    sum: Duration,
}

impl Waits {
    /// Adds a wait; true when that makes too much of it.
    fn add(&mut self, now: u64, wait: Duration) -> bool {
        if now.saturating_sub(self.since) > 1000 {
            *self = Waits { since: now, sum: Duration::ZERO };
        }
        self.sum += wait;
        self.sum >= TOO_LONG
    }
}

impl Pace {
    pub(crate) fn new(may_be_quick: bool) -> Pace {
        let (slow, working) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
        Pace { may_be_quick, began: Instant::now(), slow, working, waits: Mutex::default() }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// True when small work may be done at once.
    pub(crate) fn is_quick(&self) -> bool {
        let (now, working) = (self.now(), self.working.load(Ordering::Relaxed));
        // Where one thread waits already, no other needs to.
        let others_wait = now.saturating_sub(working) > QUICK.as_millis() as u64;
        self.may_be_quick && !others_wait && now >= self.slow.load(Ordering::Relaxed)
    }

    /// Does work at once that is small, and that nothing but a slow disk makes long.
    pub(crate) fn at_once<T>(&self, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        self.working.fetch_min(self.now(), Ordering::Relaxed);
        let done = work();
        // Of others that work as well, the next one tells.
        self.working.store(u64::MAX, Ordering::Relaxed);
        let wait = begun.elapsed();
        if wait > QUICK {
            self.note(wait);
        }
        done
    }

    /// Somebody had to wait.
    fn note(&self, wait: Duration) {
        let now = self.now();
        if self.waits.lock().unwrap_or_else(PoisonError::into_inner).add(now, wait) {
            self.slow.store(now + SLOW.as_millis() as u64, Ordering::Relaxed);
        }
    }
}

/// Does work on a thread that may wait.
pub(crate) async fn waiting<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Error::Local))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_slow_that_makes_somebody_wait_for_long_or_often() {
        let pace = Pace::new(true);
        for _ in 0..4 {
            pace.note(Duration::from_millis(21));
        }
        assert!(pace.is_quick(), "that may have been the scheduler");
        pace.note(Duration::from_millis(21));
        assert!(!pace.is_quick());
        let pace = Pace::new(true);
        pace.note(TOO_LONG);
        assert!(!pace.is_quick());
        let mut waits = Waits::default();
        assert!(!waits.add(0, TOO_LONG / 2));
        assert!(!waits.add(1001, TOO_LONG / 2), "more than a second later");
        assert!(waits.add(1500, TOO_LONG / 2));
    }
}
