//! What right each verb needs, to say it before anything is done. It is the tree of mounts that refuses; a test holds
//! this table to what it does.

use portolan_vfs::{Right, Rights};
use portolan_wire::{Verb, VirtualPath};

/// Where a right is needed, seen from the path that the verb is said with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the directory that it lies in.
    Around,
    /// In the directory that it is.
    Inside,
}

/// What a verb needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// All of these.
    All(Place, &'static [Right]),
    /// One of these.
    One(Place, &'static [Right]),
}

impl Need {
    /// True when these rights, in the place where they are needed, are enough.
    pub fn is_met(self, rights: Rights) -> bool {
        match self {
            Need::All(_, needed) => needed.iter().all(|right| rights.contains(*right)),
            Need::One(_, needed) => needed.iter().any(|right| rights.contains(*right)),
        }
    }

    /// The directory where they are needed.
    pub fn directory(self, path: &VirtualPath) -> VirtualPath {
        match self {
            Need::All(Place::Around, _) | Need::One(Place::Around, _) => path.parent(),
            Need::All(Place::Inside, _) | Need::One(Place::Inside, _) => path.clone(),
        }
    }
}

/// What this verb needs; nothing, if it does nothing to files. Where that is different for files and folders, or for
/// what is there and what is not, it is the least.
pub fn needs(verb: Verb) -> &'static [Need] {
    use Place::{Around, Inside};
    use Right::{Append, Delete, List, MakeFolders, Read, RemoveFolders, Write};
    match verb {
        Verb::Retr
        | Verb::Hash
        | Verb::Md5
        | Verb::Xcrc
        | Verb::Xmd5
        | Verb::Xsha
        | Verb::Xsha1
        | Verb::Xsha256
        | Verb::Xsha512 => &[Need::All(Around, &[Read])],
        Verb::Size | Verb::Mdtm | Verb::Mlst => &[Need::One(Around, &[Read, List])],
        Verb::List | Verb::Nlst | Verb::Mlsd | Verb::Stat | Verb::Dsiz => &[Need::All(Inside, &[List])],
        Verb::Cwd | Verb::Xcwd | Verb::Cdup | Verb::Xcup => &[Need::One(Inside, Right::ALL)],
        Verb::Avbl => &[Need::One(Around, Right::ALL)],
        Verb::Stor | Verb::Stou => &[Need::All(Around, &[Write])],
        Verb::Mfmt | Verb::Mff | Verb::Site => {
            &[Need::All(Around, &[Write]), Need::One(Around, &[Read, List])]
        }
        Verb::Appe => &[Need::All(Around, &[Append])],
        Verb::Comb => &[Need::All(Around, &[Append, Write]), Need::One(Around, &[Read, List])],
        Verb::Dele => &[Need::All(Around, &[Delete])],
        Verb::Rnfr => &[Need::One(Around, &[Read, List])],
        Verb::Rnto => &[Need::One(Around, &[Write, MakeFolders])],
        Verb::Mkd | Verb::Xmkd => &[Need::All(Around, &[MakeFolders])],
        Verb::Rmd | Verb::Xrmd => &[Need::All(Around, &[RemoveFolders])],
        Verb::Rmda => {
            &[Need::All(Around, &[RemoveFolders]), Need::All(Inside, &[List, Delete, RemoveFolders])]
        }
        _ => &[],
    }
}
