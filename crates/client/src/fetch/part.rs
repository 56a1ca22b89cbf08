//! What is not whole yet: a file under another name, with a note of what it is a part of.

use super::Fetching;
use crate::error::{Error, Result};
use crate::files::Facts;
use crate::local::{Folder, Name, set_modified};
use portolan_wire::Timestamp;
use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};

/// The attribute of a part that says what it is a part of.
const MARK: &str = "user.portolan.part-of";

/// A part. Nobody else writes to it.
pub(super) struct Part<'a> {
    file: File,
    /// As it was found.
    metadata: Metadata,
    folder: &'a Folder,
    name: &'a Name,
    /// What it is called meanwhile.
    own: Name,
}

impl<'a> Part<'a> {
    /// Opens the part of a file; it is made if it is not there.
    pub(super) fn open(folder: &'a Folder, name: &'a Name) -> Result<Part<'a>> {
        Part::open_as(folder, name, name.part())
    }

    /// Opens one that may have gaps, and so is called otherwise: nobody goes on with it.
    pub(super) fn open_segments(folder: &'a Folder, name: &'a Name) -> Result<Part<'a>> {
        Part::open_as(folder, name, name.segments())
    }

    fn open_as(folder: &'a Folder, name: &'a Name, own: Name) -> Result<Part<'a>> {
        let file = folder.create(&own, true).map_err(|error| Error::local(&error))?;
        // Two that write to one would make a mixture.
        file.try_lock().map_err(|_| Error::Local("it is being fetched already".to_owned()))?;
        let metadata = file.metadata().map_err(|error| Error::local(&error))?;
        Ok(Part { file, metadata, folder, name, own })
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// It has no gaps any more: leaves it for somebody to go on with.
    pub(super) fn leave(self) -> Result<()> {
        self.folder.rename(&self.own, &self.name.part()).map_err(|error| Error::local(&error))
    }

    /// Bytes that were in it.
    pub(super) fn found(&self) -> u64 {
        self.metadata.len()
    }

    /// Cuts it off.
    pub(super) fn cut(&self, length: u64) -> Result<()> {
        self.file.set_len(length).map_err(|error| Error::local(&error))
    }

    /// It is of another file, or of this one as it was before.
    pub(super) fn is_of_another(&self) -> Result<Error> {
        self.cut(0).map(|()| Error::Changed)
    }

    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) -> Result<()> {
        let written = io::Seek::seek(&mut self.file, io::SeekFrom::Start(at));
        written.and_then(|_| self.file.write_all(bytes)).map_err(|error| Error::local(&error))
    }

    /// True when it has these bytes there.
    pub(super) fn has(&self, at: u64, bytes: &[u8]) -> bool {
        let mut own = vec![0; bytes.len()];
        self.file.read_exact_at(&mut own, at).is_ok() && own == bytes
    }

    /// Notes what it is of. Not all disks can do that; then only its end is compared.
    pub(super) fn mark(&self, facts: &Facts) {
        let flags = rustix::fs::XattrFlags::empty();
        let _ = rustix::fs::fsetxattr(&self.file, MARK, text(facts).as_bytes(), flags);
    }

    /// False when it is noted to be of something else.
    pub(super) fn belongs(&self, facts: &Facts) -> bool {
        let mut noted = [0; 64];
        match rustix::fs::fgetxattr(&self.file, MARK, &mut noted[..]) {
            Ok(length) => noted.get(..length) == Some(text(facts).as_bytes()),
            Err(_) => true,
        }
    }

    /// It is whole: gives it what it is to have, and its name.
    pub(super) fn complete(self, facts: Facts, how: Fetching, is_marked: bool) -> Result<()> {
        if let Some(mode) = how.mode {
            // No more than a new file has here; what may be executed there, may be by who can read it here.
            let own = self.metadata.permissions().mode() & 0o777;
            let mode = mode & (own | (own & 0o444) >> 2) | 0o600;
            let permissions = std::fs::Permissions::from_mode(mode);
            self.file.set_permissions(permissions).map_err(|error| Error::local(&error))?;
        }
        if let Some(modified) = facts.modified.filter(|_| how.keep_time) {
            // Not all disks can do that, and it is no reason to fail.
            let _ = set_modified(&self.file, modified.unix());
        }
        if is_marked {
            let _ = rustix::fs::fremovexattr(&self.file, MARK);
        }
        self.folder.rename(&self.own, self.name).map_err(|error| Error::local(&error))
    }
}

fn text(facts: &Facts) -> String {
    let modified = facts.modified.map_or_else(String::new, Timestamp::to_fact);
    format!("{} {modified}", facts.size.unwrap_or_default())
}
