//! The threads that sessions run on: one for each core, each with a runtime of its own. A session stays where it began,
//! and its sockets are looked after there. Threads that hand sessions to each other spend more time on that than on
//! small files.
//!
//! What this is not: a pool for work that waits. That goes to the threads that runtimes have for it.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

/// Threads of all of them together for work that waits. Runtimes have so many by themselves.
const WAITING: usize = 512;

/// But for each no fewer than this.
const WAITING_EACH: usize = 32;

thread_local! {
    /// Commands that came since this thread slept.
    static COMMANDS: Cell<usize> = const { Cell::new(0) };
}

/// A command has come on this thread.
pub(crate) fn note_command() {
    COMMANDS.set(COMMANDS.get() + 1);
}

/// True where this thread has more to do than one command.
pub(crate) fn is_busy() -> bool {
    COMMANDS.get() > 1
}

/// They end when the last of these does.
#[derive(Debug, Clone)]
pub(crate) struct Threads(Arc<[Thread]>);

#[derive(Debug)]
struct Thread {
    runtime: Handle,
    /// How many sessions it has.
    sessions: AtomicUsize,
    /// Closed at the end.
    _end: watch::Sender<()>,
}

impl Threads {
    /// Starts them.
    ///
    /// # Errors
    /// When the system has no room for them.
    pub(crate) fn start() -> io::Result<Threads> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads: io::Result<Vec<Thread>> = (0..cores).map(|_| Thread::start(cores)).collect();
        Ok(Threads(threads?.into()))
    }

    /// Room for a session, where there are the fewest.
    pub(crate) fn seat(&self) -> Seat {
        let sessions = |number: &usize| self.0[*number].sessions.load(Ordering::Relaxed);
        let number = (0..self.0.len()).min_by_key(sessions).unwrap_or_default();
        self.0[number].sessions.fetch_add(1, Ordering::Relaxed);
        Seat { threads: self.clone(), number }
    }
}

impl Thread {
    fn start(of: usize) -> io::Result<Thread> {
        let waiting = (WAITING / of).max(WAITING_EACH);
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(waiting)
            .on_thread_unpark(|| COMMANDS.set(0))
            .build()?;
        let (end, mut ended) = watch::channel(());
        let handle = runtime.handle().clone();
        std::thread::Builder::new().name("sessions".to_owned()).spawn(move || {
            // An error is the end.
            let _ = runtime.block_on(ended.changed());
            // A disk that hangs must not keep it from ending.
            runtime.shutdown_background();
        })?;
        Ok(Thread { runtime: handle, sessions: AtomicUsize::new(0), _end: end })
    }
}

/// Room for a session on one of the threads. It keeps it while it lasts.
pub(crate) struct Seat {
    threads: Threads,
    number: usize,
}

impl Seat {
    fn thread(&self) -> &Thread {
        &self.threads.0[self.number]
    }

    /// Where the session is to run.
    pub(crate) fn runtime(&self) -> Handle {
        self.thread().runtime.clone()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.thread().sessions.fetch_sub(1, Ordering::Relaxed);
    }
}
