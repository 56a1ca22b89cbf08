//! FTP on the wire: bytes to typed messages and back.
//!
//! Everything here is a value or a pure function over bytes. Values cannot be invalid: constructors
//! check, and nothing has a `validate`. No function panics on any input.
//!
//! What this crate is not: it does no I/O, reads no clock and knows no async runtime. It does not
//! know what a command is *for*; that is `portolan-proto`.

pub mod address;
pub mod command;
pub mod data;
mod digits;
mod entry;
pub mod facts;
pub mod hash;
pub mod line;
pub mod list;
pub mod listing;
pub mod parameters;
pub mod passive;
pub mod path;
pub mod pattern;
pub mod permissions;
pub mod received;
pub mod reply;
pub mod time;
pub mod verb;

pub use address::{ExtendedAddress, HostPort, LongAddress};
pub use command::{Command, CommandError};
pub use entry::{Entry, Kind};
pub use line::{Frame, LineBuffer};
pub use path::VirtualPath;
pub use received::{Received, ReplyReader};
pub use reply::{Reply, ReplyCode};
pub use time::Timestamp;
pub use verb::Verb;
