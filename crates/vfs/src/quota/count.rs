//! Counting.

use crate::{Error, Result, Vfs};
use portolan_wire::{Kind, VirtualPath};

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Bytes of files.
    pub bytes: u64,
    /// Files and links.
    pub files: u64,
}

impl Counts {
    pub(super) fn plus(self, other: Counts) -> Counts {
        Counts {
            bytes: self.bytes.saturating_add(other.bytes),
            files: self.files.saturating_add(other.files),
        }
    }

    pub(super) fn minus(self, other: Counts) -> Counts {
        Counts {
            bytes: self.bytes.saturating_sub(other.bytes),
            files: self.files.saturating_sub(other.files),
        }
    }
}

/// How much there may be; none is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Most {
    /// Bytes of files.
    pub bytes: Option<u64>,
    /// Files and links.
    pub files: Option<u64>,
}

impl Most {
    pub(super) fn allows(self, counts: Counts) -> bool {
        self.bytes.is_none_or(|most| counts.bytes <= most)
            && self.files.is_none_or(|most| counts.files <= most)
    }
}

/// What is at a path, or where the link there leads; nothing, if nothing that counts.
pub(super) async fn measure(storage: &dyn Vfs, path: &VirtualPath) -> Counts {
    described(storage, path, true).await
}

/// What is at a path, a link as a link.
pub(super) async fn measure_link(storage: &dyn Vfs, path: &VirtualPath) -> Counts {
    described(storage, path, false).await
}

async fn described(storage: &dyn Vfs, path: &VirtualPath, follow: bool) -> Counts {
    match storage.describe(path, follow).await {
        Ok(entry) => of(entry.kind, entry.size),
        Err(_) => Counts::default(),
    }
}

fn of(kind: Kind, size: u64) -> Counts {
    match kind {
        Kind::File => Counts { bytes: size, files: 1 },
        Kind::Symlink => Counts { bytes: 0, files: 1 },
        Kind::Directory | Kind::Other => Counts::default(),
    }
}

/// Counts what is in a tree.
///
/// # Errors
/// When a folder cannot be read.
pub(super) async fn all(storage: &dyn Vfs) -> Result<Counts> {
    let (mut counts, mut folders) = (Counts::default(), vec![VirtualPath::root()]);
    while let Some(folder) = folders.pop() {
        let mut entries = match storage.list(&folder).await {
            // It has gone meanwhile.
            Err(Error::NotFound) => continue,
            entries => entries?,
        };
        loop {
            let batch = entries.next_batch().await?;
            if batch.is_empty() {
                break;
            }
            for entry in batch {
                counts = counts.plus(of(entry.kind, entry.size));
                if entry.kind == Kind::Directory {
                    folders.extend(folder.child(&entry.name));
                }
            }
        }
    }
    Ok(counts)
}
