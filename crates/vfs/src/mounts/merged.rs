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
        let rights = self.mounts.rights(&self.directory);
        let mut batch = Vec::new();
        while let Some(there) = &mut self.there {
            batch = there.next_batch().await?;
            if batch.is_empty() {
                self.there = None;
            } else {
                if !self.mounted.is_empty() {
                    batch.retain(|entry| !self.mounted.contains(&entry.name));
                }
                batch.iter_mut().for_each(|entry| self.mounts.permit(entry, &self.directory, rights));
            }
            if !batch.is_empty() {
                break;
            }
        }
        // With the first entries, among which they are sorted.
        batch.append(&mut self.fixed);
        Ok(batch)
    }
}
