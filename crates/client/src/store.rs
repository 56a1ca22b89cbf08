//! Uploads of files: under another name until they are whole, continued where they broke off.

use crate::client::Client;
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::fetch::Progress;
use crate::local::Name;
use crate::{Receipt, Retry};
use portolan_proto::client::Software;
use portolan_wire::parameters::Representation;
use portolan_wire::{Received, Timestamp, Verb};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;
use std::time::UNIX_EPOCH;
use tokio::io::AsyncWriteExt;

/// Bytes of one writing.
const BUFFER: usize = 256 << 10;

/// How a file is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storing {
    /// In which type.
    pub representation: Representation,
    /// Stores it under another name until it is whole, where the server lets one rename. Servers that do so themselves are
    /// left to it.
    pub temporary: bool,
    /// Gives it the time that it has here, where the server does that.
    pub keep_time: bool,
}

impl Default for Storing {
    fn default() -> Storing {
        Storing { representation: Representation::Image, temporary: true, keep_time: true }
    }
}

fn local(error: &io::Error) -> Error {
    Error::Local(error.to_string())
}

/// How far an upload came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    Not,
    Partly,
    /// All was sent, and the server's last word never came.
    ToTheEnd,
}

/// What is stored.
struct What<'a> {
    file: &'a File,
    size: u64,
    modified: Option<Timestamp>,
    how: Storing,
}

impl Client {
    /// Stores a file of this side. What is there is replaced.
    ///
    /// # Errors
    /// When the server does not take it, or it cannot be read here.
    pub async fn store(
        &self,
        file: &File,
        target: &[u8],
        how: Storing,
        progress: Progress<'_>,
    ) -> Result<Receipt> {
        let metadata = file.metadata().map_err(|error| local(&error))?;
        let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let seconds = since.and_then(|since| i64::try_from(since.as_secs()).ok());
        let modified = seconds.map(|seconds| Timestamp::from_unix(seconds, 0));
        let what = What { file, size: metadata.len(), modified, how };
        let mut begun = Begun::Not;
        let receipt = self
            .run(async |connection| {
                let direct = !how.temporary
                    || connection.features().software == Software::Portolan
                    || self.direct.load(Ordering::Relaxed);
                let part = if direct { target.to_vec() } else { part_of(target) };
                let sent = send(connection, &what, &part, begun, progress).await;
                // What is there from now on is of this file, as far as it goes.
                let lost_end = matches!(&sent, Err(error) if error.is_lost_end());
                begun = if lost_end { Begun::ToTheEnd } else { Begun::Partly };
                let receipt = sent?;
                if !direct {
                    match put_in_place(connection, &part, target).await {
                        Err(error) if error.retry() == Retry::Never => {
                            // Here one may store, and not rename.
                            let _ = connection.delete(&part).await;
                            self.direct.store(true, Ordering::Relaxed);
                            return send(connection, &what, target, Begun::Not, progress).await;
                        }
                        placed => placed?,
                    }
                }
                if let Some(modified) = what.modified.filter(|_| how.keep_time) {
                    connection.set_modified(target, modified).await?;
                }
                Ok(receipt)
            })
            .await?;
        self.note_way(&receipt);
        Ok(receipt)
    }
}

/// The name beside the target of what is not whole yet.
fn part_of(target: &[u8]) -> Vec<u8> {
    let at = target.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    let (folder, name) = target.split_at(at);
    let part = Name::new(name).map_or_else(
        || name.to_vec(),
        |name| {
            use std::os::unix::ffi::OsStrExt;
            name.part().as_path().as_os_str().as_bytes().to_vec()
        },
    );
    [folder, &part].concat()
}

async fn send(
    connection: &Connection,
    what: &What<'_>,
    path: &[u8],
    begun: Begun,
    progress: Progress<'_>,
) -> Result<Receipt> {
    let binary = what.how.representation == Representation::Image;
    let there = match begun {
        Begun::Not => 0,
        _ if !binary => 0,
        _ => connection.facts(path).await?.size.unwrap_or(0),
    };
    if begun == Begun::ToTheEnd && there == what.size && binary {
        // It has it all; only its word for that was lost.
        let reply = Received { number: 213, lines: vec![there.to_string().into_bytes()] };
        return Ok(Receipt { bytes: 0, way: None, left: Vec::new(), tls: None, reply, clean_end: true });
    }
    // More than there is to send is not of this file.
    let from = if there <= what.size { there } else { 0 };
    match upload(connection, what, path, from, progress).await {
        // Not all servers go on with an upload.
        Err(error) if from > 0 && matches!(error.code(), Some(500..=504 | 550 | 551 | 554)) => {
            upload(connection, what, path, 0, progress).await
        }
        uploaded => uploaded,
    }
}

async fn upload(
    connection: &Connection,
    what: &What<'_>,
    path: &[u8],
    from: u64,
    progress: Progress<'_>,
) -> Result<Receipt> {
    let mut upload = connection.upload(Verb::Stor, Some(path), what.how.representation, from).await?;
    let (mut at, mut buffer) = (from, vec![0; BUFFER]);
    progress(at, Some(what.size));
    loop {
        let count = what.file.read_at(&mut buffer, at).map_err(|error| local(&error))?;
        if count == 0 {
            break;
        }
        upload.write_all(&buffer[..count]).await.map_err(|error| upload.error(&error))?;
        at += count as u64;
        progress(at, Some(what.size));
    }
    upload.finish().await
}

/// Gives what is whole its name. Some servers put nothing in the place of something.
async fn put_in_place(connection: &Connection, part: &[u8], target: &[u8]) -> Result<()> {
    let renamed = connection.rename(part, target).await;
    let Err(error) = renamed else { return Ok(()) };
    if error.retry() != Retry::Never || connection.facts(target).await?.size.is_none() {
        return Err(error);
    }
    connection.delete(target).await?;
    connection.rename(part, target).await
}
