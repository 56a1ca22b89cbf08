//! A file open for writing.

use crate::Uploads;
use crate::errors::{from_errno, from_io};
use crate::pace::waiting;
use crate::root::{Root, Speed, entry};
use async_trait::async_trait;
use portolan_vfs::{Error, Result, Write, WriteFile};
use portolan_wire::{Kind, VirtualPath};
use rustix::fs::{Access, AtFlags, FlockOperation, Mode, OFlags, RawDir, RenameFlags};
use rustix::io::Errno;
use std::ffi::CStr;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// How the names of files begin that are not whole yet. They are in no listing and cannot be named.
const TEMPORARY: &[u8] = b".portolan-upload-";

/// From so many bytes on, a file is large.
const LARGE: u64 = 8 << 20;

/// So many bytes are written at once, if the disk is quick.
const SMALL: usize = 64 << 10;

/// Names that `STOU` tries.
const UNIQUE_TRIES: usize = 1000;

pub(crate) fn is_temporary(name: &[u8]) -> bool {
    name.starts_with(TEMPORARY)
}

/// Where the bytes go until the upload is whole.
enum Place {
    /// Into the file itself, which is locked. `appends`: at its end, wherever that is by then.
    /// `made`: it was made for this, there.
    InPlace { appends: bool, made: Option<Made> },
    /// Into a file beside it. `replaces`: the permission bits of the file that is there.
    Beside { directory: OwnedFd, temporary: Vec<u8>, replaces: Option<u32> },
}

/// Where a file was made.
struct Made {
    root: Arc<Root>,
    path: VirtualPath,
}

impl Made {
    /// Removes it again, if it is still there: it was made for nothing. If it stays, it does no harm.
    fn remove(&self, file: &File) {
        let Ok(directory) = self.root.parent(&self.path, Speed::Waiting) else { return };
        let name = self.path.name();
        let (own, there) =
            (rustix::fs::fstat(file), rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW));
        let identity = |stat: rustix::fs::Stat| (stat.st_dev, stat.st_ino);
        if own.map(identity).is_ok_and(|own| there.map(identity) == Ok(own)) {
            let _ = rustix::fs::unlinkat(directory, name, AtFlags::empty());
        }
    }
}

pub(crate) struct Writer {
    root: Arc<Root>,
    file: Arc<File>,
    name: Vec<u8>,
    start: u64,
    position: u64,
    place: Option<Place>,
    /// The file that is there is large: to do away with its content takes a while.
    large: bool,
    /// It is on the disk that the root is on.
    near: bool,
}

impl Writer {
    pub(crate) fn open(
        root: &Arc<Root>,
        path: &VirtualPath,
        how: Write,
        uploads: Uploads,
        speed: Speed,
    ) -> Result<Writer> {
        match how {
            Write::New if uploads == Uploads::Atomic => Writer::beside(root, path, speed),
            Write::New | Write::End | Write::At(_) => Writer::in_place(root, path, how, speed),
            Write::Unique => Writer::unique(root, path, speed),
        }
    }

    fn in_place(root: &Arc<Root>, path: &VirtualPath, how: Write, speed: Speed) -> Result<Writer> {
        if path.is_root() {
            return Err(Error::NotFile);
        }
        let ((file, mut size), made) = match how {
            Write::New => match root.open_to_write(path, OFlags::CREATE | OFlags::EXCL, speed) {
                Err(Error::Exists) => Writer::open_or_make(root, path, speed)?,
                made => (made?, true),
            },
            Write::End => Writer::open_or_make(root, path, speed)?,
            Write::At(_) => (root.open_to_write(path, OFlags::empty(), speed)?, false),
            Write::Unique => (root.open_to_write(path, OFlags::CREATE | OFlags::EXCL, speed)?, true),
        };
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(from_errno)?;
        if matches!(how, Write::End | Write::At(_)) {
            // Whoever had the lock before may have written.
            size = file.metadata().map_err(|error| from_io(&error))?.len();
        }
        let start = match how {
            Write::New | Write::Unique => 0,
            Write::End => size,
            Write::At(offset) if offset <= size => offset,
            Write::At(_) => return Err(Error::BadOffset),
        };
        let name = path.name().to_vec();
        let made = made.then(|| Made { root: Arc::clone(root), path: path.clone() });
        let place = Some(Place::InPlace { appends: how == Write::End, made });
        let large = size > LARGE;
        Ok(Writer {
            root: Arc::clone(root),
            file: Arc::new(file),
            name,
            start,
            position: start,
            place,
            large,
            near: speed == Speed::Near,
        })
    }

    /// Opens a file that may be there or not: a link that leads to nothing yet is followed too.
    /// Says whether it was made.
    fn open_or_make(root: &Root, path: &VirtualPath, speed: Speed) -> Result<((File, u64), bool)> {
        match root.open_to_write(path, OFlags::empty(), speed) {
            Err(Error::NotFound) => {
                let (file, size) = root.open_to_write(path, OFlags::CREATE, speed)?;
                // Somebody may have made it just now, and not for nothing.
                Ok(((file, size), size == 0))
            }
            opened => Ok((opened?, false)),
        }
    }

    fn unique(root: &Arc<Root>, path: &VirtualPath, speed: Speed) -> Result<Writer> {
        for number in 0..UNIQUE_TRIES {
            let name = match number {
                0 => path.name().to_vec(),
                _ => [path.name(), format!(".{number}").as_bytes()].concat(),
            };
            let path = path.parent().child(&name).ok_or(Error::BadName)?;
            match Writer::in_place(root, &path, Write::Unique, speed) {
                Err(Error::Exists | Error::NotFile | Error::Busy) => {}
                done => return done,
            }
        }
        Err(Error::Exists)
    }

    fn beside(root: &Arc<Root>, path: &VirtualPath, speed: Speed) -> Result<Writer> {
        let directory = root.parent(path, speed)?;
        let replaces = match entry(directory.as_fd(), path.name(), path.name()) {
            Ok(old) => match old.kind {
                // What the link leads to is written, not the link replaced.
                Kind::Symlink => return Writer::in_place(root, path, Write::New, speed),
                Kind::Directory | Kind::Other => return Err(Error::NotFile),
                Kind::File => {
                    may_replace(root, path, directory.as_fd(), speed)?;
                    Some(old)
                }
            },
            Err(Errno::NOENT) => None,
            Err(errno) => return Err(from_errno(errno)),
        };
        let (file, temporary) = match make_temporary(&directory) {
            Ok(made) => made,
            // The file may be written, its directory not: there is no other way then.
            Err(Errno::ACCESS | Errno::PERM) if replaces.is_some() => {
                return Writer::in_place(root, path, Write::New, speed);
            }
            Err(errno) => return Err(from_errno(errno)),
        };
        let large = replaces.as_ref().is_some_and(|old| old.size > LARGE);
        let replaces = replaces.map(|old| old.mode);
        let place = Place::Beside { directory, temporary, replaces };
        Ok(Writer {
            root: Arc::clone(root),
            file: Arc::new(file.into()),
            name: path.name().to_vec(),
            start: 0,
            position: 0,
            place: Some(place),
            large,
            near: speed == Speed::Near,
        })
    }

    /// Does work at once if it is small, and the disk is quick.
    async fn small<T: Send + 'static>(
        &self,
        small: bool,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if small && self.near && self.root.pace.is_quick() {
            return self.root.pace.at_once(work);
        }
        waiting(work).await
    }

    /// True when no file was there.
    fn is_new(&self) -> bool {
        match &self.place {
            Some(Place::InPlace { made, .. }) => made.is_some(),
            Some(Place::Beside { replaces, .. }) => replaces.is_none(),
            None => false,
        }
    }

    fn settle(&mut self, whole: bool) -> Result<()> {
        let settle = |place| settle(&self.root, &self.file, &self.name, place, whole);
        self.place.take().map_or(Ok(()), settle)
    }
}

/// Puts an upload where it belongs, or as much of it as does no harm.
fn settle(root: &Root, file: &File, name: &[u8], place: Place, whole: bool) -> Result<()> {
    let _acting = root.act()?;
    let empty = || file.metadata().is_ok_and(|metadata| metadata.len() == 0);
    match place {
        Place::InPlace { made, .. } => {
            if let Some(made) = made.filter(|_| !whole && empty()) {
                made.remove(file);
            }
            Ok(())
        }
        Place::Beside { directory, temporary, replaces } => {
            let from = &temporary[..];
            let put = if whole {
                if let Some(mode) = replaces {
                    // The file keeps the permissions it had; where they cannot be set, the new ones do.
                    let _ = rustix::fs::fchmod(file, Mode::from_raw_mode(mode & 0o777));
                }
                rustix::fs::renameat(&directory, from, &directory, name)
            } else if replaces.is_none() && !empty() {
                rustix::fs::renameat_with(&directory, from, &directory, name, RenameFlags::NOREPLACE)
            } else {
                Err(Errno::CANCELED)
            };
            if put.is_err() {
                // What cannot be removed now goes with its directory.
                let _ = rustix::fs::unlinkat(&directory, from, AtFlags::empty());
            }
            if whole { put.map_err(from_errno) } else { Ok(()) }
        }
    }
}

/// Makes a file for an upload, and its name. It is locked, which tells that somebody is still at it.
fn make_temporary(directory: &OwnedFd) -> std::result::Result<(OwnedFd, Vec<u8>), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    loop {
        let name = [TEMPORARY, format!("{:016x}", rand::random::<u64>()).as_bytes()].concat();
        let file = rustix::fs::openat(directory, &name[..], flags, Mode::from_raw_mode(0o666))?;
        let locked = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
        // Somebody may have taken it for abandoned just before.
        match locked.and_then(|()| rustix::fs::fstat(&file)) {
            Ok(stat) if stat.st_nlink > 0 => return Ok((file, name)),
            Ok(_) | Err(Errno::WOULDBLOCK) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Removes files from a directory that were not whole when a server ended.
pub(crate) fn remove_abandoned(directory: &OwnedFd) {
    let mut buffer = vec![MaybeUninit::uninit(); 32 * 1024];
    let mut names = RawDir::new(directory, &mut buffer);
    while let Some(Ok(item)) = names.next() {
        if is_temporary(item.file_name().to_bytes()) {
            remove_if_abandoned(directory, item.file_name());
        }
    }
}

/// Removes a file that was not whole when a server ended: one that nobody locks.
pub(crate) fn remove_if_abandoned(directory: &OwnedFd, name: &CStr) {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    // The lock lasts until it is removed.
    let Ok(file) = rustix::fs::openat(directory, name, flags, Mode::empty()) else { return };
    if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
        // What cannot be removed keeps its directory, whose removal then fails with the reason.
        let _ = rustix::fs::unlinkat(directory, name, AtFlags::empty());
    }
}

/// Refuses what the user may not write, although the directory would let it be replaced, and what
/// another session is writing in place.
fn may_replace(
    root: &Root,
    path: &VirtualPath,
    directory: std::os::fd::BorrowedFd<'_>,
    speed: Speed,
) -> Result<()> {
    rustix::fs::accessat(directory, path.name(), Access::WRITE_OK, AtFlags::EACCESS).map_err(from_errno)?;
    let (old, _) = root.open_to_write(path, OFlags::empty(), speed)?;
    rustix::fs::flock(&old, FlockOperation::NonBlockingLockExclusive).map_err(from_errno)
}

impl Drop for Writer {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        // On the way out of a session that was torn down, where nothing may wait for the disk.
        let (root, file) = (Arc::clone(&self.root), Arc::clone(&self.file));
        let name = std::mem::take(&mut self.name);
        let settle = move || settle(&root, &file, &name, place, false);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(settle)),
            // Nobody is left to be told.
            Err(_) => {
                let _ = settle();
            }
        }
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

    fn is_in_place(&self) -> bool {
        matches!(self.place, Some(Place::InPlace { .. }))
    }

    async fn begin(&mut self) -> Result<()> {
        let Some(Place::InPlace { appends, made }) = &self.place else { return Ok(()) };
        let (file, start, appends) = (Arc::clone(&self.file), self.start, *appends);
        if made.is_some() && !appends {
            return Ok(());
        }
        let ready = move || {
            if appends {
                // Programs that know nothing of our lock may have appended since.
                return (&*file).seek(SeekFrom::End(0));
            }
            if start == 0 && file.metadata()?.len() == 0 {
                return Ok(0);
            }
            file.set_len(start)?;
            (&*file).seek(SeekFrom::Start(start))
        };
        self.position = self.small(!self.large, move || ready().map_err(|error| from_io(&error))).await?;
        Ok(())
    }

    fn descriptor(&self) -> Option<Arc<File>> {
        Some(Arc::clone(&self.file))
    }

    async fn write(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        self.position += bytes.len() as u64;
        let (file, small) = (Arc::clone(&self.file), bytes.len() <= SMALL);
        let write = move || {
            (&*file).write_all(&bytes).map_err(|error| from_io(&error))?;
            Ok(bytes)
        };
        self.small(small, write).await
    }

    async fn commit(mut self: Box<Self>) -> Result<()> {
        // Some systems write a file to the disk when it takes an old one's place, or when it is closed for the last
        // time after its old content was done away with.
        // On a disk elsewhere, even asking for the size may wait until all is written.
        let is_small = || self.file.metadata().is_ok_and(|metadata| metadata.len() <= LARGE);
        let small = || self.is_new() || (!self.large && is_small());
        if self.near && self.root.pace.is_quick() && small() {
            let root = Arc::clone(&self.root);
            return root.pace.at_once(move || self.settle(true));
        }
        waiting(move || self.settle(true)).await
    }

    async fn keep(mut self: Box<Self>) -> Result<()> {
        waiting(move || self.settle(false)).await
    }
}
