//! Many downloads at once, and many sessions that do nothing.

use super::bulk::discard;
use super::client::{Client, Door};
use crate::account::Group;
use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How long it may take until all sessions are open.
const LONGEST: Duration = Duration::from_secs(15);

/// How long clients have until all of them listen.
const LISTENING: Duration = Duration::from_millis(100);

/// What many downloads at once took.
pub(crate) struct Downloads {
    pub(crate) bytes: u64,
    /// From the first command to the last end.
    pub(crate) all: Duration,
    pub(crate) fastest: Duration,
    pub(crate) slowest: Duration,
    /// Processor time of the server.
    pub(crate) used: Duration,
    /// Memory at its greatest, in KiB.
    pub(crate) memory: u64,
}

/// Downloads a file in so many sessions at once: everybody listens already when the commands are sent, one right after
/// the other.
pub(crate) fn download(door: &Door, sessions: usize, path: &str, group: &Group) -> io::Result<Downloads> {
    let (mut clients, mut streams) = (Vec::new(), Vec::new());
    for _ in 0..sessions {
        let mut client = Client::ready(door)?;
        streams.push(client.passive()?);
        clients.push(Mutex::new(client));
    }
    let done = AtomicBool::new(false);
    let (begun, ended, used, memory) = std::thread::scope(|scope| {
        let both = clients.iter().zip(streams);
        let tasks: Vec<_> = both.map(|(client, data)| scope.spawn(|| receive(client, data))).collect();
        let watch = scope.spawn(|| {
            let mut most = 0;
            while !done.load(Ordering::Relaxed) {
                most = most.max(group.memory().unwrap_or(0));
                std::thread::sleep(Duration::from_millis(100));
            }
            most
        });
        std::thread::sleep(LISTENING);
        let before = group.used();
        let send = |client| {
            let begun = Instant::now();
            lock(client)?.send(&format!("RETR {path}"))?;
            Ok(begun)
        };
        let begun: io::Result<Vec<Instant>> = clients.iter().map(send).collect();
        let ended: io::Result<Vec<(u64, Instant)>> = tasks
            .into_iter()
            .map(|task| task.join().map_err(|_| io::Error::other("a client panicked"))?)
            .collect();
        let used = before.and_then(|before| Ok(group.used()?.saturating_sub(before)));
        done.store(true, Ordering::Relaxed);
        (begun, ended, used, watch.join().unwrap_or(0))
    });
    let (begun, ended) = (begun?, ended?);
    let first = begun.iter().min().copied();
    let last = ended.iter().map(|(_, at)| *at).max();
    let each = || begun.iter().zip(&ended).map(|(begun, (_, ended))| *ended - *begun);
    Ok(Downloads {
        bytes: ended.iter().map(|(bytes, _)| bytes).sum(),
        all: last.zip(first).map(|(last, first)| last - first).unwrap_or_default(),
        fastest: each().min().unwrap_or_default(),
        slowest: each().max().unwrap_or_default(),
        used: used?,
        memory,
    })
}

/// Receives a file that somebody asks for; gives its size, and when all was over.
fn receive(client: &Mutex<Client>, data: TcpStream) -> io::Result<(u64, Instant)> {
    let size = discard(&data)?;
    drop(data);
    let mut client = lock(client)?;
    client.expect("1")?;
    client.expect("226")?;
    Ok((size, Instant::now()))
}

fn lock(client: &Mutex<Client>) -> io::Result<MutexGuard<'_, Client>> {
    client.lock().map_err(|_| io::Error::other("a client panicked"))
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
