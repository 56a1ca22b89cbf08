//! Storage as Portolan sees it: the [`Vfs`] trait, layers that put trees together and say what may be done in
//! them, a backend in memory, and the battery of tests that every backend must pass.
//!
//! What this crate is not: it knows no FTP and no async runtime. Of `portolan-wire` it takes only
//! the values that name and describe files.

pub mod battery;
pub mod charset;
pub mod memory;
pub mod mounts;
pub mod quota;
mod rights;

use async_trait::async_trait;
use portolan_wire::{Entry, Timestamp, VirtualPath};
use std::fs::File;
use std::sync::Arc;

pub use memory::Memory;
pub use mounts::{Mount, Mounts};
pub use rights::{Right, Rights};

/// Why storage did not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No such file or directory.
    #[error("no such file or directory")]
    NotFound,
    /// The name is taken.
    #[error("the name is taken")]
    Exists,
    /// A directory was needed.
    #[error("not a directory")]
    NotDirectory,
    /// A plain file was needed.
    #[error("not a plain file")]
    NotFile,
    /// The directory is not empty.
    #[error("the directory is not empty")]
    NotEmpty,
    /// The system refuses.
    #[error("permission denied")]
    Denied,
    /// The account has no right to that there. Whether there is anything is not said.
    #[error("the account has no right `{}` there", .0.as_str())]
    Forbidden(Right),
    /// What is mounted at one place cannot become part of what is mounted at another.
    #[error("it cannot be moved from one mount to another")]
    Apart,
    /// A symbolic link leads out of the tree, or in a circle.
    #[error("a symbolic link leads out of the tree")]
    Outside,
    /// No such name can be stored.
    #[error("such a name cannot be stored")]
    BadName,
    /// No space left.
    #[error("no space left")]
    NoSpace,
    /// The account has used up what it may store.
    #[error("the quota is used up")]
    QuotaExceeded,
    /// Somebody else writes that file.
    #[error("another session writes that file")]
    Busy,
    /// The offset lies behind the end of the file.
    #[error("the offset lies behind the end of the file")]
    BadOffset,
    /// This storage cannot do that.
    #[error("the storage cannot do that")]
    NotOffered,
    /// Anything else; the backend has logged it.
    #[error("local error")]
    Local,
}

/// What storage gives back.
pub type Result<T> = std::result::Result<T, Error>;

/// How to open a file for writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// From its beginning. Until [`WriteFile::commit`] an old file stays as it is, where the backend
    /// is set up so.
    New,
    /// Under a name like this one that is not taken.
    Unique,
    /// From this offset on, which is at most the length; what lies behind it goes.
    At(u64),
    /// At its end; made when it is missing.
    End,
}

/// A tree of files. Paths cannot leave it; a backend that has symbolic links sees to that itself.
#[async_trait]
pub trait Vfs: Send + Sync {
    /// What may be done with what lies in a directory, be it there or not.
    fn rights(&self, _directory: &VirtualPath) -> Rights {
        Rights::FULL
    }
    /// True for what cannot be removed, renamed or replaced, since another tree is mounted there or beneath.
    fn is_fixed(&self, path: &VirtualPath) -> bool {
        path.is_root()
    }
    /// Sees that it is a directory that one can go to.
    async fn enter(&self, path: &VirtualPath) -> Result<()> {
        if self.describe(path, true).await?.is_directory() { Ok(()) } else { Err(Error::NotDirectory) }
    }
    /// Describes a file or directory. `follow`: what a link points to rather than the link.
    async fn describe(&self, path: &VirtualPath, follow: bool) -> Result<Entry>;
    /// The entries of a directory, in any order, without `.` and `..`.
    async fn list(&self, path: &VirtualPath) -> Result<Box<dyn Entries>>;
    /// Makes a directory.
    async fn make_directory(&self, path: &VirtualPath) -> Result<()>;
    /// Removes an empty directory.
    async fn remove_directory(&self, path: &VirtualPath) -> Result<()>;
    /// Removes a file or a link.
    async fn delete(&self, path: &VirtualPath) -> Result<()>;
    /// Renames; an old file under the new name is replaced.
    async fn rename(&self, from: &VirtualPath, to: &VirtualPath) -> Result<()>;
    /// Sets the time of the last change, the permission bits (0 to 0o777), or both.
    async fn set_facts(
        &self,
        path: &VirtualPath,
        modified: Option<Timestamp>,
        mode: Option<u32>,
    ) -> Result<()>;
    /// Makes a symbolic link from `path` to `target`.
    async fn link(&self, target: &VirtualPath, path: &VirtualPath) -> Result<()>;
    /// Bytes that can still be stored there.
    async fn space(&self, path: &VirtualPath) -> Result<u64>;
    /// Opens a plain file for reading.
    async fn read(&self, path: &VirtualPath) -> Result<Box<dyn ReadFile>>;
    /// Opens a plain file for writing. Nothing that is there is touched before [`WriteFile::begin`].
    async fn write(&self, path: &VirtualPath, how: Write) -> Result<Box<dyn WriteFile>>;
}

/// The entries of a directory, in batches.
#[async_trait]
pub trait Entries: Send {
    /// The next batch; an empty one is the end.
    async fn next_batch(&mut self) -> Result<Vec<Entry>>;
}

/// A file open for reading.
#[async_trait]
pub trait ReadFile: Send {
    /// Length in bytes when it was opened.
    fn size(&self) -> u64;
    /// The file itself, where the kernel can move its bytes without us.
    fn descriptor(&self) -> Option<Arc<File>>;
    /// Reads up to `length` bytes from `offset` on. Fewer may come; none is the end of the file.
    async fn read_at(&mut self, offset: u64, length: usize) -> Result<Vec<u8>>;
}

/// A file open for writing. What becomes of it without [`commit`](Self::commit) or
/// [`keep`](Self::keep) is as with `keep`, though perhaps later.
#[async_trait]
pub trait WriteFile: Send {
    /// The last component of the name it will have.
    fn name(&self) -> &[u8];
    /// Where the next byte goes.
    fn position(&self) -> u64;
    /// True when bytes go into the file itself, and not to where nobody sees them before [`commit`](Self::commit).
    fn is_in_place(&self) -> bool;
    /// Makes ready for the first byte: what lies behind the position goes now.
    async fn begin(&mut self) -> Result<()>;
    /// The file itself with its cursor at the position, once it has begun, where the kernel can
    /// move bytes into it without us. Who writes to it does not use [`write`](Self::write).
    fn descriptor(&self) -> Option<Arc<File>>;
    /// Writes at the position, which moves on; gives the buffer back.
    async fn write(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>>;
    /// The upload is whole: puts it in its place.
    async fn commit(self: Box<Self>) -> Result<()>;
    /// The upload broke off. A file that was to be replaced stays as it was; what arrived of a new,
    /// resumed or appended one is kept, so that the upload can be resumed.
    async fn keep(self: Box<Self>) -> Result<()>;
}
