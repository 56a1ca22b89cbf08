//! How a running server is asked and told what to do: HTTP with JSON over a Unix socket that nobody but its owner can
//! open. The server's side and the command line's.
//!
//! What this crate is not: it does nothing of that itself. Commands go to whoever runs the server.

mod client;
mod command;
mod metrics;
mod routes;
mod socket;

pub use client::{CallError, call};
pub use command::{Answer, Asked, Command, Locked, Reply, Status};
pub use metrics::serve_metrics;
pub use socket::{Socket, bind};
