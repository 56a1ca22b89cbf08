//! A file open for writing.

use crate::errors::{from_errno, from_io};
use crate::root::{Root, entry};
use crate::{Uploads, blocking};
use async_trait::async_trait;
use portolan_vfs::{Error, Result, Write, WriteFile};
use portolan_wire::{Kind, VirtualPath};
use rustix::fs::{Access, AtFlags, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// How the names of files begin that are not whole yet. They are in no listing and cannot be named.
const TEMPORARY: &[u8] = b".portolan-upload-";

/// Names that `STOU` tries.
const UNIQUE_TRIES: usize = 1000;

pub(crate) fn is_temporary(name: &[u8]) -> bool {
    name.starts_with(TEMPORARY)
}

/// Where the bytes go until the upload is whole.
enum Place {
    /// Into the file itself, which is locked.
    InPlace,
    /// Into a file beside it. `replaces`: the permission bits of the file that is there.
    Beside { directory: OwnedFd, temporary: Vec<u8>, replaces: Option<u32> },
}

pub(crate) struct Writer {
    file: Arc<File>,
    name: Vec<u8>,
    start: u64,
    position: u64,
    place: Option<Place>,
}

impl Writer {
    pub(crate) fn open(root: &Root, path: &VirtualPath, how: Write, uploads: Uploads) -> Result<Writer> {
        match how {
            Write::New if uploads == Uploads::Atomic => Writer::beside(root, path),
            Write::New => Writer::in_place(root, path, OFlags::CREATE, |_| Ok(0)),
            Write::End => Writer::in_place(root, path, OFlags::CREATE, Ok),
            Write::At(offset) => Writer::in_place(root, path, OFlags::empty(), |size| {
                if offset <= size { Ok(offset) } else { Err(Error::BadOffset) }
            }),
            Write::Unique => Writer::unique(root, path),
        }
    }

    fn in_place(
        root: &Root,
        path: &VirtualPath,
        create: OFlags,
        start: impl Fn(u64) -> Result<u64>,
    ) -> Result<Writer> {
        if path.is_root() {
            return Err(Error::NotFile);
        }
        let file = root.open_to_write(path, create)?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(from_errno)?;
        let size = file.metadata().map_err(|error| from_io(&error))?.len();
        let start = start(size)?;
        let name = path.name().to_vec();
        Ok(Writer { file: Arc::new(file), name, start, position: start, place: Some(Place::InPlace) })
    }

    fn unique(root: &Root, path: &VirtualPath) -> Result<Writer> {
        for number in 0..UNIQUE_TRIES {
            let name = match number {
                0 => path.name().to_vec(),
                _ => [path.name(), format!(".{number}").as_bytes()].concat(),
            };
            let path = path.parent().child(&name).ok_or(Error::BadName)?;
            match Writer::in_place(root, &path, OFlags::CREATE | OFlags::EXCL, |_| Ok(0)) {
                Err(Error::Exists) => {}
                done => return done,
            }
        }
        Err(Error::Exists)
    }

    fn beside(root: &Root, path: &VirtualPath) -> Result<Writer> {
        let directory = root.parent(path)?;
        let replaces = match entry(directory.as_fd(), path.name(), path.name()) {
            Ok(old) => match old.kind {
                // What the link leads to is written, not the link replaced.
                Kind::Symlink => return Writer::in_place(root, path, OFlags::CREATE, |_| Ok(0)),
                Kind::Directory | Kind::Other => return Err(Error::NotFile),
                Kind::File => {
                    may_replace(root, path, directory.as_fd())?;
                    Some(old.mode)
                }
            },
            Err(Errno::NOENT) => None,
            Err(errno) => return Err(from_errno(errno)),
        };
        let temporary = [TEMPORARY, format!("{:016x}", rand::random::<u64>()).as_bytes()].concat();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o666);
        let file = match rustix::fs::openat(&directory, &temporary[..], flags, mode) {
            Ok(file) => file,
            // The file may be written, its directory not: there is no other way then.
            Err(Errno::ACCESS | Errno::PERM) if replaces.is_some() => {
                return Writer::in_place(root, path, OFlags::empty(), |_| Ok(0));
            }
            Err(errno) => return Err(from_errno(errno)),
        };
        let place = Place::Beside { directory, temporary, replaces };
        Ok(Writer {
            file: Arc::new(file.into()),
            name: path.name().to_vec(),
            start: 0,
            position: 0,
            place: Some(place),
        })
    }

    /// Puts the upload where it belongs, or as much of it as does no harm.
    fn settle(&mut self, whole: bool) -> Result<()> {
        let Some(Place::Beside { directory, temporary, replaces }) = self.place.take() else {
            return Ok(());
        };
        let (from, to) = (&temporary[..], &self.name[..]);
        let put = if whole {
            if let Some(mode) = replaces {
                // The file keeps the permissions it had; where they cannot be set, the new ones do.
                let _ = rustix::fs::fchmod(&*self.file, Mode::from_raw_mode(mode & 0o777));
            }
            rustix::fs::renameat(&directory, from, &directory, to)
        } else if replaces.is_none() && self.file.metadata().is_ok_and(|metadata| metadata.len() > 0) {
            rustix::fs::renameat_with(&directory, from, &directory, to, RenameFlags::NOREPLACE)
        } else {
            Err(Errno::CANCELED)
        };
        if put.is_err() {
            let _ = rustix::fs::unlinkat(&directory, from, AtFlags::empty());
        }
        if whole { put.map_err(from_errno) } else { Ok(()) }
    }
}

/// Refuses what the user may not write, although the directory would let it be replaced, and what
/// another session is writing in place.
fn may_replace(root: &Root, path: &VirtualPath, directory: std::os::fd::BorrowedFd<'_>) -> Result<()> {
    rustix::fs::accessat(directory, path.name(), Access::WRITE_OK, AtFlags::EACCESS).map_err(from_errno)?;
    let old = root.open_to_write(path, OFlags::empty())?;
    rustix::fs::flock(&old, FlockOperation::NonBlockingLockExclusive).map_err(from_errno)
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Only on the way out of a session that was torn down: it waits for the disk at most once.
        let _ = self.settle(false);
    }
}

#[async_trait]
impl WriteFile for Writer {
    fn name(&self) -> &[u8] {
        &self.name
    }

    fn position(&self) -> u64 {
        self.position
    }

    async fn begin(&mut self) -> Result<()> {
        let (file, start) = (Arc::clone(&self.file), self.start);
        let io = move || {
            file.set_len(start)?;
            (&*file).seek(SeekFrom::Start(start)).map(|_| ())
        };
        match &self.place {
            Some(Place::InPlace) => blocking(move || io().map_err(|error| from_io(&error))).await,
            Some(Place::Beside { .. }) | None => Ok(()),
        }
    }

    fn descriptor(&self) -> Option<Arc<File>> {
        Some(Arc::clone(&self.file))
    }

    async fn write(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        self.position += bytes.len() as u64;
        let file = Arc::clone(&self.file);
        blocking(move || {
            (&*file).write_all(&bytes).map_err(|error| from_io(&error))?;
            Ok(bytes)
        })
        .await
    }

    async fn commit(mut self: Box<Self>) -> Result<()> {
        blocking(move || self.settle(true)).await
    }

    async fn keep(mut self: Box<Self>) -> Result<()> {
        blocking(move || self.settle(false)).await
    }
}
