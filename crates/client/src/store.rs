//! Uploads: under another name until they are whole, continued where they broke off.
//!
//! What is gone on with is only ever a part that uploads of this very file have made, under a name that nobody else has: the
//! length of the file that is to be replaced says nothing.

use crate::Receipt;
use crate::client::{Client, Loan};
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::fetch::{self, Progress};
use crate::files::size_in;
use crate::local::Name;
use portolan_proto::client::{Retry, Software};
use portolan_wire::parameters::Representation;
use portolan_wire::{Received, Timestamp, Verb};
use sha2::{Digest, Sha256};
use std::fs::{File, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

/// Bytes of one writing.
const BUFFER: usize = 256 << 10;

/// Files of so many bytes are not gone on with, where the server keeps them whole by itself.
const SMALL: u64 = 8 << 20;

/// Bytes at the end of a part that are sent again.
const AGAIN: u64 = 1 << 20;

/// How a file is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storing {
    /// In which type.
    pub representation: Representation,
    /// Stores it under another name until it is whole, where the server lets one rename. Portolan does so itself, and is
    /// left to it with small files.
    pub temporary: bool,
    /// Gives it the time that it has here, where the server does that.
    pub keep_time: bool,
}

impl Default for Storing {
    fn default() -> Storing {
        Storing { representation: Representation::Image, temporary: true, keep_time: true }
    }
}

/// How far the part on the server came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    Not,
    /// There may be a part of an earlier run.
    Perhaps,
    Partly,
    /// All was sent, and the server's last word never came.
    ToTheEnd,
}

/// What is stored.
#[derive(Clone, Copy)]
struct What<'a> {
    file: &'a File,
    size: u64,
    /// When it was changed, as this system has it.
    changed: Option<SystemTime>,
    modified: Option<Timestamp>,
    how: Storing,
    /// It is small, and asked for while others are on their way.
    ahead: bool,
}

impl What<'_> {
    fn is_binary(&self) -> bool {
        self.how.representation == Representation::Image
    }

    /// What was sent of it before must not be mixed with what it is now.
    fn is_as_it_was(&self) -> Result<()> {
        let now = self.file.metadata().map_err(|error| Error::local(&error))?;
        let same = now.len() == self.size && now.modified().ok() == self.changed;
        if same { Ok(()) } else { Err(Error::Local("it changed while it was sent".to_owned())) }
    }

    /// The time that it is to have.
    fn time(&self) -> Option<Timestamp> {
        self.modified.filter(|_| self.how.keep_time)
    }
}

impl Client {
    async fn is_direct(&self, connection: &Connection, how: Storing, size: Option<u64>) -> Result<bool> {
        let whole_by_itself = connection.features().software == Software::Portolan;
        Ok(!how.temporary
            || self.direct.load(Ordering::Relaxed)
            || (whole_by_itself && size.is_none_or(|size| size < SMALL))
            // There, names have less room than such a name takes.
            || connection.is_without_slashes().await?)
    }

    /// Stores a file of this side. What is there is replaced.
    ///
    /// # Errors
    /// When the server does not take it, or it cannot be read here. A part may be left beside the target.
    pub async fn store(
        &self,
        file: &File,
        target: &[u8],
        how: Storing,
        progress: Progress<'_>,
    ) -> Result<Receipt> {
        let metadata = file.metadata().map_err(|error| Error::local(&error))?;
        let changed = metadata.modified().ok();
        let since = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let seconds = since.and_then(|since| i64::try_from(since.as_secs()).ok());
        let modified = seconds.map(|seconds| Timestamp::from_unix(seconds, 0));
        let size = metadata.len();
        let what = What { file, size, changed, modified, how, ahead: false };
        // Two that upload one file at a time must not have one part.
        let again = metadata.len() >= SMALL && file.try_lock().is_ok();
        let (part, mut begun) = match again {
            true => (part_of(target, &version(&metadata)), Begun::Perhaps),
            false => (part_of(target, &format!("{:08x}", rand::random::<u32>())), Begun::Not),
        };
        let mut store = async |connection: &Connection, what: &What<'_>| {
            if self.is_direct(connection, how, Some(what.size)).await? {
                return direct(connection, what, target, progress).await;
            }
            let sent = self.send(connection, what, &part, begun, progress).await;
            begun = match &sent {
                Err(Error::Session(error)) if error.untouched => begun,
                Err(error) if error.is_lost_end() => Begun::ToTheEnd,
                Err(Error::Changed) => Begun::Not,
                _ => Begun::Partly,
            };
            let receipt = sent?;
            if self.put_in_place(connection, &part, target, Some(what)).await? {
                return Ok(receipt);
            }
            direct(connection, what, target, progress).await
        };
        let mut stored = None;
        if size <= fetch::SMALL && what.is_binary() && self.has_common_uploads() {
            let ahead = What { ahead: true, ..what };
            stored =
                match self.run_on(Loan::Uploads, async |connection| store(connection, &ahead).await).await {
                    // It can be the fault of another one before it: it is tried anew without others.
                    Err(error) if error.retry() != Retry::Never => {
                        self.tell(&Event::Again(&error, Duration::ZERO));
                        None
                    }
                    stored => Some(stored),
                };
        }
        let receipt = match stored {
            Some(stored) => stored,
            None => self.run(async |connection| store(connection, &what).await).await,
        };
        if again {
            // It goes with the file in any case.
            let _ = file.unlock();
        }
        let receipt = receipt?;
        self.note_way(&receipt);
        Ok(receipt)
    }

    /// Stores what comes from a source that cannot be read twice, so that nothing is tried again once it has begun.
    ///
    /// # Errors
    /// When the server does not take it, or the source fails.
    pub async fn store_stream(
        &self,
        source: &mut (impl AsyncRead + Unpin),
        target: &[u8],
        how: Storing,
    ) -> Result<Receipt> {
        let part = part_of(target, &format!("{:08x}", rand::random::<u32>()));
        let receipt = self
            .run_once(async |connection| {
                let direct = self.is_direct(connection, how, None).await?;
                let path = if direct { target } else { &part };
                let mut upload = connection.upload(Verb::Stor, Some(path), how.representation, 0).await?;
                let mut buffer = vec![0; BUFFER];
                loop {
                    let count = source.read(&mut buffer).await.map_err(|error| Error::local(&error))?;
                    if count == 0 {
                        break;
                    }
                    upload.write_all(&buffer[..count]).await.map_err(|error| upload.error(&error))?;
                }
                let receipt = upload.finish().await?;
                if !direct && !self.put_in_place(connection, &part, target, None).await? {
                    let name = portolan_wire::received::printable(&part);
                    return Err(Error::Strange(format!(
                        "the server renames nothing; what was stored is {name}"
                    )));
                }
                Ok(receipt)
            })
            .await?;
        self.note_way(&receipt);
        Ok(receipt)
    }

    /// Gives what is whole its name. False where one may store and not rename: then the part is gone.
    async fn put_in_place(
        &self,
        connection: &Connection,
        part: &[u8],
        target: &[u8],
        what: Option<&What<'_>>,
    ) -> Result<bool> {
        // Others may rename what is theirs on the same connection: then both go at once.
        let shared = what.is_some_and(|what| what.ahead);
        let (size, time, from) = {
            let gate = connection.gate();
            let size = match what {
                Some(what) if what.is_binary() => Some(connection.post(&gate, Verb::Size, Some(part))?),
                _ => None,
            };
            let time = match what.and_then(What::time) {
                Some(time) => connection.post_modified(&gate, part, time)?,
                None => None,
            };
            let from = if shared { None } else { Some(connection.post(&gate, Verb::Rnfr, Some(part))?) };
            (size, time, from)
        };
        // A server that takes a broken connection for the end of a file does not have all of it.
        if let (Some(size), Some(wanted)) = (size, what.map(|what| what.size))
            && let Some(got) = size_in(&connection.answer(size).await?).filter(|got| *got != wanted)
        {
            return Err(Error::WrongSize { wanted, got });
        }
        if let Some(time) = time {
            connection.answer(time).await?;
        }
        let renamed = match from {
            None => connection.rename(part, target).await,
            Some(from) => match connection.expect(from).await {
                Ok(_) => connection.demand(Verb::Rnto, Some(target)).await.map(|_| ()),
                Err(error) => Err(error),
            },
        };
        let Err(error) = renamed else { return Ok(true) };
        let Error::Session(refused) = &error else { return Err(error) };
        if error.retry() != Retry::Never {
            return Err(error);
        }
        if refused.verb == Some(Verb::Rnfr) {
            // It may be gone already.
            let _ = connection.delete(part).await;
            self.direct.store(true, Ordering::Relaxed);
            return Ok(false);
        }
        // Some put nothing in the place of something.
        if connection.facts(target).await?.size.is_none() {
            return Err(error);
        }
        connection.delete(target).await?;
        connection.rename(part, target).await.map(|()| true)
    }
}

/// What tells one version of a file of one machine from all others.
fn version(metadata: &Metadata) -> String {
    // Where there is none, files of two machines would have to agree in everything else.
    let machine = std::fs::read("/etc/machine-id").unwrap_or_default();
    let (place, size) = ((metadata.dev(), metadata.ino()), metadata.len());
    let changed = (metadata.mtime(), metadata.mtime_nsec());
    let digest = Sha256::digest(format!("{place:?} {size} {changed:?} {}", machine.escape_ascii()));
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A name beside the target that nobody else has, for what is not whole yet.
fn part_of(target: &[u8], own: &str) -> Vec<u8> {
    let at = target.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    let (folder, name) = target.split_at(at);
    let own = [name, b".", own.as_bytes()].concat();
    match Name::new(&own) {
        Some(name) => [folder, name.part().as_path().as_os_str().as_bytes()].concat(),
        None => [folder, &own].concat(),
    }
}

impl Client {
    /// Sends to a part, and goes on with it.
    async fn send(
        &self,
        connection: &Connection,
        what: &What<'_>,
        part: &[u8],
        begun: Begun,
        progress: Progress<'_>,
    ) -> Result<Receipt> {
        let binary = what.is_binary();
        let there = match begun {
            Begun::Not => 0,
            _ if !binary => 0,
            _ => connection.facts(part).await?.size.unwrap_or(0),
        };
        let all = matches!(begun, Begun::ToTheEnd | Begun::Perhaps) && there == what.size && binary;
        if all && there > 0 {
            if !self.has_same(connection, part, what.file).await? {
                return Err(Error::Changed);
            }
            // It has it all; only its word for that was lost.
            let reply = Received { number: 213, lines: vec![there.to_string().into_bytes()] };
            return Ok(Receipt { bytes: 0, way: None, left: Vec::new(), tls: None, reply, clean_end: true });
        }
        // Of a server that went down, the last bytes may be missing although their place is there.
        let from = if there <= what.size { there.saturating_sub(AGAIN) } else { 0 };
        let sent = match upload(connection, what, part, from, progress).await {
            // Not all servers go on with an upload.
            Err(error) if from > 0 && matches!(error.code(), Some(500..=504 | 550 | 551 | 554)) => {
                return upload(connection, what, part, 0, progress).await;
            }
            uploaded => uploaded?,
        };
        if from > 0 && !self.has_same(connection, part, what.file).await? {
            return Err(Error::Changed);
        }
        Ok(sent)
    }
}

/// Sends to the file itself.
async fn direct(
    connection: &Connection,
    what: &What<'_>,
    target: &[u8],
    progress: Progress<'_>,
) -> Result<Receipt> {
    let receipt = upload(connection, what, target, 0, progress).await?;
    if let Some(modified) = what.time() {
        connection.set_modified(target, modified).await?;
    }
    Ok(receipt)
}

async fn upload(
    connection: &Connection,
    what: &What<'_>,
    path: &[u8],
    from: u64,
    progress: Progress<'_>,
) -> Result<Receipt> {
    if what.ahead {
        return upload_small(connection, what, path, progress).await;
    }
    what.is_as_it_was()?;
    let mut upload = connection.upload(Verb::Stor, Some(path), what.how.representation, from).await?;
    // Most files never need the buffer: the kernel sends them.
    let (mut at, mut buffer, mut by_kernel) = (from, Vec::new(), upload.is_bare());
    progress(at, Some(what.size));
    while at < what.size {
        let count = if by_kernel {
            upload.send(what.file, at, what.size).await.map_err(|error| upload.error(&error))?
        } else {
            buffer.resize(BUFFER, 0);
            let count = what.file.read_at(&mut buffer, at).map_err(|error| Error::local(&error))?;
            upload.write_all(&buffer[..count]).await.map_err(|error| upload.error(&error))?;
            count
        };
        if count == 0 && !std::mem::take(&mut by_kernel) {
            break;
        }
        at += count as u64;
        progress(at, Some(what.size));
    }
    // Dropped else, so that the server does not take it for whole.
    what.is_as_it_was()?;
    upload.finish().await
}

/// The same for a small file with others before and behind it. What breaks off takes these with it, so that all of it is
/// read before.
async fn upload_small(
    connection: &Connection,
    what: &What<'_>,
    path: &[u8],
    progress: Progress<'_>,
) -> Result<Receipt> {
    let mut bytes = vec![0; usize::try_from(what.size).unwrap_or_default()];
    let read = what.file.read_exact_at(&mut bytes, 0);
    what.is_as_it_was()?;
    read.map_err(|error| Error::local(&error))?;
    progress(0, Some(what.size));
    let mut upload = connection.upload_small(path).await?;
    upload.write_all(&bytes).await.map_err(|error| upload.error(&error))?;
    progress(what.size, Some(what.size));
    upload.finish().await
}
