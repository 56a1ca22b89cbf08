//! Sessions that come, look, and go.

use super::client::{Client, Door};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// No longer than this, however slow a server is.
const LONGEST: Duration = Duration::from_secs(8);

/// So many sessions in all, where one comes at a time for each of so many clients; gives how many came each second.
pub(crate) fn run(door: &Door, clients: usize, total: usize) -> io::Result<f64> {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let began = Instant::now();
    std::thread::scope(|scope| {
        let come = || {
            while next.fetch_add(1, Ordering::Relaxed) < total && began.elapsed() < LONGEST {
                session(door)?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            io::Result::Ok(())
        };
        let tasks: Vec<_> = (0..clients).map(|_| scope.spawn(come)).collect();
        tasks
            .into_iter()
            .try_for_each(|task| task.join().map_err(|_| io::Error::other("a client panicked"))?)
    })?;
    Ok(done.into_inner() as f64 / began.elapsed().as_secs_f64())
}

fn session(door: &Door) -> io::Result<()> {
    let mut client = Client::log_in(door)?;
    client.ask("PWD", "257")?;
    client.ask("QUIT", "221")
}
