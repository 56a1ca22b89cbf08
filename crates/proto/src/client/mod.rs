//! The user-PI: one [`Session`] for each control connection, logged in once and then given work.
//!
//! The owner of a session calls [`Session::handle_input`] once for whatever happened, then [`Session::poll_output`] until
//! it says [`Output::Wait`]. Work is given as [`Request`]s, each with a number of the owner's, and is answered in the
//! order given, each by one [`Output::Answered`].
//!
//! ```text
//!   greeting ─► AUTH TLS ─► USER, PASS ─► PBSZ, PROT ─► FEAT, OPTS UTF8 ─► Ready ◄─┐
//!                                                                            │     │ final reply
//!                    ┌──── another way ◄── refused, late ────┐      request  │     │ and end of data
//!                    ▼                                       │               ▼     │
//!        TYPE, EPSV │ PASV │ EPRT, PORT ─► data connection ──┴──► REST, RETR │ STOR │ MLSD …
//! ```
//!
//! Replies come in the order of the commands, except for those to `NOOP` during a transfer, which some servers answer at
//! once and others after it. What a session never does: touch a socket or the data; it says where to connect, and is told
//! how that went.

mod conversation;
mod error;
mod features;
mod login;
mod place;
mod session;
mod settings;
mod transfer;
mod way;

pub use error::{Error, Phase, Problem, Retry};
pub use features::{Features, Software};
pub use place::{Host, Place};
pub use session::{Answer, Input, Number, Output, Request, Session};
pub use settings::{Credentials, Gateway, Patience, Settings, TlsPolicy};
pub use transfer::{Completion, Direction, Order};
pub use way::{Left, Reason, Way, destination};
