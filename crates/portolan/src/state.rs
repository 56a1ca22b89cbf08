//! Where the server keeps what it makes for itself.

use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, lchown};
use std::path::{Path, PathBuf};

/// The folder for that: where systemd says, else where the user's other programs have theirs.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("STATE_DIRECTORY").or_else(|| {
        let home = || folder("HOME").map(|home| home.join(".local/state"));
        folder("XDG_STATE_HOME").or_else(home).map(|state| state.join("portolan"))
    })
}

/// Makes it, for nobody else.
pub(crate) fn make(folder: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Gives it to a user, with all that is in it, if it is root's: nobody else has put anything there then. It is made if it
/// is not there.
pub(crate) fn give(folder: &Path, uid: u32, gid: u32) -> io::Result<()> {
    make(folder)?;
    if std::fs::symlink_metadata(folder)?.uid() != 0 {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let (path, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
        if kind.is_dir() {
            give(&path, uid, gid)?;
        } else {
            lchown(path, Some(uid), Some(gid))?;
        }
    }
    // Last, so that it is looked through again if something goes wrong.
    lchown(folder, Some(uid), Some(gid))
}

/// The socket by which a running server takes commands.
pub(crate) fn socket(folder: &Path) -> PathBuf {
    folder.join("control.sock")
}

/// The journal of events for hooks.
pub(crate) fn journal(folder: &Path) -> PathBuf {
    folder.join("events.db")
}
