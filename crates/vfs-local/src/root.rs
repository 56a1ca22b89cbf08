//! The root directory, and every system call that names a path beneath it.

use crate::errors::{from_errno, from_io};
use crate::pace::Pace;
use crate::roots::Whose;
use crate::write::{is_temporary, remove_abandoned};
use portolan_confine::{Acting, Identity};
use portolan_vfs::{Error, Result};
use portolan_wire::permissions::Permissions;
use portolan_wire::{Entry, Kind, Timestamp, VirtualPath};
use rustix::fs::{
    Access, AtFlags, FileType, Mode, OFlags, ResolveFlags, Statx, StatxFlags, Timespec, Timestamps,
};
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How often a path is resolved again when a rename comes in between.
const TRIES: usize = 64;

/// Whether a system call may wait for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speed {
    /// Only if what it needs is cached; else it gives `None`.
    AtOnce,
    /// As long as it takes, on the disk that the root is on; what is on another is [`Error::Outside`].
    Near,
    /// As long as it takes.
    Waiting,
}

#[derive(Debug)]
pub(crate) struct Root {
    directory: OwnedFd,
    /// In whose name everything is done here.
    whose: Whose,
    /// Its path without links, where the system says it.
    pub(crate) path: Option<PathBuf>,
    /// True for disks of this machine: what is cached of them is there at once. Of a network's, even
    /// that may have to be asked for.
    near: bool,
    pub(crate) pace: Pace,
}

/// Kinds of disks of this machine, by the number that `statfs` gives: ext4, XFS, Btrfs, tmpfs,
/// overlayfs, F2FS, ZFS.
const NEAR: &[u64] = &[0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630, 0xf2f5_2010, 0x2fc1_2fc1];

/// The number of overlayfs.
const OVERLAY: u64 = 0x794c_7630;

impl Root {
    pub(crate) fn open(directory: &Path, whose: Whose) -> std::io::Result<Root> {
        let _acting = act(&whose)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(directory, flags, Mode::empty())?;
        // A kernel or a container that cannot confine paths is found out here, not at each request.
        rustix::fs::openat2(&directory, c".", flags, Mode::empty(), ResolveFlags::BENEATH)?;
        let kind = rustix::fs::fstatfs(&directory)?.f_type;
        let near = u64::try_from(kind).is_ok_and(|kind| NEAR.contains(&kind));
        // There, a file of the lower layer is copied when it is first written.
        let layered = u64::try_from(kind).is_ok_and(|kind| kind == OVERLAY);
        see_that_it_is_not_withheld(&directory)?;
        let path = std::fs::read_link(format!("/proc/self/fd/{}", directory.as_raw_fd())).ok();
        Ok(Root { directory, whose, path, near, pace: Pace::new(near && !layered) })
    }

    /// Makes this thread act in the name that counts here, until what it gives is dropped.
    pub(crate) fn act(&self) -> Result<Option<Acting>> {
        act(&self.whose).map_err(|error| from_io(&error))
    }

    /// True when the path still means this directory.
    pub(crate) fn is_at(&self, directory: &Path) -> bool {
        let Ok(_acting) = self.act() else { return false };
        let wanted = StatxFlags::INO | StatxFlags::MNT_ID;
        let now = rustix::fs::statx(rustix::fs::CWD, directory, AtFlags::empty(), wanted);
        let own = rustix::fs::statx(&self.directory, c"", AtFlags::EMPTY_PATH, wanted);
        // The same directory by another mount may have other rights.
        let identity = |stat: Statx| (stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino, stat.stx_mnt_id);
        now.is_ok_and(|now| own.is_ok_and(|own| identity(now) == identity(own)))
    }

    /// Opens what `path` means beneath the root; `None` when that would have to wait.
    pub(crate) fn open_beneath(
        &self,
        path: &VirtualPath,
        flags: OFlags,
        speed: Speed,
    ) -> Result<Option<OwnedFd>> {
        self.resolve(path, flags, ResolveFlags::empty(), speed)
    }

    fn resolve(
        &self,
        path: &VirtualPath,
        flags: OFlags,
        more: ResolveFlags,
        speed: Speed,
    ) -> Result<Option<OwnedFd>> {
        if path.components().any(is_temporary) {
            return Err(Error::NotFound);
        }
        let name = relative(path);
        let mode = if flags.contains(OFlags::CREATE) { Mode::from_raw_mode(0o666) } else { Mode::empty() };
        let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | more;
        if speed == Speed::AtOnce {
            if !self.near {
                return Ok(None);
            }
            resolve |= ResolveFlags::CACHED;
        } else if speed == Speed::Near {
            resolve |= ResolveFlags::NO_XDEV;
        }
        for _ in 0..TRIES {
            match rustix::fs::openat2(&self.directory, name, flags | OFlags::CLOEXEC, mode, resolve) {
                Ok(file) => return Ok(Some(file)),
                Err(Errno::AGAIN) if speed == Speed::AtOnce => return Ok(None),
                // A rename somewhere in the system came between: the kernel wants us to try again.
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(errno) => return Err(from_errno(errno)),
            }
        }
        Err(Error::Busy)
    }

    fn open_waiting(&self, path: &VirtualPath, flags: OFlags) -> Result<OwnedFd> {
        self.open_beneath(path, flags, Speed::Waiting)?.ok_or(Error::Local)
    }

    /// The directory that holds `path`, wherever it is.
    fn parent_waiting(&self, path: &VirtualPath) -> Result<OwnedFd> {
        self.parent(path, Speed::Waiting)
    }

    /// The directory that holds `path`, to be used with its last component.
    pub(crate) fn parent(&self, path: &VirtualPath, speed: Speed) -> Result<OwnedFd> {
        if path.is_root() {
            return Err(Error::NotFile);
        }
        if is_temporary(path.name()) {
            return Err(Error::BadName);
        }
        self.open_beneath(&path.parent(), OFlags::PATH | OFlags::DIRECTORY, speed)?.ok_or(Error::Local)
    }

    pub(crate) fn describe(&self, path: &VirtualPath, follow: bool, speed: Speed) -> Result<Option<Entry>> {
        let flags = if follow { OFlags::PATH } else { OFlags::PATH | OFlags::NOFOLLOW };
        let Some(file) = self.open_beneath(path, flags, speed)? else { return Ok(None) };
        entry(file.as_fd(), b"", path.name()).map(Some).map_err(from_errno)
    }

    /// Sees that it is a directory that one may go to.
    pub(crate) fn enter(&self, path: &VirtualPath, speed: Speed) -> Result<Option<()>> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let Some(directory) = self.open_beneath(path, flags, speed)? else { return Ok(None) };
        rustix::fs::accessat(directory, c".", Access::EXEC_OK, AtFlags::EACCESS).map(Some).map_err(from_errno)
    }

    /// A directory to list.
    pub(crate) fn directory(&self, path: &VirtualPath) -> Result<OwnedFd> {
        self.open_waiting(path, OFlags::RDONLY | OFlags::DIRECTORY)
    }

    pub(crate) fn make_directory(&self, path: &VirtualPath) -> Result<()> {
        if path.is_root() {
            return Err(Error::Exists);
        }
        rustix::fs::mkdirat(self.parent_waiting(path)?, path.name(), Mode::from_raw_mode(0o777))
            .map_err(from_errno)
    }

    pub(crate) fn remove_directory(&self, path: &VirtualPath) -> Result<()> {
        let parent = self.parent_waiting(path)?;
        let remove = || rustix::fs::unlinkat(&parent, path.name(), AtFlags::REMOVEDIR);
        match remove() {
            // What a server that crashed has left there is in no listing, so nobody else can remove it.
            Err(Errno::NOTEMPTY) => {
                remove_abandoned(&self.directory(path)?);
                remove().map_err(from_errno)
            }
            done => done.map_err(from_errno),
        }
    }

    pub(crate) fn delete(&self, path: &VirtualPath) -> Result<()> {
        rustix::fs::unlinkat(self.parent_waiting(path)?, path.name(), AtFlags::empty()).map_err(from_errno)
    }

    pub(crate) fn rename(&self, from: &VirtualPath, to: &VirtualPath) -> Result<()> {
        let (old, new) = (self.parent_waiting(from)?, self.parent_waiting(to)?);
        rustix::fs::renameat(old, from.name(), new, to.name()).map_err(|errno| match errno {
            // Here it is no link that leads out, but another disk below the root.
            Errno::XDEV => Error::NotOffered,
            errno => from_errno(errno),
        })
    }

    pub(crate) fn set_facts(
        &self,
        path: &VirtualPath,
        modified: Option<Timestamp>,
        mode: Option<u32>,
    ) -> Result<()> {
        let file = self.open_waiting(path, OFlags::PATH)?;
        if let Some(mode) = mode {
            // A descriptor that only names a file takes no fchmod; its place in /proc does, and
            // that leads to the very same file whatever became of its name.
            let place = format!("/proc/self/fd/{}", file.as_raw_fd());
            rustix::fs::chmod(place, Mode::from_raw_mode(mode)).map_err(from_errno)?;
        }
        if let Some(time) = modified {
            let (tv_sec, nanoseconds) = time.unix();
            let times = Timestamps {
                last_access: Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT },
                last_modification: Timespec { tv_sec, tv_nsec: nanoseconds.into() },
            };
            rustix::fs::utimensat(&file, c"", &times, AtFlags::EMPTY_PATH).map_err(from_errno)?;
        }
        Ok(())
    }

    /// A link whose text leads from its own directory to the target, so that it means the same
    /// seen from outside the root. On the way to it there may be no link, since it would then lie
    /// somewhere else than its path says, and lead somewhere else.
    pub(crate) fn link(&self, target: &VirtualPath, path: &VirtualPath) -> Result<()> {
        if path.is_root() || is_temporary(path.name()) {
            return Err(Error::BadName);
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let parent = self.resolve(&path.parent(), flags, ResolveFlags::NO_SYMLINKS, Speed::Waiting)?;
        let parent = parent.ok_or(Error::Local)?;
        let depth = path.parent().components().count();
        let text = [&b"../".repeat(depth)[..], relative(target)].concat();
        rustix::fs::symlinkat(text, parent, path.name()).map_err(from_errno)
    }

    pub(crate) fn space(&self, path: &VirtualPath) -> Result<u64> {
        let file = self.open_waiting(path, OFlags::PATH)?;
        let disk = rustix::fs::fstatvfs(file).map_err(from_errno)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// The file and its length.
    pub(crate) fn open_to_read(&self, path: &VirtualPath, speed: Speed) -> Result<Option<(File, u64)>> {
        // A pipe or a device must not be waited for: it is found out to be one right after.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let Some(file) = self.open_beneath(path, flags, speed)? else { return Ok(None) };
        plain(file.into()).map(Some)
    }

    /// Opens a file for writing; gives its length too.
    pub(crate) fn open_to_write(
        &self,
        path: &VirtualPath,
        create: OFlags,
        speed: Speed,
    ) -> Result<(File, u64)> {
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | create;
        let file = self.open_beneath(path, flags, speed)?.ok_or(Error::Local)?.into();
        // What was made just now is plain, and empty.
        if create.contains(OFlags::EXCL) { Ok((file, 0)) } else { plain(file) }
    }
}

/// Sees that what may be read by its permissions can be read: a program that confined itself may have given it up.
fn see_that_it_is_not_withheld(directory: &OwnedFd) -> std::io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let may = rustix::fs::accessat(directory, c".", Access::READ_OK, AtFlags::EACCESS).is_ok();
    match rustix::fs::openat(directory, c".", flags, Mode::empty()) {
        Err(Errno::ACCESS | Errno::PERM) if may => Err(std::io::Error::new(
            std::io::ErrorKind::PermissionDenied,
            "the system withholds what its permissions allow; was a disk mounted there since the server started? \
             `portolan restart` takes it in",
        )),
        _ => Ok(()),
    }
}

/// Makes this thread act in that name, unless it does anyway.
fn act(whose: &Whose) -> std::io::Result<Option<Acting>> {
    let other = whose.as_ref().filter(|identity| rustix::process::geteuid().as_raw() != identity.uid);
    let act = |identity: &Arc<Identity>| {
        identity.act().map_err(|error| {
            let reason = format!("the server cannot act in the name of {}: {error}", identity.name);
            std::io::Error::new(error.kind(), reason)
        })
    };
    other.map(act).transpose()
}

/// A plain file and its length; everything else is refused.
fn plain(file: File) -> Result<(File, u64)> {
    let metadata = file.metadata().map_err(|error| from_io(&error))?;
    if metadata.is_file() { Ok((file, metadata.len())) } else { Err(Error::NotFile) }
}

/// The path as the kernel wants it, relative to the root.
fn relative(path: &VirtualPath) -> &[u8] {
    match &path.as_bytes()[1..] {
        b"" => b".",
        name => name,
    }
}

/// Describes `name` in `directory`, or `directory` itself when `name` is empty.
pub(crate) fn entry(directory: BorrowedFd<'_>, name: &[u8], shown: &[u8]) -> rustix::io::Result<Entry> {
    // Only where it is needed: the kernel looks at the name once more with it.
    let empty = if name.is_empty() { AtFlags::EMPTY_PATH } else { AtFlags::empty() };
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT | empty;
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    let stat = rustix::fs::statx(directory, name, flags, wanted)?;
    let kind = match FileType::from_raw_mode(stat.stx_mode.into()) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        _ => Kind::Other,
    };
    let target = match kind {
        Kind::Symlink => {
            rustix::fs::readlinkat(directory, name, Vec::new()).ok().map(std::ffi::CString::into_bytes)
        }
        Kind::File | Kind::Directory | Kind::Other => None,
    };
    Ok(describe(&stat, kind, shown, target))
}

fn describe(stat: &Statx, kind: Kind, name: &[u8], target: Option<Vec<u8>>) -> Entry {
    let born = StatxFlags::from_bits_retain(stat.stx_mask).contains(StatxFlags::BTIME);
    Entry {
        name: name.to_vec(),
        kind,
        size: stat.stx_size,
        modified: Timestamp::from_unix(stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec),
        created: born.then(|| Timestamp::from_unix(stat.stx_btime.tv_sec, stat.stx_btime.tv_nsec)),
        mode: u32::from(stat.stx_mode) & 0o7777,
        links: stat.stx_nlink.into(),
        owner: stat.stx_uid,
        group: stat.stx_gid,
        identity: (u64::from(stat.stx_dev_major) << 32 | u64::from(stat.stx_dev_minor), stat.stx_ino),
        target,
        permissions: Permissions::all(kind),
    }
}
