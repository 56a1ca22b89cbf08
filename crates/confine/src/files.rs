//! Files, by Landlock.

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope,
};
use std::path::PathBuf;

/// The newest rights that are asked for; older kernels have what they know of them.
const NEWEST: ABI = ABI::V6;

/// What is left of the disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folders {
    /// What is read, with all beneath it.
    pub read: Vec<PathBuf>,
    /// What is read and changed, with all beneath it.
    pub change: Vec<PathBuf>,
}

/// What the kernel does, for as long as this is there.
#[derive(Debug)]
pub struct Kept {
    /// All of it; else what an older kernel can do.
    pub wholly: bool,
    _pinned: Vec<PathFd>,
}

/// Gives up all of the disk but these folders, and signals to other processes. What is not there is left out. Nothing can
/// be started any more.
///
/// # Errors
/// Why the kernel does not do it, in words; nothing has changed then.
pub fn keep_files(folders: &Folders) -> Result<Kept, String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let change = read
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::Refer
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::MakeSym
        | AccessFs::MakeSock
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir;
    // Where that cannot be granted, nothing could be moved from one folder to another.
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::SoftRequirement)
        .handle_access(AccessFs::Refer)
        .map_err(|error| words(&error))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))
        .map_err(|error| words(&error))?
        .scope(Scope::Signal)
        .map_err(|error| words(&error))?;
    let mut ruleset = ruleset.create().map_err(|error| words(&error))?;
    let mut pinned = Vec::new();
    for (paths, access) in [(&folders.read, read), (&folders.change, change)] {
        for path in paths {
            let (Ok(place), Ok(pin)) = (PathFd::new(path), PathFd::new(path)) else { continue };
            // Rules are for what is in memory: of some file systems, like that of processes, it must not leave it.
            pinned.push(pin);
            let access = if path.is_dir() { access } else { access & of_files() };
            ruleset = ruleset.add_rule(PathBeneath::new(place, access)).map_err(|error| words(&error))?;
        }
    }
    match ruleset.restrict_self().map_err(|error| words(&error))?.ruleset {
        RulesetStatus::FullyEnforced => Ok(Kept { wholly: true, _pinned: pinned }),
        RulesetStatus::PartiallyEnforced => Ok(Kept { wholly: false, _pinned: pinned }),
        RulesetStatus::NotEnforced => {
            Err("the kernel has no Landlock (Linux 5.19 or newer), or it is switched off".to_owned())
        }
    }
}

/// What can be said of a file.
fn of_files() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate
}
