//! Whose turn it is to move bytes. Many transfers at once would otherwise run as the scheduler likes it, and the first
//! be done when the last have hardly begun.
//!
//! A turn is a matter of fairness and not a lock: who has waited for long goes on without one, and waits for none any
//! more until there is one at once. So transfers that hang on a dead disk keep nobody from theirs.

use super::{Failure, Progress};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Bytes of a turn where there are more transfers than can have one.
const SHARE: usize = 1 << 20;

/// Bytes of a turn elsewhere: each costs a change of threads.
const ALONE: usize = 64 << 20;

/// Bytes of a turn of a young transfer, and how long it is one. Others that begin at the same time may not have come
/// so far that they are counted.
const YOUNG: (usize, Duration) = (128 << 10, Duration::from_millis(25));

/// Turns at the same time for each core: some of them wait for a disk, or for a peer that is about to catch up.
const FOR_EACH_CORE: usize = 8;

/// How long a turn is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// Turns are of the machine, whatever runs in it.
static MACHINE: LazyLock<Machine> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let turns = cores * FOR_EACH_CORE;
    Machine { turns, free: Semaphore::new(turns), transfers: AtomicUsize::new(0) }
});

struct Machine {
    /// How many there can be at the same time.
    turns: usize,
    free: Semaphore,
    /// Transfers that there are.
    transfers: AtomicUsize,
}

/// The turns of one transfer.
pub(super) struct Turns {
    begun: Instant,
    /// The last one was waited for in vain.
    in_vain: bool,
}

/// A transfer may move bytes; until this is dropped.
pub(super) struct Turn {
    length: usize,
    permit: Option<SemaphorePermit<'static>>,
}

impl Turns {
    pub(super) fn new() -> Turns {
        MACHINE.transfers.fetch_add(1, Ordering::Relaxed);
        Turns { begun: Instant::now(), in_vain: false }
    }

    /// Waits for the next turn. Whoever came first gets it first.
    ///
    /// # Errors
    /// [`Failure::Stopped`].
    pub(super) async fn next<E>(&mut self, progress: &Progress) -> Result<Turn, Failure<E>> {
        let allowed = progress.allowance().await?;
        let length = if self.begun.elapsed() < YOUNG.1 { YOUNG.0 } else { ALONE };
        let permit = match MACHINE.free.try_acquire() {
            Ok(permit) => Some(permit),
            Err(_) if self.in_vain => None,
            Err(_) => tokio::select! {
                biased;
                () = progress.stopped() => return Err(Failure::Stopped),
                permit = tokio::time::timeout(PATIENCE, MACHINE.free.acquire()) => permit.ok().and_then(Result::ok),
            },
        };
        self.in_vain = permit.is_none();
        Ok(Turn { length: length.min(allowed), permit })
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        MACHINE.transfers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Turn {
    /// One that nobody has to wait for.
    pub(super) fn short(length: usize) -> Turn {
        Turn { length, permit: None }
    }

    /// True for one that is of the number of those that there can be.
    pub(super) fn is_own(&self) -> bool {
        self.permit.is_some()
    }

    /// Bytes that may be moved in it after `moved`.
    pub(super) fn left(&self, moved: usize) -> usize {
        let many = MACHINE.transfers.load(Ordering::Relaxed) > MACHINE.turns;
        (if many { self.length.min(SHARE) } else { self.length }).saturating_sub(moved)
    }
}
