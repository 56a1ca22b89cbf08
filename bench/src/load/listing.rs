//! Long listings.

use super::client::{Client, Door};
use crate::files::ENTRIES;
use std::io::{self, Read};
use std::time::{Duration, Instant};

/// Lists a folder by a command, and gives when the first byte came.
pub(crate) fn list(door: &Door, command: &str) -> io::Result<Duration> {
    let mut client = Client::ready(door)?;
    let mut data = client.passive()?;
    let began = Instant::now();
    client.ask(command, "1")?;
    let (mut piece, mut first, mut lines) = (vec![0; 256 << 10], None, 0);
    loop {
        let count = data.read(&mut piece)?;
        if count == 0 {
            break;
        }
        first = first.or_else(|| Some(began.elapsed()));
        lines += piece[..count].iter().filter(|byte| **byte == b'\n').count();
    }
    client.expect("226")?;
    // Some have lines for the folder itself, and the one above.
    if !(ENTRIES..=ENTRIES + 3).contains(&lines) {
        return Err(io::Error::other(format!("{lines} lines")));
    }
    first.ok_or_else(|| io::Error::other("an empty listing"))
}
