//! What a server gives up at its start: another user's rights, capabilities, files and system calls that it does not need.
//! All of it counts for the thread that asks for it and those that it starts, so it is to be the only one.
//!
//! What this crate is not: it does not know what a server needs.

mod calls;
mod capabilities;
mod files;
mod identity;

pub use calls::refuse_calls;
pub use capabilities::{all_of, keep, keep_for_programs, names};
pub use files::{Folders, Kept, keep_files};
pub use identity::{Acting, Identity};
pub use rustix::thread::CapabilitySet;

/// Gives up to gain rights by starting programs that others own (`PR_SET_NO_NEW_PRIVS`).
///
/// # Errors
/// When the kernel does not know that.
pub fn gain_nothing() -> std::io::Result<()> {
    Ok(rustix::thread::set_no_new_privs(true)?)
}
