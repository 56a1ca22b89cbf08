//! Files that are written as they come, and gone on with where they broke off.

use super::Wanted;
use super::part::Part;
use crate::Receipt;
use crate::client::Client;
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::files::Facts;
use portolan_wire::Verb;
use portolan_wire::parameters::Representation;
use tokio::io::AsyncReadExt;

/// Bytes of one reading.
const BUFFER: usize = 256 << 10;

/// Bytes before the end of a part that are fetched again and compared, so that a part of something else is not gone on with.
pub(super) const OVERLAP: u64 = 16 << 10;

impl Client {
    /// Fetches a file, or the rest of it.
    pub(super) async fn fetch_rest(
        &self,
        connection: &Connection,
        wanted: &Wanted<'_>,
        known: Option<Facts>,
        resume: bool,
    ) -> Result<Receipt> {
        let Wanted { path, folder, name, how, progress } = *wanted;
        // Text changes on its way, so that no offset is good.
        let binary = how.representation == Representation::Image;
        let there = folder.find(&name.part()).map_or(0, |found| found.size);
        let there = if resume && binary { there } else { 0 };
        let from = there.saturating_sub(OVERLAP);
        let download = connection.download(Verb::Retr, Some(path), how.representation, from);
        let (facts, mut download) = match known {
            Some(facts) => (facts, download.await),
            None => {
                let (facts, download) = tokio::join!(biased; connection.facts(path), download);
                (facts?, download)
            }
        };
        // It is smaller than the part, or knows no offsets.
        if from > 0 && matches!(&download, Err(error) if matches!(error.code(), Some(500..=504 | 550..=554)))
        {
            download = connection.download(Verb::Retr, Some(path), how.representation, 0).await;
            folder.create(&name.part(), false).map_err(|error| Error::local(&error))?;
        }
        let mut download = download?;
        let mut part = Part::open(folder, name)?;
        let there = part.found().min(there);
        // What is behind that is not gone on with, now or later.
        part.cut(there)?;
        if there > 0 && !part.belongs(&facts) {
            return Err(part.is_of_another()?);
        }
        part.mark(&facts);
        let total = facts.size.filter(|_| binary);
        let mut at = from.min(there);
        let mut buffer = vec![0; BUFFER];
        progress(at, total);
        loop {
            let count = download.read(&mut buffer).await.map_err(|error| download.error(&error))?;
            if count == 0 {
                break;
            }
            let bytes = &buffer[..count];
            let (again, new) =
                bytes.split_at(usize::try_from(there.saturating_sub(at)).unwrap_or(count).min(count));
            if !again.is_empty() && !part.has(at, again) {
                return Err(part.is_of_another()?);
            }
            at += again.len() as u64;
            part.write(at, new)?;
            at += new.len() as u64;
            progress(at, total);
        }
        let receipt = download.finish().await?;
        if at < there {
            return Err(part.is_of_another()?);
        }
        let total = match total {
            // Nobody said how much there would be, and TLS not that it was all.
            None if !receipt.clean_end && binary => connection.facts(path).await?.size,
            total => total,
        };
        match total {
            Some(total) if total != at => return Err(Error::WrongSize { wanted: total, got: at }),
            None if !receipt.clean_end => return Err(Error::Truncated),
            _ => {}
        }
        part.cut(at)?;
        // Its two ends fit, and what is between them was not seen in one piece.
        if there > 0 && !self.has_same(connection, path, part.file()).await? {
            return Err(part.is_of_another()?);
        }
        part.complete(facts, how, true)?;
        Ok(receipt)
    }
}
