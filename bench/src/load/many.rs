//! Many downloads at once, and many sessions that do nothing.

use super::bulk::discard;
use super::client::{Client, Door};
use crate::account::Group;
use std::io;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long it may take until all sessions are open.
const LONGEST: Duration = Duration::from_secs(15);

/// What many downloads at once took.
pub(crate) struct Downloads {
    pub(crate) bytes: u64,
    /// From the first command to the last end.
    pub(crate) all: Duration,
    pub(crate) fastest: Duration,
    pub(crate) slowest: Duration,
    /// Memory at its greatest, in KiB.
    pub(crate) memory: u64,
}

/// Downloads a file in so many sessions at once.
pub(crate) fn download(door: &Door, sessions: usize, path: &str, group: &Group) -> io::Result<Downloads> {
    let clients = (0..sessions).map(|_| Client::ready(door)).collect::<io::Result<Vec<Client>>>()?;
    let (start, done) = (Barrier::new(sessions + 1), AtomicBool::new(false));
    let (times, all, memory) = std::thread::scope(|scope| {
        let tasks: Vec<_> = clients
            .into_iter()
            .map(|mut client| {
                let start = &start;
                scope.spawn(move || -> io::Result<(u64, Duration)> {
                    let data = client.passive();
                    start.wait();
                    let began = Instant::now();
                    let data = data?;
                    client.ask(&format!("RETR {path}"), "1")?;
                    let size = discard(&data)?;
                    drop(data);
                    client.expect("226")?;
                    Ok((size, began.elapsed()))
                })
            })
            .collect();
        let watch = scope.spawn(|| {
            let mut most = 0;
            while !done.load(Ordering::Relaxed) {
                most = most.max(group.memory().unwrap_or(0));
                std::thread::sleep(Duration::from_millis(100));
            }
            most
        });
        start.wait();
        let began = Instant::now();
        let times: io::Result<Vec<(u64, Duration)>> = tasks
            .into_iter()
            .map(|task| task.join().map_err(|_| io::Error::other("a client panicked"))?)
            .collect();
        let all = began.elapsed();
        done.store(true, Ordering::Relaxed);
        (times, all, watch.join().unwrap_or(0))
    });
    let times = times?;
    let each = || times.iter().map(|(_, time)| *time);
    Ok(Downloads {
        bytes: times.iter().map(|(bytes, _)| bytes).sum(),
        all,
        fastest: each().min().unwrap_or_default(),
        slowest: each().max().unwrap_or_default(),
        memory,
    })
}

/// Opens so many sessions, which are logged in and do nothing.
pub(crate) fn idle(door: &Door, sessions: usize) -> io::Result<Vec<Client>> {
    let began = Instant::now();
    let open = |number| match began.elapsed() {
        elapsed if elapsed > LONGEST => {
            Err(io::Error::other(format!("only {number} sessions in {elapsed:.0?}")))
        }
        _ => Client::log_in(door),
    };
    (0..sessions).map(open).collect()
}

/// How long each of so many logins takes, one after the other; in order of time.
pub(crate) fn log_in_times(door: &Door, count: usize) -> io::Result<Vec<Duration>> {
    let one = || {
        let began = Instant::now();
        let mut client = Client::log_in(door)?;
        let time = began.elapsed();
        client.ask("QUIT", "221")?;
        Ok(time)
    };
    let mut times = (0..count).map(|_| one()).collect::<io::Result<Vec<Duration>>>()?;
    times.sort();
    Ok(times)
}
