//! The server-PI: one [`Session`] for each control connection.
//!
//! The owner of a session calls [`Session::handle_input`] once for whatever happened, then
//! [`Session::poll_output`] until it says [`Output::Wait`]. At most one [`Effect`] is in flight; its
//! [`Outcome`] comes back as [`Input::Finished`].
//!
//! ```text
//!            ┌────────┐ command ┌─────────┐ outcome
//!       ┌───►│  Idle  │────────►│ Waiting │────────┐ final reply
//!       │    └────────┘         └─────────┘        │
//!       │        │ RETR, STOR, LIST …              │
//!       │        ▼                                 ▼
//!       │    Opening ──150──► Connecting ──────► Moving
//!       └────────┴── 550 ────────┴── 425 ───────────┴── 226, 426, 451
//! ```
//!
//! While a session connects and moves, `STAT`, `NOOP` and `ABOR` are taken; every other line waits
//! its turn, and when the line buffer is full the control connection is not read.

mod data;
mod device;
mod effect;
mod login;
pub mod replies;
mod security;
mod session;
mod settings;
mod transfer;
mod verb;
mod verbs;

pub use device::{Device, Quirks};
pub use effect::{
    Effect, Ending, Failure, Input, Listing, Open, Outcome, Output, Proof, Protection, Storage, Target,
    Terms, Whose,
};
pub use session::{Connection, Session};
pub use settings::{Host, Limits, Settings, TlsPolicy, VirtualHost};
pub use verbs::{Entry, VERBS, When};
