//! A layer that counts what lies in a folder, and lets no more come there than an account may have.
//!
//! What is counted: plain files, with their lengths, and links, under each of their names. It is counted once, when it is
//! first needed, and kept up with everything that goes through here; again after a while, since other programs
//! may have been there, and whenever something happened that cannot be followed. Nothing of it is kept over a new start:
//! what counts is what is there.
//!
//! An upload reserves what it writes before it is written, so that however many there are at once, they never have more
//! together than the account may have; not even for a moment, but for an old file that is about to be replaced.

mod count;
mod ledger;
mod writer;

use crate::{Entries, Error, ReadFile, Result, Rights, Vfs, Write, WriteFile};
use async_trait::async_trait;
pub use count::{Counts, Most};
use count::{measure, measure_link};
pub use ledger::{Allowance, Folder, Ledger};
use portolan_wire::{Entry, Timestamp, VirtualPath};
use std::sync::Arc;
use writer::Counted;

/// A folder whose content counts.
pub struct Quota {
    /// The folder, or one that lies in it.
    storage: Arc<dyn Vfs>,
    folder: Arc<Folder>,
    allowance: Arc<Allowance>,
}

impl Quota {
    /// What lies in this folder counts for that account; the folder is one of the account's. `storage` is the folder
    /// itself, or what lies in it.
    pub fn new(storage: Arc<dyn Vfs>, folder: Arc<Folder>, allowance: Arc<Allowance>) -> Quota {
        Quota { storage, folder, allowance }
    }

    fn storage(&self) -> &dyn Vfs {
        &*self.storage
    }
}

#[async_trait]
impl Vfs for Quota {
    fn rights(&self, directory: &VirtualPath) -> Rights {
        self.storage().rights(directory)
    }

    fn is_fixed(&self, path: &VirtualPath) -> bool {
        self.storage().is_fixed(path)
    }

    async fn enter(&self, path: &VirtualPath) -> Result<()> {
        self.storage().enter(path).await
    }

    async fn describe(&self, path: &VirtualPath, follow: bool) -> Result<Entry> {
        self.storage().describe(path, follow).await
    }

    async fn list(&self, path: &VirtualPath) -> Result<Box<dyn Entries>> {
        self.storage().list(path).await
    }

    async fn make_directory(&self, path: &VirtualPath) -> Result<()> {
        self.storage().make_directory(path).await
    }

    async fn remove_directory(&self, path: &VirtualPath) -> Result<()> {
        self.storage().remove_directory(path).await
    }

    async fn delete(&self, path: &VirtualPath) -> Result<()> {
        let _turn = self.folder.turn().await;
        let before = measure_link(self.storage(), path).await;
        self.storage().delete(path).await?;
        self.folder.change(before, Counts::default());
        self.folder.note_gone();
        Ok(())
    }

    async fn rename(&self, from: &VirtualPath, to: &VirtualPath) -> Result<()> {
        let _turn = self.folder.turn().await;
        let both = || async {
            measure_link(self.storage(), from).await.plus(measure_link(self.storage(), to).await)
        };
        let before = both().await;
        self.storage().rename(from, to).await?;
        self.folder.change(before, both().await);
        self.folder.note_gone();
        Ok(())
    }

    async fn set_facts(
        &self,
        path: &VirtualPath,
        modified: Option<Timestamp>,
        mode: Option<u32>,
    ) -> Result<()> {
        self.storage().set_facts(path, modified, mode).await
    }

    async fn link(&self, target: &VirtualPath, path: &VirtualPath) -> Result<()> {
        self.allowance.count().await?;
        let one = Counts { bytes: 0, files: 1 };
        self.allowance.reserve(&self.folder, one, Counts::default())?;
        let linked = self.storage().link(target, path).await;
        self.folder.release(one);
        linked?;
        self.folder.change(Counts::default(), one);
        Ok(())
    }

    async fn space(&self, path: &VirtualPath) -> Result<u64> {
        let space = self.storage().space(path).await?;
        self.allowance.count().await?;
        Ok(self.allowance.bytes_left().map_or(space, |left| left.min(space)))
    }

    async fn read(&self, path: &VirtualPath) -> Result<Box<dyn ReadFile>> {
        self.storage().read(path).await
    }

    async fn write(&self, path: &VirtualPath, how: Write) -> Result<Box<dyn WriteFile>> {
        self.allowance.count().await?;
        let turn = self.folder.turn().await;
        let old = if how == Write::Unique { Counts::default() } else { measure(self.storage(), path).await };
        let new = old.files == 0;
        let mut reserved = Counts { bytes: 0, files: u64::from(new) };
        self.allowance.reserve(&self.folder, reserved, Counts::default())?;
        let file = match self.storage().write(path, how).await {
            Ok(file) => file,
            Err(error) => {
                self.folder.release(reserved);
                return Err(error);
            }
        };
        // `STOU` chooses a name.
        let path = path.parent().child(file.name()).unwrap_or_else(|| path.clone());
        let in_place = file.is_in_place();
        let there = measure(self.storage(), &path).await;
        self.folder.change(old, there);
        if there.files > 0 {
            // Its name is taken already.
            self.folder.release(std::mem::take(&mut reserved));
        }
        self.folder.begin_writing(in_place);
        drop(turn);
        let (folder, allowance) = (Arc::clone(&self.folder), Arc::clone(&self.allowance));
        let storage = Arc::clone(&self.storage);
        let replaces = how == Write::New && !in_place && !new;
        let credit = if replaces { Counts { files: 0, ..old } } else { Counts::default() };
        Ok(Box::new(Counted {
            file: Some(file),
            storage,
            folder,
            allowance,
            path,
            in_place,
            there,
            replaces,
            credit,
            reserved,
        }))
    }
}

/// What an error means for somebody who would go past the quota: nothing else does.
fn exceeded(fits: bool) -> Result<()> {
    if fits { Ok(()) } else { Err(Error::QuotaExceeded) }
}

#[cfg(test)]
mod tests;
