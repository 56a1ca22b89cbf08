//! Large files by several data connections at a time, each of which fetches a segment.
//!
//! Servers can take an offset and begin elsewhere all the same. So each segment begins a little before its place, and what
//! comes there is compared with the end of the one before.

use super::Wanted;
use super::part::Part;
use super::rest::OVERLAP;
use crate::Receipt;
use crate::client::Client;
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::files::Facts;
use futures_util::future::join_all;
use portolan_wire::Verb;
use portolan_wire::parameters::Representation;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::AsyncReadExt;

/// Bytes of a segment at least: for fewer it is not worth a session.
const LEAST: u64 = 4 << 20;

/// Bytes of one reading.
const BUFFER: usize = 256 << 10;

/// One of them.
struct Segment {
    range: Range<u64>,
    /// What came of the bytes before it.
    before: Vec<u8>,
    /// How far it is.
    at: u64,
}

impl Client {
    /// Fetches a file in segments; nothing where it is too small for that, or the server knows no offsets.
    ///
    /// # Errors
    /// When it cannot be had, or cannot be written here. What was fetched without a gap stays as a part.
    pub(super) async fn fetch_segments(
        &self,
        wanted: &Wanted<'_>,
        known: Option<Facts>,
    ) -> Result<Option<Receipt>> {
        let facts = match known {
            Some(facts) => facts,
            None => self.run(async |connection| connection.facts(wanted.path).await).await?,
        };
        let count = u64::from(wanted.how.segments);
        let Some(size) = facts.size.filter(|size| *size >= count * LEAST) else { return Ok(None) };
        let part = Part::open_segments(wanted.folder, wanted.name)?;
        part.cut(0)?;
        let each = size.div_ceil(count);
        let moved = AtomicU64::new(0);
        let running = (0..count).map(|number| {
            let range = number * each..((number + 1) * each).min(size);
            let begin = range.start.saturating_sub(OVERLAP);
            let segment = Segment { range, before: Vec::new(), at: begin };
            self.fetch_segment(wanted, &part, segment, size, &moved)
        });
        let done = join_all(running).await;
        let mut receipt = None;
        let mut whole = 0;
        let mut failed = None;
        for (segment, result) in done {
            let fits = failed.is_some()
                || part.has(segment.range.start - segment.before.len() as u64, &segment.before);
            match result {
                Ok(last) if fits && failed.is_none() => {
                    whole = segment.range.end;
                    receipt = last.or(receipt);
                }
                Ok(_) if failed.is_none() => {
                    failed = Some(Error::Strange("the server took an offset and began elsewhere".to_owned()));
                }
                Err(error) if failed.is_none() => {
                    whole = if fits { segment.at.max(whole) } else { whole };
                    failed = Some(error);
                }
                _ => {}
            }
        }
        if let Some(error) = failed {
            // What is behind a gap is of no use, and is not taken for something.
            part.cut(whole)?;
            part.mark(&facts);
            part.leave()?;
            let no_offsets = matches!(&error, Error::Session(error) if error.verb == Some(Verb::Rest));
            return if no_offsets || matches!(error, Error::Strange(_)) { Ok(None) } else { Err(error) };
        }
        if !self.run(async |connection| self.has_same(connection, wanted.path, part.file()).await).await? {
            part.cut(0)?;
            return Err(Error::Changed);
        }
        part.complete(facts, wanted.how, false)?;
        Ok(receipt.map(|receipt| Receipt { bytes: size, ..receipt }))
    }

    /// Fetches one of them, over and over from where it is. The last one has a receipt.
    async fn fetch_segment(
        &self,
        wanted: &Wanted<'_>,
        part: &Part<'_>,
        mut segment: Segment,
        size: u64,
        moved: &AtomicU64,
    ) -> (Segment, Result<Option<Receipt>>) {
        let fetched = self
            .run(async |connection| fetch_on(connection, wanted, part, &mut segment, size, moved).await)
            .await;
        (segment, fetched)
    }
}

async fn fetch_on(
    connection: &Connection,
    wanted: &Wanted<'_>,
    part: &Part<'_>,
    segment: &mut Segment,
    size: u64,
    moved: &AtomicU64,
) -> Result<Option<Receipt>> {
    let (path, image) = (Some(wanted.path), Representation::Image);
    let mut download = connection.download(Verb::Retr, path, image, segment.at).await?;
    let mut buffer = vec![0; BUFFER];
    while segment.at < segment.range.end {
        let left = usize::try_from(segment.range.end - segment.at).unwrap_or(BUFFER).min(BUFFER);
        let count = download.read(&mut buffer[..left]).await.map_err(|error| download.error(&error))?;
        if count == 0 {
            return Err(Error::WrongSize { wanted: size, got: segment.at });
        }
        let before = segment.range.start.saturating_sub(segment.at);
        let (again, new) = buffer[..count].split_at(usize::try_from(before).unwrap_or(count).min(count));
        segment.before.extend_from_slice(again);
        let at = segment.at + again.len() as u64;
        part.file().write_all_at(new, at).map_err(|error| Error::local(&error))?;
        segment.at += count as u64;
        let all = moved.fetch_add(new.len() as u64, Ordering::Relaxed) + new.len() as u64;
        (wanted.progress)(all, Some(size));
    }
    if segment.range.end < size {
        // The rest of it is another segment's: that this one is given up is no failure.
        return Ok(None);
    }
    let receipt = download.finish().await?;
    if receipt.clean_end { Ok(Some(receipt)) } else { Err(Error::Truncated) }
}
