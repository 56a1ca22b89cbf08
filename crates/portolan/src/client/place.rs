//! Something on a server, named by a URL, or in a shell by a path. How the server is reached is not in it.

use crate::args::Transfer;
use portolan_client::{Url, join};
use portolan_wire::parameters::Representation;
use portolan_wire::received::printable;
use std::fmt;

/// Where it is, and what it is called to people.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) path: Vec<u8>,
    /// True when it was said to be a directory.
    pub(super) is_directory: bool,
    /// The type that was asked for by name.
    pub(super) representation: Option<Representation>,
    pub(super) shown: String,
}

impl From<&Url> for Place {
    fn from(url: &Url) -> Place {
        Place {
            path: url.path.clone(),
            is_directory: url.is_directory,
            representation: url.representation,
            shown: url.to_string(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Place {
    /// Something in a folder, by its name.
    pub(super) fn beneath(folder: &Place, name: &[u8]) -> Place {
        let path = join(&folder.path, name);
        let shown = printable(&path);
        Place { path, is_directory: false, representation: folder.representation, shown }
    }

    /// The last part of its path; nothing for the directory that one is in after the login, or the root.
    pub(super) fn name(&self) -> &[u8] {
        self.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }

    /// The type in which it is transferred.
    pub(super) fn representation(&self, transfer: &Transfer) -> Representation {
        let usual = if transfer.ascii { Representation::Ascii } else { Representation::Image };
        self.representation.unwrap_or(usual)
    }
}
