//! The entries of a directory in which other trees are mounted.

use super::Mounts;
use crate::{Entries, Result, Vfs};
use async_trait::async_trait;
use portolan_wire::{Entry, VirtualPath};

pub(super) struct Merged {
    /// What is there by itself, until its end.
    pub(super) there: Option<Box<dyn Entries>>,
    /// Names that mean what is mounted, whatever else there is by that name.
    pub(super) mounted: Vec<Vec<u8>>,
    /// What is mounted, until it has been given.
    pub(super) fixed: Vec<Entry>,
    pub(super) mounts: Mounts,
    pub(super) directory: VirtualPath,
}

#[async_trait]
impl Entries for Merged {
    async fn next_batch(&mut self) -> Result<Vec<Entry>> {
        // With the first entries, among which they are sorted.
        let mut batch = std::mem::take(&mut self.fixed);
        let rights = self.mounts.rights(&self.directory);
        while let Some(there) = &mut self.there {
            let more = there.next_batch().await?;
            if more.is_empty() {
                self.there = None;
            }
            let own = more.into_iter().filter(|entry| !self.mounted.contains(&entry.name));
            batch.extend(own.map(|entry| self.mounts.permit(entry, &self.directory, rights)));
            if !batch.is_empty() {
                break;
            }
        }
        Ok(batch)
    }
}
