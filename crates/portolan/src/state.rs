//! Where the program keeps what it makes for itself, and what people write for it.

use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, lchown};
use std::path::{Path, PathBuf};

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// A folder of this program where the user's other programs have theirs.
fn among_others(name: &str, usual: &str) -> Option<PathBuf> {
    let home = || home().map(|home| home.join(usual));
    variable(name).or_else(home).map(|folder| folder.join("portolan"))
}

/// The user's own folder.
pub(crate) fn home() -> Option<PathBuf> {
    variable("HOME")
}

/// The folder for what the program makes: where systemd says, else where the user's other programs have theirs.
pub(crate) fn folder() -> Option<PathBuf> {
    variable("STATE_DIRECTORY").or_else(|| among_others("XDG_STATE_HOME", ".local/state"))
}

/// The folder for what the user writes.
pub(crate) fn written() -> Option<PathBuf> {
    among_others("XDG_CONFIG_HOME", ".config")
}

/// Makes it, for nobody else.
pub(crate) fn make(folder: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Gives it to a user, with all of root's that is in it, if nobody but root could put anything there, and it is not where
/// this file lies, too. It is made if it is not there.
pub(crate) fn give(folder: &Path, config: Option<&Path>, uid: u32, gid: u32) -> io::Result<()> {
    make(folder)?;
    let own = std::fs::symlink_metadata(folder)?;
    let has_config = config.and_then(Path::parent).is_some_and(|parent| {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        std::fs::metadata(parent).is_ok_and(|parent| (parent.dev(), parent.ino()) == (own.dev(), own.ino()))
    });
    if own.uid() != 0 || own.mode() & 0o022 != 0 || has_config {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let (path, metadata) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)))?;
        if metadata.is_dir() {
            give(&path, config, uid, gid)?;
        } else if metadata.uid() == 0 && metadata.nlink() == 1 {
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
