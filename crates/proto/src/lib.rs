//! The conversation of FTP as machines without I/O: bytes and outcomes go in, replies and requests
//! come out, time is an argument.
//!
//! What this crate is not: it opens no socket and no file, spawns nothing, reads no clock. It
//! depends on `portolan-wire` alone, and a test holds it to that.

pub mod client;
pub mod server;
