//! Users of the system.

use nix::unistd::{User, getgrouplist};
use rustix::process::{Gid, Uid};
use rustix::thread::{
    CapabilitySet, set_keep_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};
use serde::{Deserialize, Serialize};
use std::ffi::CString;
use std::io;
use std::path::PathBuf;

/// A user of the system, with all groups.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The name.
    pub name: String,
    /// The number.
    pub uid: u32,
    /// The first group.
    pub gid: u32,
    /// All groups.
    pub groups: Vec<u32>,
    /// The home folder.
    pub home: PathBuf,
}

impl Identity {
    /// Who has this name, if anybody has.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn find(name: &str) -> io::Result<Option<Identity>> {
        let Some(user) = User::from_name(name)? else { return Ok(None) };
        let groups = getgrouplist(&CString::new(name)?, user.gid)?;
        Ok(Some(Identity {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            groups: groups.into_iter().map(nix::unistd::Gid::as_raw).collect(),
            home: user.dir,
        }))
    }

    /// Makes this thread the user's, for good, with no more than these capabilities.
    ///
    /// # Errors
    /// When the system refuses a step of it; what was done is not undone, and the program has to end.
    pub fn become_for_good(&self, keep: CapabilitySet) -> io::Result<()> {
        // The groups first: those of before are the ones that are forgotten easily.
        set_thread_groups(&self.all_groups())?;
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        set_thread_res_gid(gid, gid, gid)?;
        set_keep_capabilities(true)?;
        set_thread_res_uid(uid, uid, uid)?;
        crate::keep(keep)?;
        set_keep_capabilities(false)?;
        let is_it = rustix::process::geteuid() == uid && rustix::process::getuid() == uid;
        let back = || set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT).is_ok();
        if !is_it || (self.uid != 0 && !keep.contains(CapabilitySet::SETUID) && back()) {
            return Err(io::Error::other("the way back is still open"));
        }
        Ok(())
    }

    /// Makes what this thread does to files the user's doing, until what it gives is dropped.
    ///
    /// # Errors
    /// When the system refuses it, as it does without `CAP_SETUID` and `CAP_SETGID`; all is as before then.
    pub fn act(&self) -> io::Result<Acting> {
        let groups = rustix::process::getgroups()?;
        set_thread_groups(&self.all_groups())?;
        // From here on, dropping it leads back.
        let own = Acting { uid: rustix::process::geteuid(), gid: rustix::process::getegid(), groups };
        set_thread_res_gid(None, Gid::from_raw(self.gid), None)?;
        set_thread_res_uid(None, Uid::from_raw(self.uid), None)?;
        Ok(own)
    }

    fn all_groups(&self) -> Vec<Gid> {
        self.groups.iter().copied().map(Gid::from_raw).collect()
    }
}

/// A thread that acts for a user.
#[derive(Debug)]
pub struct Acting {
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
}

impl Drop for Acting {
    fn drop(&mut self) {
        let back = set_thread_res_uid(None, self.uid, None)
            .and_then(|()| set_thread_res_gid(None, self.gid, None))
            .and_then(|()| set_thread_groups(&self.groups));
        if back.is_err() {
            // The next work of this thread would be done in somebody else's name.
            std::process::abort();
        }
    }
}
