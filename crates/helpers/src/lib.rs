//! Processes beside the server that may do what it gives up at its start.
//!
//! A server that confines itself can start nothing any more, not even the one that comes after it. So there is a process
//! from before that, which starts a few programs, all of which are named at its own start. Another one, which stays root,
//! asks PAM.
//!
//! What this crate is not: it does not know what the programs are for, or what users may do.

mod door;
mod launcher;
mod message;
mod pam;

pub use launcher::{Allowed, Launcher, Program, Role, Started, launch};
pub use pam::{Answer, Pam, pam};
