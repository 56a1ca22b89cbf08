//! Downloads to files: whole or not at all, continued where they broke off.

mod part;
mod rest;
mod segments;
mod small;

use crate::client::Client;
use crate::connection::Connection;
use crate::error::Result;
use crate::files::Facts;
use crate::local::{Folder, Name};
use crate::{Receipt, Retry};
use portolan_wire::parameters::Representation;

/// Up to so many bytes a file is small: it is asked for while others are on their way, and begun anew if it breaks off.
pub(crate) const SMALL: u64 = 64 << 10;

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
    /// Fetches large files by so many data connections at a time, 1 for one after the other; where there is no part yet.
    pub segments: u16,
}

impl Default for Fetching {
    fn default() -> Fetching {
        Fetching {
            representation: Representation::Image,
            resume: true,
            keep_time: true,
            mode: None,
            segments: 1,
        }
    }
}

/// Is told how far a transfer is: bytes so far, and of how many, where that is known.
pub type Progress<'a> = &'a (dyn Fn(u64, Option<u64>) + Sync);

/// What is fetched, and where to.
struct Wanted<'a> {
    path: &'a [u8],
    folder: &'a Folder,
    name: &'a Name,
    how: Fetching,
    progress: Progress<'a>,
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
        let wanted = Wanted { path, folder, name, how, progress };
        let size = known.and_then(|known| known.size);
        let mut known = known;
        if size.is_some_and(|size| size <= SMALL) && how.representation == Representation::Image {
            let facts = known.take().unwrap_or_default();
            let fetch = async |connection: &Connection| {
                let download = connection.download_small(path, facts, how.keep_time, !self.is_odd());
                let (facts, download) = download.await?;
                wanted.take_small(download, facts).await
            };
            // Listings can be wrong, or old. Then nothing is known.
            if let Some(receipt) = self.run_small(fetch).await? {
                self.note_way(&receipt);
                return Ok(receipt);
            }
        }
        let known = known.filter(|known| known.size.is_some() && known.modified.is_some());
        let begun = how.resume && folder.find(&name.part()).is_ok();
        if how.segments > 1
            && how.representation == Representation::Image
            && !begun
            && let Some(receipt) = self.fetch_segments(&wanted, known).await?
        {
            self.note_way(&receipt);
            return Ok(receipt);
        }
        let mut resume = how.resume;
        let receipt = self
            .run(async |connection| {
                let fetched = self.fetch_rest(connection, &wanted, known, resume).await;
                // Whatever is there from now on is of this file.
                resume = !matches!(&fetched, Err(error) if error.retry() == Retry::Never);
                fetched
            })
            .await?;
        self.note_way(&receipt);
        Ok(receipt)
    }
}
