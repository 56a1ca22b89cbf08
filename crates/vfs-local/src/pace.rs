//! Where work is done that may have to wait for the disk.

use portolan_vfs::{Error, Result};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What takes longer had to wait for the disk.
const QUICK: Duration = Duration::from_millis(20);

/// How long a disk is taken for a slow one that made somebody wait.
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
}

impl Pace {
    pub(crate) fn new(may_be_quick: bool) -> Pace {
        Pace { may_be_quick, began: Instant::now(), slow: AtomicU64::new(0) }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// True when small work may be done at once.
    pub(crate) fn is_quick(&self) -> bool {
        self.may_be_quick && self.now() >= self.slow.load(Ordering::Relaxed)
    }

    /// Does work at once that is small, and that nothing but a slow disk makes long.
    pub(crate) fn at_once<T>(&self, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let done = work();
        if begun.elapsed() > QUICK {
            self.slow.store(self.now() + SLOW.as_millis() as u64, Ordering::Relaxed);
        }
        done
    }
}

/// Does work on a thread that may wait.
pub(crate) async fn waiting<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Error::Local))
}
