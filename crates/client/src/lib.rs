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
//! One connection, and a transfer of each kind:
//!
//! ```
//! use portolan_client::{Connection, Options, Verb, Representation};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let server = portolan_testkit::inside::serve(folder.path());
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let mut options = Options::new("localhost");
//! options.port = 2121;
//! # options.port = server.port();
//! let connection = Connection::open(options).await?;
//!
//! let mut upload = connection.upload(Verb::Stor, Some(b"hello"), Representation::Image, 0).await?;
//! upload.write_all(b"Hello, world").await?;
//! // Only this says that the server has it.
//! let receipt = upload.finish().await?;
//! assert_eq!(receipt.bytes, 12);
//!
//! // From the eighth byte on.
//! let mut download = connection.download(Verb::Retr, Some(b"hello"), Representation::Image, 7).await?;
//! let mut text = String::new();
//! download.read_to_string(&mut text).await?;
//! println!("by {:?}", download.finish().await?.way);
//! assert_eq!(text, "world");
//!
//! for entry in connection.list(b"").await?.entries {
//!     println!("{} {:?}", String::from_utf8_lossy(&entry.name), entry.size);
//! }
//! connection.rename(b"hello", b"goodbye").await?;
//! connection.close().await;
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! A [`Client`] has as many connections as are worth it, tries again what failed for a while, and moves whole files and
//! trees:
//!
//! ```
//! use portolan_client::local::{Folder, Name};
//! use portolan_client::mirror::{Mirroring, Towards};
//! use portolan_client::{Client, Fetching, Options, Representation, Retries, Url};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (folder, own) = (tempfile::tempdir()?, tempfile::tempdir()?);
//! # std::fs::create_dir(folder.path().join("pub"))?;
//! # std::fs::write(folder.path().join("pub/README"), "read me")?;
//! # let server = portolan_testkit::inside::serve(folder.path());
//! # let own = own.path();
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let url = Url::parse("ftp://localhost/pub/")?;
//! let mut options = Options::new(url.host.clone());
//! # options.port = server.port();
//! let client = Client::new(options, None, Retries::default());
//!
//! // One file, which has its name only when it is whole.
//! let (here, name) = (Folder::open(own)?, Name::new(b"README").ok_or("no name")?);
//! let progress = |bytes, of| println!("{bytes} of {of:?}");
//! client.fetch(b"pub/README", &here, &name, None, Fetching::default(), &progress).await?;
//!
//! // A tree: first what would have to be done, then doing it.
//! let tree = own.join("pub");
//! let how = Mirroring {
//!     towards: Towards::Here,
//!     local: &tree,
//!     remote: &url.path,
//!     delete: false,
//!     newer: false,
//!     wanted: &|_, _| true,
//!     representation: Representation::Image,
//!     keep_times: true,
//! };
//! let plan = client.plan(&how).await?;
//! println!("{} things to do, {} bytes", plan.actions.len(), plan.bytes());
//! assert_eq!(client.apply(&plan, &how, &|_| ()).await?, 0);
//! assert_eq!(std::fs::read(tree.join("README"))?, b"read me");
//!
//! // Anything else, on one of its connections.
//! client.run(async |connection| connection.delete(b"pub/README").await).await?;
//! client.close().await;
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! What this crate is not: it has no global state, prints nothing, asks nobody, and reads no configuration. It knows
//! nothing of how the conversation goes; that is [`portolan_proto::client`].

mod active;
mod charset;
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
mod versions;
mod walk;
mod zone;

pub use active::ActiveAddress;
pub use charset::Charset;
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
pub use portolan_wire::Verb;
pub use portolan_wire::parameters::Representation;
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
