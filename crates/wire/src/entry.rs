//! What a listing says of one file or directory.

use crate::permissions::Permissions;
use crate::time::Timestamp;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A plain file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, a socket or a pipe: listed, never opened.
    Other,
}

/// One file or directory, as storage describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name, one component, in the bytes that storage has.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Length in bytes.
    pub size: u64,
    /// Last change of the content.
    pub modified: Timestamp,
    /// When it was made, where storage knows.
    pub created: Option<Timestamp>,
    /// Unix permission bits, 0 to 0o7777.
    pub mode: u32,
    /// Number of hard links.
    pub links: u64,
    /// Number of the owner.
    pub owner: u32,
    /// Number of the group.
    pub group: u32,
    /// Device and inode, or what else tells two names of one object.
    pub identity: (u64, u64),
    /// Where a symbolic link points, as written in it.
    pub target: Option<Vec<u8>>,
    /// What may be done with it.
    pub permissions: Permissions,
}

impl Entry {
    /// True for a directory.
    pub fn is_directory(&self) -> bool {
        self.kind == Kind::Directory
    }
}
