//! Making one directory tree like another: first a plan, then its execution.
//!
//! A plan is made from both trees and can be shown before anything happens. Nothing is deleted on the strength of a listing
//! that was not wholly understood, or of a tree that was not wholly read.

mod apply;
mod plan;
mod tree;

pub use plan::{Action, Plan};

use portolan_wire::parameters::Representation;
use std::path::Path;

/// Which tree is made like which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Towards {
    /// That of this side like that of the server.
    Here,
    /// That of the server like that of this side.
    There,
}

/// How trees are compared and made alike.
pub struct Mirroring<'a> {
    /// Which like which.
    pub towards: Towards,
    /// The tree of this side.
    pub local: &'a Path,
    /// That of the server.
    pub remote: &'a [u8],
    /// Deletes what is in the target and not in the source.
    pub delete: bool,
    /// Copies a file that differs only if that in the source is newer.
    pub newer: bool,
    /// Says for each path, from the top of the tree, whether it is looked at; one that is not is neither copied nor deleted,
    /// and neither is anything beneath it.
    pub wanted: &'a (dyn Fn(&[u8], bool) -> bool + Sync),
    /// In which type files are copied.
    pub representation: Representation,
    /// Gives files the times that they have in the source.
    pub keep_times: bool,
}

/// What happens while a plan is carried out.
#[derive(Debug)]
pub enum Step<'a> {
    /// This is begun.
    Begin(&'a Action),
    /// So many bytes of it have moved.
    At(&'a Action, u64),
    /// It is done.
    Done(&'a Action),
    /// It failed; others go on.
    Failed(&'a Action, &'a crate::Error),
}
