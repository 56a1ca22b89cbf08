//! Whose turn it is to move bytes. Many transfers at once would otherwise run as the scheduler likes it, and the first
//! be done when the last have hardly begun.
//!
//! A turn is a matter of fairness and not a lock: who has waited for long goes on without one, so that transfers that
//! hang on a dead disk keep nobody from theirs.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Bytes of a turn while others wait for theirs.
const SHARE: usize = 1 << 20;

/// Bytes of a turn when nobody else waits: each costs a change of threads.
const ALONE: usize = 64 << 20;

/// Bytes of a turn of a young transfer, and how long it is one. Others that begin at the same time may not have come
/// so far that they are counted.
const YOUNG: (usize, Duration) = (128 << 10, Duration::from_millis(25));

/// Turns at the same time for each core: some of them wait for a disk.
const FOR_EACH_CORE: usize = 8;

/// How long a turn is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// Turns are of the machine, whatever runs in it.
static FREE: LazyLock<Semaphore> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Semaphore::new(cores * FOR_EACH_CORE)
});

/// How many wait for one.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// The turns of one transfer.
pub(super) struct Turns {
    begun: Instant,
}

/// A transfer may move bytes; until this is dropped.
pub(super) struct Turn {
    length: usize,
    _permit: Option<SemaphorePermit<'static>>,
}

impl Turns {
    pub(super) fn new() -> Turns {
        Turns { begun: Instant::now() }
    }

    /// Waits for the next turn. Whoever came first gets it first.
    pub(super) async fn next(&self) -> Turn {
        let length = if self.begun.elapsed() < YOUNG.1 { YOUNG.0 } else { ALONE };
        if let Ok(permit) = FREE.try_acquire() {
            return Turn { length, _permit: Some(permit) };
        }
        let _waiting = Waiting::new();
        let permit = tokio::time::timeout(PATIENCE, FREE.acquire()).await;
        Turn { length, _permit: permit.ok().and_then(Result::ok) }
    }
}

impl Turn {
    /// One that nobody has to wait for.
    pub(super) fn short(length: usize) -> Turn {
        Turn { length, _permit: None }
    }

    /// Bytes that may be moved in it after `moved`.
    pub(super) fn left(&self, moved: usize) -> usize {
        let others_wait = WAITING.load(Ordering::Relaxed) > 0;
        (if others_wait { self.length.min(SHARE) } else { self.length }).saturating_sub(moved)
    }
}

/// Somebody who waits.
struct Waiting;

impl Waiting {
    fn new() -> Waiting {
        WAITING.fetch_add(1, Ordering::Relaxed);
        Waiting
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITING.fetch_sub(1, Ordering::Relaxed);
    }
}
