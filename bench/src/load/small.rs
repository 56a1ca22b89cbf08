//! Many small files, one after the other in each of several sessions.

use super::bulk::discard;
use super::client::{Client, Door};
use crate::files::{SMALL, small};
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Which way they go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Down,
    Up,
}

/// Moves all of them, in this number of sessions, which are logged in before the time begins. `path` gives the path of
/// a folder's file.
pub(crate) fn run(
    door: &Door,
    sessions: usize,
    way: Way,
    path: &(impl Fn(&str) -> String + Sync),
) -> io::Result<Duration> {
    let clients = (0..sessions).map(|_| Client::ready(door)).collect::<io::Result<Vec<Client>>>()?;
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let tasks: Vec<_> =
            clients.into_iter().map(|client| scope.spawn(|| move_some(client, way, &next, path))).collect();
        tasks
            .into_iter()
            .try_for_each(|task| task.join().map_err(|_| io::Error::other("a client panicked"))?)
    })?;
    Ok(began.elapsed())
}

fn move_some(
    mut client: Client,
    way: Way,
    next: &AtomicUsize,
    path: &impl Fn(&str) -> String,
) -> io::Result<()> {
    let content = vec![7; SMALL.1];
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= SMALL.0 {
            return Ok(());
        }
        let mut data = client.passive()?;
        match way {
            Way::Down => {
                client.ask(&format!("RETR {}", path(&format!("small/{}", small(number)))), "1")?;
                let size = discard(&data)?;
                drop(data);
                if size != SMALL.1 as u64 {
                    return Err(io::Error::other(format!("a small file of {size} bytes")));
                }
            }
            Way::Up => {
                client.ask(&format!("STOR {}", path(&format!("up/{}", small(number)))), "1")?;
                data.write_all(&content)?;
                drop(data);
            }
        }
        client.expect("226")?;
    }
}
