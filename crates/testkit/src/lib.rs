//! What the tests are made of: a simulated world for one session, transcripts that run in it,
//! launchers for the real program, and networks of namespaces.
//!
//! For tests only: a step that cannot be done is a failed test, so functions here panic freely.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

pub mod authority;
pub mod debian;
pub mod enclosure;
pub mod inside;
pub mod launch;
pub mod network;
pub mod peers;
pub mod postgres;
pub mod proxies;
pub mod transcript;
pub mod world;
