//! Downloads to files: whole or not at all, continued where they broke off.

use crate::client::Client;
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::files::Facts;
use crate::local::{Folder, Name, set_modified};
use crate::{Receipt, Retry};
use portolan_wire::Verb;
use portolan_wire::parameters::Representation;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use tokio::io::AsyncReadExt;

/// Bytes of one reading.
const BUFFER: usize = 256 << 10;

/// Bytes before the end of a part that are fetched again and compared, so that a part of something else is not gone on with.
const OVERLAP: u64 = 16 << 10;

/// How a file is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetching {
    /// In which type.
    pub representation: Representation,
    /// Goes on with a part that is there.
    pub resume: bool,
    /// Gives the file the time that it has on the server.
    pub keep_time: bool,
    /// Gives it these permission bits.
    pub mode: Option<u32>,
}

impl Default for Fetching {
    fn default() -> Fetching {
        Fetching { representation: Representation::Image, resume: true, keep_time: true, mode: None }
    }
}

/// Is told how far a transfer is: bytes so far, and of how many, where that is known.
pub type Progress<'a> = &'a (dyn Fn(u64, Option<u64>) + Sync);

fn local(error: &io::Error) -> Error {
    Error::Local(error.to_string())
}

impl Client {
    /// Fetches a file, under another name until it is whole. What is known of it already need not be asked.
    ///
    /// # Errors
    /// When it cannot be had, or cannot be written here. What was fetched of it stays as a part, to go on from.
    pub async fn fetch(
        &self,
        path: &[u8],
        folder: &Folder,
        name: &Name,
        known: Option<Facts>,
        how: Fetching,
        progress: Progress<'_>,
    ) -> Result<Receipt> {
        let mut resume = how.resume;
        let receipt = self
            .run(async |connection| {
                let fetched =
                    attempt(connection, path, folder, name, known, Fetching { resume, ..how }, progress)
                        .await;
                // Whatever is there from now on is of this file.
                resume = !matches!(&fetched, Err(error) if error.retry() == Retry::Never);
                fetched
            })
            .await?;
        self.note_way(&receipt);
        Ok(receipt)
    }
}

async fn attempt(
    connection: &Connection,
    path: &[u8],
    folder: &Folder,
    name: &Name,
    known: Option<Facts>,
    how: Fetching,
    progress: Progress<'_>,
) -> Result<Receipt> {
    let part = name.part();
    // Text changes on its way, so that no offset is good.
    let binary = how.representation == Representation::Image;
    let there = folder.find(&part).map_or(0, |found| found.size);
    let there = if how.resume && binary { there } else { 0 };
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
    if from > 0 && matches!(&download, Err(error) if matches!(error.code(), Some(500..=504 | 550..=554))) {
        download = connection.download(Verb::Retr, Some(path), how.representation, 0).await;
        folder.create(&part, false).map_err(|error| local(&error))?;
    }
    let mut download = download?;
    let mut file = folder.create(&part, true).map_err(|error| local(&error))?;
    let there = file.metadata().map_err(|error| local(&error))?.len().min(there);
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
        if !again.is_empty() && !is_same(&file, at, again) {
            // It is of another file, or of this one as it was before.
            file.set_len(0).map_err(|error| local(&error))?;
            return Err(Error::Changed);
        }
        at += again.len() as u64;
        write_at(&mut file, at, new).map_err(|error| local(&error))?;
        at += new.len() as u64;
        progress(at, total);
    }
    let receipt = download.finish().await?;
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
    file.set_len(at).map_err(|error| local(&error))?;
    if let Some(mode) = how.mode {
        file.set_permissions(std::fs::Permissions::from_mode(mode & 0o777)).map_err(|error| local(&error))?;
    }
    if let Some(modified) = facts.modified.filter(|_| how.keep_time) {
        // Not all disks can do that, and it is no reason to fail.
        let _ = set_modified(&file, modified.unix());
    }
    folder.rename(&part, name).map_err(|error| local(&error))?;
    Ok(receipt)
}

fn is_same(file: &File, at: u64, bytes: &[u8]) -> bool {
    let mut own = vec![0; bytes.len()];
    file.read_exact_at(&mut own, at).is_ok() && own == bytes
}

fn write_at(file: &mut File, at: u64, bytes: &[u8]) -> io::Result<()> {
    io::Seek::seek(file, io::SeekFrom::Start(at))?;
    file.write_all(bytes)
}
