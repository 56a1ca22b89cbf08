//! Where the server keeps what it makes for itself.

use std::io;
use std::os::unix::fs::DirBuilderExt;
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

/// The socket by which a running server takes commands.
pub(crate) fn socket(folder: &Path) -> PathBuf {
    folder.join("control.sock")
}

/// The journal of events for hooks.
pub(crate) fn journal(folder: &Path) -> PathBuf {
    folder.join("events.db")
}
