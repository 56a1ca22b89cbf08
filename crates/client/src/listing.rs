//! What is in a directory.

use crate::Receipt;
use crate::charset::Charset;
use crate::connection::Connection;
use crate::download::Download;
use crate::error::{Error, Result};
use crate::versions;
use portolan_proto::client::Software;
use portolan_wire::listing::{Line, ListReader, Listed, parse_facts};
use portolan_wire::parameters::Representation;
use portolan_wire::{Timestamp, Verb};
use std::sync::atomic::Ordering;
use std::time::UNIX_EPOCH;
use tokio::io::AsyncReadExt;

/// Entries of one directory that are taken; more are an error.
pub const ENTRIES_MAX: usize = 2_000_000;
/// Bytes of one listing that are taken; more are an error.
pub const BYTES_MAX: u64 = 1 << 30;
/// Bytes of one line that are read; the rest of it is skipped.
const LINE_MAX: usize = 16 << 10;

/// What is in a directory, as the server says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Its entries, without the directory itself and the one above it, in the server's order.
    pub entries: Vec<Listed>,
    /// Lines that were not understood: there is something of which nothing is known.
    pub unknown: usize,
    /// True when it is the answer to `MLSD`, whose times are UTC and to the second.
    pub by_facts: bool,
    /// The zone of the server, in seconds east of UTC, if its times of day were given without one and are UTC now.
    pub zone: Option<i64>,
    /// True when the server's last word, or TLS's missing one, says that this may not be all.
    pub cut_short: bool,
}

impl Listing {
    /// True when what is not in it need not be absent: nothing should be deleted because of that.
    pub fn is_doubtful(&self) -> bool {
        self.unknown > 0 || self.cut_short
    }
}

impl Connection {
    /// What is in a directory, by `MLSD` where the server offers it, else by `LIST`. An empty path means where one is after
    /// the login.
    ///
    /// # Errors
    /// When there is no such directory, it may not be read, or it is larger than this crate takes.
    pub async fn list(&self, path: &[u8]) -> Result<Listing> {
        if self.features().offers("MLST") && !self.without_facts.load(Ordering::Relaxed) {
            let entered = self.enter(path).await?;
            let argument = (!path.is_empty() && entered.is_none()).then_some(path);
            let order = self.order(Verb::Mlsd, argument, Representation::Image, 0)?;
            let begun = self.begin(&self.gate(), order)?;
            drop(entered);
            let download = self.follow(begun).await;
            match download {
                // Some offer it and do not know it.
                Err(error) if matches!(error.code(), Some(500 | 502 | 504)) => {
                    self.without_facts.store(true, Ordering::Relaxed);
                }
                Err(error) => return Err(error),
                Ok(download) => return self.read(download, true).await,
            }
        }
        let mut listing = self.list_lines(path).await?;
        if versions::are_in(&listing.entries) && self.is_without_slashes().await? {
            versions::keep_newest(&mut listing.entries);
        }
        Ok(listing)
    }

    /// By `LIST` in the directory itself: what it means with a path depends on what is in the path.
    async fn list_lines(&self, path: &[u8]) -> Result<Listing> {
        let (argument, representation) = match self.features().software {
            Software::Vsftpd => (Some(&b"-a"[..]), Representation::Image),
            Software::Unknown => (None, Representation::Ascii),
            _ => (None, Representation::Image),
        };
        let entered = self.enter(path).await?;
        if path.is_empty() || entered.is_some() {
            let begun = self.begin(&self.gate(), self.order(Verb::List, argument, representation, 0)?)?;
            drop(entered);
            return self.read(self.follow(begun).await?, false).await;
        }
        let home = self.home().await?;
        let path = self.resolve(path).await?;
        let mut at = self.folder.lock().await;
        *at = None;
        let (there, listing, back) = {
            let gate = self.gate();
            let there = self.post(&gate, Verb::Cwd, Some(&path))?;
            let listing = self.begin(&gate, self.order(Verb::List, argument, representation, 0)?)?;
            (there, listing, self.post(&gate, Verb::Cwd, Some(home))?)
        };
        drop(at);
        let (there, listing, _) = tokio::join!(
            self.expect(there),
            async { self.read(self.follow(listing).await?, false).await },
            self.answer(back),
        );
        there?;
        listing
    }

    async fn read(&self, download: Download, by_facts: bool) -> Result<Listing> {
        read(download, by_facts, self.charset).await
    }
}

async fn read(mut download: Download, by_facts: bool, charset: Option<Charset>) -> Result<Listing> {
    let now = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp::from_unix(i64::try_from(now.as_secs()).unwrap_or_default(), 0);
    let mut listing = Listing { entries: Vec::new(), unknown: 0, by_facts, zone: None, cut_short: false };
    let (mut reader, mut line, mut buffer) = (ListReader::new(now), Vec::new(), vec![0; 64 << 10]);
    loop {
        let count = download.read(&mut buffer).await.map_err(|error| download.error(&error))?;
        if count == 0 {
            break;
        }
        if download.bytes() > BYTES_MAX {
            return Err(Error::Strange(format!("the listing is longer than {BYTES_MAX} bytes")));
        }
        for byte in &buffer[..count] {
            if *byte == b'\n' {
                take(&mut listing, &mut reader, &line, charset)?;
                line.clear();
            } else if line.len() < LINE_MAX {
                line.push(*byte);
            }
        }
    }
    if !line.is_empty() {
        take(&mut listing, &mut reader, &line, charset)?;
    }
    let Receipt { clean_end, reply, .. } = download.finish().await?;
    // Some say 226 and mean that they could not read the directory, or not all of it.
    let last = reply.lines.concat().to_ascii_lowercase();
    let says = |word: &&[u8]| last.windows(word.len()).any(|part| part == *word);
    let words: [&[u8]; 3] = [b"fail", b"truncated", b"denied"];
    listing.cut_short = !clean_end || words.iter().any(says);
    Ok(listing)
}

fn take(listing: &mut Listing, reader: &mut ListReader, line: &[u8], charset: Option<Charset>) -> Result<()> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut parse = |line: &[u8]| match if listing.by_facts { parse_facts(line) } else { Line::Unknown } {
        // Some answer MLSD with lines of LIST.
        Line::Unknown => reader.take(line),
        read => read,
    };
    let read = match charset {
        Some(charset) => charset.read(line, parse),
        None => parse(line),
    };
    match read {
        Line::Entry(entry) => listing.entries.push(entry),
        Line::Noise => {}
        Line::Unknown => listing.unknown += 1,
    }
    if listing.entries.len() > ENTRIES_MAX {
        return Err(Error::Strange(format!("the directory has more than {ENTRIES_MAX} entries")));
    }
    Ok(())
}
