//! An FTP client as a library.
//!
//! A [`Connection`] is one control connection, logged in. What it does can be asked for from several tasks at once; it is
//! done in the order in which it was asked for. A [`Download`] or [`Upload`] moves the bytes of one transfer and owns its
//! end: only [`Download::finish`] and [`Upload::finish`] say that everything went well, and dropping one of them gives the
//! transfer up.
//!
//! Both connections are watched all the time: an error that the server tells on the control connection ends the waiting
//! for data at once. Each phase has its time; see [`Options`].
//!
//! ```no_run
//! use portolan_client::{Client, Options, Retries, Url};
//!
//! # async fn example() -> portolan_client::Result<()> {
//! let url = Url::parse("ftp://ftp.example.org/pub/").map_err(|error| portolan_client::Error::Local(error.to_string()))?;
//! let client = Client::new(Options::new(url.host.clone()), None, Retries::default());
//! for entry in client.run(async |connection| connection.list(&url.path).await).await?.entries {
//!     println!("{} {:?}", String::from_utf8_lossy(&entry.name), entry.size);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What this crate is not: it has no global state, prints nothing, asks nobody, and reads no configuration. It knows
//! nothing of how the conversation goes; that is [`portolan_proto::client`].

mod client;
mod connection;
mod data;
mod dial;
mod digest;
mod download;
mod driver;
mod error;
mod event;
mod fetch;
mod files;
pub mod fxp;
mod kernel;
mod listing;
pub mod local;
pub mod mirror;
mod moving;
mod options;
pub mod proxy;
mod store;
pub mod tls;
mod upload;
mod url;

pub use client::{Client, Lease, Retries};
pub use connection::Connection;
pub use digest::Digest;
pub use download::Download;
pub use error::{Error, Result};
pub use event::{Event, Observer};
pub use fetch::{Fetching, Progress};
pub use files::{Facts, join};
pub use listing::{BYTES_MAX, ENTRIES_MAX, Listing};
pub use options::{Mode, Options};
pub use portolan_proto::client::{
    Credentials, Direction, Error as SessionError, Features, Host, Left, Patience, Phase, Place, Problem,
    Reason, Retry, Software, TlsPolicy, Way,
};
pub use proxy::Proxy;
pub use store::Storing;
pub use upload::Upload;
pub use url::{Url, UrlError};

/// How a transfer ended that went well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Bytes of data that moved.
    pub bytes: u64,
    /// How its data connection was had. Nothing where all was there already.
    pub way: Option<Way>,
    /// Ways that were tried before, and why they were left.
    pub left: Vec<Left>,
    /// Whether the data was protected, and whether its TLS session was that of the control connection.
    pub tls: Option<Resumed>,
    /// The server's last word.
    pub reply: portolan_wire::Received,
    /// False when a protected download ended without TLS saying so: whoever can cut the connection can have done it
    /// before its end, unless the size is right.
    pub clean_end: bool,
}

/// Whether a data connection's TLS session is that of its control connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// It is.
    Yes,
    /// It is one of its own.
    No,
}
