//! Downloads to files: whole or not at all, continued where they broke off.

use crate::client::Client;
use crate::connection::Connection;
use crate::download::Download;
use crate::error::{Error, Result};
use crate::files::Facts;
use crate::local::{Folder, Name, set_modified};
use crate::{Receipt, Retry};
use portolan_wire::parameters::Representation;
use portolan_wire::{Timestamp, Verb};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use tokio::io::AsyncReadExt;

/// Bytes of one reading.
const BUFFER: usize = 256 << 10;

/// Bytes before the end of a part that are fetched again and compared, so that a part of something else is not gone on with.
const OVERLAP: u64 = 16 << 10;

/// Up to so many bytes a file is small: it is asked for while others are on their way, and begun anew if it breaks off.
const SMALL: u64 = 64 << 10;

/// Bytes by which a small file may have grown since it was listed and still be read to its end.
const GROWN: u64 = 1 << 20;

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
        let size = known.and_then(|known| known.size);
        let mut known = known;
        if size.is_some_and(|size| size <= SMALL) && how.representation == Representation::Image {
            let facts = known.take().unwrap_or_default();
            let fetch = async |connection: &Connection| {
                let download = connection.download_small(path, facts, how.keep_time, !self.is_odd());
                let (facts, download) = download.await?;
                small(download, folder, name, facts, how, progress).await
            };
            // Listings can be wrong, or old. Then nothing is known.
            if let Some(receipt) = self.run_small(fetch).await? {
                self.note_way(&receipt);
                return Ok(receipt);
            }
        }
        let known = known.filter(|known| known.size.is_some() && known.modified.is_some());
        let mut resume = how.resume;
        let receipt = self
            .run(async |connection| {
                let how = Fetching { resume, ..how };
                let fetched = self.attempt(connection, path, folder, name, known, how, progress).await;
                // Whatever is there from now on is of this file.
                resume = !matches!(&fetched, Err(error) if error.retry() == Retry::Never);
                fetched
            })
            .await?;
        self.note_way(&receipt);
        Ok(receipt)
    }
}

/// Fetches a small file whose length is known; nothing when it has another.
async fn small(
    mut download: Download,
    folder: &Folder,
    name: &Name,
    facts: Facts,
    how: Fetching,
    progress: Progress<'_>,
) -> Result<Option<Receipt>> {
    let wanted = facts.size.unwrap_or_default();
    let mut bytes = Vec::with_capacity(usize::try_from(wanted).unwrap_or_default() + 1);
    // What has grown a little is read to its end: to break it off would take what comes behind it with it.
    let read = (&mut download).take(wanted + GROWN).read_to_end(&mut bytes).await;
    read.map_err(|error| download.error(&error))?;
    let got = bytes.len() as u64;
    if got == wanted + GROWN {
        return Ok(None);
    }
    let receipt = download.finish().await?;
    if got != wanted {
        return Ok(None);
    }
    let part = name.part();
    let mut file = open_part(folder, &part)?;
    let there = file.metadata().map_err(|error| Error::local(&error))?;
    let empty = if there.len() > 0 { file.set_len(0) } else { Ok(()) };
    empty.and_then(|()| file.write_all(&bytes)).map_err(|error| Error::local(&error))?;
    if there.len() > 0 {
        let _ = rustix::fs::fremovexattr(&file, MARK);
    }
    complete(&file, there.permissions().mode(), facts, how)?;
    folder.rename(&part, name).map_err(|error| Error::local(&error))?;
    progress(got, Some(wanted));
    Ok(Some(receipt))
}

/// Opens a part. Two that write to one would make a mixture.
fn open_part(folder: &Folder, part: &Name) -> Result<File> {
    let file = folder.create(part, true).map_err(|error| Error::local(&error))?;
    file.try_lock().map_err(|_| Error::Local("it is being fetched already".to_owned()))?;
    Ok(file)
}

/// Gives a file that is whole what it is to have, in place of the permission bits that it has.
fn complete(file: &File, own: u32, facts: Facts, how: Fetching) -> Result<()> {
    if let Some(mode) = how.mode {
        // No more than a new file has here; what may be executed there, may be by who can read it here.
        let own = own & 0o777;
        let mode = mode & (own | (own & 0o444) >> 2) | 0o600;
        file.set_permissions(std::fs::Permissions::from_mode(mode)).map_err(|error| Error::local(&error))?;
    }
    if let Some(modified) = facts.modified.filter(|_| how.keep_time) {
        // Not all disks can do that, and it is no reason to fail.
        let _ = set_modified(file, modified.unix());
    }
    Ok(())
}

impl Client {
    /// Fetches a file, or the rest of it.
    #[allow(clippy::too_many_arguments, reason = "it is the rest of one function")]
    async fn attempt(
        &self,
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
        if from > 0 && matches!(&download, Err(error) if matches!(error.code(), Some(500..=504 | 550..=554)))
        {
            download = connection.download(Verb::Retr, Some(path), how.representation, 0).await;
            folder.create(&part, false).map_err(|error| Error::local(&error))?;
        }
        let mut download = download?;
        let mut file = open_part(folder, &part)?;
        let metadata = file.metadata().map_err(|error| Error::local(&error))?;
        let there = metadata.len().min(there);
        // What is behind that is not gone on with, now or later.
        file.set_len(there).map_err(|error| Error::local(&error))?;
        if there > 0 && !belongs(&file, &facts) {
            file.set_len(0).map_err(|error| Error::local(&error))?;
            return Err(Error::Changed);
        }
        mark(&file, &facts);
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
                file.set_len(0).map_err(|error| Error::local(&error))?;
                return Err(Error::Changed);
            }
            at += again.len() as u64;
            write_at(&mut file, at, new).map_err(|error| Error::local(&error))?;
            at += new.len() as u64;
            progress(at, total);
        }
        let receipt = download.finish().await?;
        if at < there {
            file.set_len(0).map_err(|error| Error::local(&error))?;
            return Err(Error::Changed);
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
        file.set_len(at).map_err(|error| Error::local(&error))?;
        // Its two ends fit, and what is between them was not seen in one piece.
        if there > 0 && !self.has_same(connection, path, &file).await? {
            file.set_len(0).map_err(|error| Error::local(&error))?;
            return Err(Error::Changed);
        }
        complete(&file, metadata.permissions().mode(), facts, how)?;
        let _ = rustix::fs::fremovexattr(&file, MARK);
        folder.rename(&part, name).map_err(|error| Error::local(&error))?;
        Ok(receipt)
    }
}

/// The attribute of a part that says what it is a part of.
const MARK: &str = "user.portolan.part-of";

fn text(facts: &Facts) -> String {
    let modified = facts.modified.map_or_else(String::new, Timestamp::to_fact);
    format!("{} {modified}", facts.size.unwrap_or_default())
}

/// Notes what a part is of. Not all disks can do that; then only its end is compared.
fn mark(file: &File, facts: &Facts) {
    let _ = rustix::fs::fsetxattr(file, MARK, text(facts).as_bytes(), rustix::fs::XattrFlags::empty());
}

/// False when a part is noted to be of something else.
fn belongs(file: &File, facts: &Facts) -> bool {
    let mut noted = [0; 64];
    match rustix::fs::fgetxattr(file, MARK, &mut noted[..]) {
        Ok(length) => noted.get(..length) == Some(text(facts).as_bytes()),
        Err(_) => true,
    }
}

fn is_same(file: &File, at: u64, bytes: &[u8]) -> bool {
    let mut own = vec![0; bytes.len()];
    file.read_exact_at(&mut own, at).is_ok() && own == bytes
}

fn write_at(file: &mut File, at: u64, bytes: &[u8]) -> io::Result<()> {
    io::Seek::seek(file, io::SeekFrom::Start(at))?;
    file.write_all(bytes)
}
