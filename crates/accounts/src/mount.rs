//! Folders that somebody sees, and where.

use portolan_vfs::Rights;
use portolan_wire::VirtualPath;
use std::path::{Path, PathBuf};

/// What stands for the user's name in the path of a folder.
const USER: &str = "{user}";

/// A folder, where it is in the tree that somebody sees, and what they may do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where it is seen.
    pub at: VirtualPath,
    /// The folder on the disk; `{user}` in it stands for the user's name.
    pub folder: PathBuf,
    /// What may be done in it.
    pub rights: Rights,
    /// Whether that counts for its subfolders, too; else nothing may be done there.
    pub subfolders: bool,
    /// True when it is made at a login, if it is not there.
    pub make: bool,
    /// True when the user's name was put into the path: nobody else sees it so.
    pub own: bool,
}

impl Mount {
    /// This folder as the whole tree.
    pub fn root(folder: impl Into<PathBuf>, rights: Rights) -> Mount {
        let folder = folder.into();
        let make = is_template(&folder);
        Mount { at: VirtualPath::root(), folder, rights, subfolders: true, make, own: false }
    }

    /// The part of the folder's path that is the same for all users.
    pub fn base(&self) -> &Path {
        let mut base = &*self.folder;
        while is_template(base)
            && let Some(parent) = base.parent()
        {
            base = parent;
        }
        base
    }

    /// The same for this user; `None` where the folder has the name in it, and that cannot be the name of one.
    pub(crate) fn of_user(&self, name: &str) -> Option<Mount> {
        if !is_template(&self.folder) {
            return Some(self.clone());
        }
        let usable = !matches!(name, "" | "." | "..") && !name.contains(['/', '\0']);
        let folder = self.folder.to_str()?.replace(USER, name).into();
        usable.then(|| Mount { folder, own: true, ..self.clone() })
    }
}

/// True when the user's name is to be put into the path.
pub fn is_template(folder: &Path) -> bool {
    folder.to_str().is_some_and(|text| text.contains(USER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_folder_leads_nowhere() {
        let home = Mount::root("/srv/ftp/{user}/files", Rights::FULL);
        assert_eq!(home.base(), Path::new("/srv/ftp"));
        assert!(home.make);
        assert_eq!(home.of_user("anna").unwrap().folder, Path::new("/srv/ftp/anna/files"));
        for name in ["", ".", "..", "../otto", "a/b", "a\0"] {
            assert_eq!(home.of_user(name), None, "{name:?}");
        }
        let shared = Mount::root("/srv/all", Rights::READ_ONLY);
        assert_eq!((shared.of_user("a/b"), shared.make), (Some(shared.clone()), false));
    }
}
