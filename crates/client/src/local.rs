//! Files and directories of this side, where names come from a server.
//!
//! A [`Folder`] is an open directory, and what is done in it is done by one name at a time, without following links: no
//! name that a server makes up leads out of it, or through a link to somewhere else.

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

/// How names of what is not whole end.
const PART: &[u8] = b".portolan-part";
/// The same of what may have gaps.
const SEGMENTS: &[u8] = b".portolan-segments";
/// Bytes of a name at most.
const NAME_MAX: usize = 255;

/// An open directory.
#[derive(Debug)]
pub struct Folder(OwnedFd);

/// The name of one file or directory: not empty, without a slash or NUL, and neither `.` nor `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(OsString);

impl Name {
    /// `None` for what is no such name.
    pub fn new(bytes: &[u8]) -> Option<Name> {
        let fits = !matches!(bytes, b"" | b"." | b"..") && !bytes.iter().any(|byte| matches!(byte, 0 | b'/'));
        fits.then(|| Name(OsString::from_vec(bytes.to_vec())))
    }

    /// The name of what is not whole yet.
    pub fn part(&self) -> Name {
        self.with(PART)
    }

    /// The name of what is fetched in segments, and may have gaps.
    pub(crate) fn segments(&self) -> Name {
        self.with(SEGMENTS)
    }

    fn with(&self, end: &[u8]) -> Name {
        let own = self.0.as_encoded_bytes();
        // Names have at most 255 bytes.
        let fits = own.len() < NAME_MAX - end.len();
        let stem = if fits {
            own.to_vec()
        } else {
            let mut most = NAME_MAX - end.len() - 18;
            // A character of UTF-8 stays whole.
            while most > 0 && own[most] & 0xc0 == 0x80 {
                most -= 1;
            }
            let hash =
                Sha256::digest(own).iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>();
            [&own[..most], b"-", hash.as_bytes()].concat()
        };
        Name(OsString::from_vec([b".", &stem[..], end].concat()))
    }

    /// True for one of those.
    pub(crate) fn is_part(&self) -> bool {
        let bytes = self.0.as_encoded_bytes();
        bytes.starts_with(b".") && (bytes.ends_with(PART) || bytes.ends_with(SEGMENTS))
    }

    /// The name as a path.
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }
}

/// What is at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub kind: portolan_wire::Kind,
    /// Length in bytes.
    pub size: u64,
    /// When it was changed, in seconds since 1970, and nanoseconds.
    pub modified: (i64, u32),
    /// Permission bits.
    pub mode: u32,
}

impl Folder {
    /// Opens a directory that somebody of this side names.
    ///
    /// # Errors
    /// When there is none, or it may not be read.
    pub fn open(path: &Path) -> io::Result<Folder> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Folder(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// The same directory once more.
    ///
    /// # Errors
    /// When there are no more descriptors.
    pub(crate) fn again(&self) -> io::Result<Folder> {
        Ok(Folder(self.0.try_clone()?))
    }

    /// Opens a directory in it; it is made if it is not there.
    ///
    /// # Errors
    /// When something else, a link for instance, has that name.
    pub fn make(&self, name: &Name) -> io::Result<Folder> {
        match rustix::fs::mkdirat(&self.0, name.as_path(), Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => self.enter(name),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a directory in it.
    ///
    /// # Errors
    /// When there is none, or a link to one.
    pub fn enter(&self, name: &Name) -> io::Result<Folder> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Folder(rustix::fs::openat(&self.0, name.as_path(), flags, Mode::empty())?))
    }

    /// Opens a directory beneath it, by names with slashes between; no name opens itself.
    ///
    /// # Errors
    /// As [`enter`](Self::enter), and when one of the names is none.
    pub(crate) fn beneath(&self, path: &[u8]) -> io::Result<Folder> {
        let mut folder = self.again()?;
        for part in path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
            folder = folder.enter(&Name::new(part).ok_or(io::ErrorKind::InvalidFilename)?)?;
        }
        Ok(folder)
    }

    /// Opens a file for writing and reading; it is made if it is not there, and emptied unless it is to be kept.
    ///
    /// # Errors
    /// When it cannot be, or there is something else, a link for instance.
    pub fn create(&self, name: &Name, keep: bool) -> io::Result<File> {
        let mut flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        flags.set(OFlags::TRUNC, !keep);
        let file = rustix::fs::openat(&self.0, name.as_path(), flags, Mode::from_raw_mode(0o666))?;
        let file = File::from(file);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a file")) }
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// When there is none, or it may not be read, or it is something else.
    pub fn read(&self, name: &Name) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(&self.0, name.as_path(), flags, Mode::empty())?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a file")) }
    }

    /// What is at a name; a link is a link.
    ///
    /// # Errors
    /// When there is nothing.
    pub fn find(&self, name: &Name) -> io::Result<Found> {
        use portolan_wire::Kind;
        let stat = rustix::fs::statat(&self.0, name.as_path(), AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Symlink,
            _ => Kind::Other,
        };
        Ok(Found {
            kind,
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            modified: (stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or_default()),
            mode: stat.st_mode & 0o7777,
        })
    }

    /// What is in it, in no order.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn names(&self) -> io::Result<Vec<Name>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            names.extend(Name::new(entry?.file_name().to_bytes()));
        }
        Ok(names)
    }

    /// Gives a file another name, in place of whatever file has it.
    ///
    /// # Errors
    /// When it cannot be, since a directory has it for instance.
    pub fn rename(&self, from: &Name, to: &Name) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from.as_path(), &self.0, to.as_path())?)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// When it cannot be.
    pub fn remove(&self, name: &Name) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name.as_path(), AtFlags::empty())?)
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// When it is not empty, or cannot be removed.
    pub fn remove_folder(&self, name: &Name) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name.as_path(), AtFlags::REMOVEDIR)?)
    }
}

/// Sets when a file was changed last.
///
/// # Errors
/// When the disk does not do that.
pub fn set_modified(file: &File, (seconds, nanoseconds): (i64, u32)) -> io::Result<()> {
    let last_modification = Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() };
    let last_access = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    Ok(rustix::fs::futimens(file, &Timestamps { last_access, last_modification })?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn names_of_servers_lead_nowhere_else() {
        for bad in ["", ".", "..", "/", "a/b", "../a", "a\0b"] {
            assert_eq!(Name::new(bad.as_bytes()), None, "{bad:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("file"), "untouched").unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("file"), folder.path().join("other")).unwrap();
        let own = Folder::open(folder.path()).unwrap();
        let name = |text: &str| Name::new(text.as_bytes()).unwrap();
        assert!(own.make(&name("link")).is_err() && own.enter(&name("link")).is_err());
        assert!(own.create(&name("other"), false).is_err() && own.read(&name("other")).is_err());
        own.create(&name("part"), false).unwrap();
        own.rename(&name("part"), &name("other")).unwrap();
        assert_eq!(fs::read_to_string(outside.path().join("file")).unwrap(), "untouched");
        assert!(own.find(&name("other")).unwrap().kind == portolan_wire::Kind::File);
    }
}
