//! The threads that sessions run on: one for each core, each with a runtime of its own. A session stays where it began,
//! and its sockets are looked after there. Threads that hand sessions to each other spend more time on that than on
//! small files.
//!
//! What this is not: a pool for work that waits. That goes to the threads that runtimes have for it.

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{mpsc, watch};

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

/// All of them.
#[derive(Debug, Clone)]
pub(crate) struct Threads(Arc<[Thread]>);

/// The threads end when this does, with all sessions that they have then.
#[derive(Debug)]
pub(crate) struct End {
    begins: watch::Sender<()>,
    /// Closed when the last thread has ended.
    is_over: mpsc::Receiver<Infallible>,
}

/// How long threads are waited for.
const LAST: Duration = Duration::from_secs(1);

impl End {
    pub(crate) async fn come(self) {
        let End { begins, mut is_over } = self;
        drop(begins);
        let _ = tokio::time::timeout(LAST, is_over.recv()).await;
    }
}

#[derive(Debug)]
struct Thread {
    runtime: Handle,
    /// How many sessions it has.
    sessions: AtomicUsize,
}

impl Threads {
    /// Starts them.
    ///
    /// # Errors
    /// When the system has no room for them.
    pub(crate) fn start() -> io::Result<(Threads, End)> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let ((begins, end), (ended, is_over)) = (watch::channel(()), mpsc::channel(1));
        let threads = (0..cores).map(|_| Thread::start(end.clone(), ended.clone()));
        let threads: Vec<Thread> = threads.collect::<io::Result<_>>()?;
        Ok((Threads(threads.into()), End { begins, is_over }))
    }

    /// Waits until each of them has done something.
    pub(crate) async fn are_alive(&self) {
        for thread in &*self.0 {
            let _ = thread.runtime.spawn(async {}).await;
        }
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
    fn start(mut end: watch::Receiver<()>, ended: mpsc::Sender<Infallible>) -> io::Result<Thread> {
        let runtime =
            Builder::new_current_thread().enable_all().on_thread_unpark(|| COMMANDS.set(0)).build()?;
        let handle = runtime.handle().clone();
        std::thread::Builder::new().name("sessions".to_owned()).spawn(move || {
            // An error is the end.
            let _ = runtime.block_on(end.changed());
            // A disk that hangs must not keep it from ending.
            runtime.shutdown_background();
            drop(ended);
        })?;
        Ok(Thread { runtime: handle, sessions: AtomicUsize::new(0) })
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
