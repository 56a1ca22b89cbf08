//! Where the server keeps what it makes for itself.

use std::path::PathBuf;

/// The folder for that: where systemd says, else where the user's other programs have theirs.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("STATE_DIRECTORY").or_else(|| {
        let home = || folder("HOME").map(|home| home.join(".local/state"));
        folder("XDG_STATE_HOME").or_else(home).map(|state| state.join("portolan"))
    })
}
