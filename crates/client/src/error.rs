//! What can go wrong.

use crate::proxy::{self, Proxy};
use portolan_proto::client::{Error as SessionError, Problem, Retry};
use std::io;

/// The result of what this crate does.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong. Messages say what it was about.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name of the server leads to no address.
    #[error("{host}: {why}")]
    Name {
        /// The name.
        host: String,
        /// What the resolver said.
        why: String,
    },
    /// No connection to the server.
    #[error("{host} port {port}: {why}")]
    Connect {
        /// The server.
        host: String,
        /// Its port.
        port: u16,
        /// What the system said.
        why: String,
    },
    /// A proxy does not carry a connection to the server.
    #[error("the proxy {proxy}: {problem}")]
    Proxy {
        /// The proxy.
        proxy: Box<Proxy>,
        /// Why not.
        problem: proxy::Problem,
    },
    /// The conversation failed.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The certificate of the server is not one that is trusted.
    #[error("{0}")]
    Untrusted(crate::tls::Untrusted),
    /// TLS cannot be set up on this side.
    #[error("TLS: {0}")]
    Tls(String),
    /// A transfer failed whose data connection did not resume the TLS session of the control connection, since the server
    /// had given no ticket for it. That may be why; TLS 1.2 needs none.
    #[error("{0} (the data connection did not resume the TLS session: there was no ticket left)")]
    NotResumed(Box<Error>),
    /// Data stood still for too long.
    #[error("no data for {0} s")]
    Stalled(u64),
    /// A protected transfer was cut off before its end.
    #[error("the data ended before TLS said so; it may not be whole")]
    Truncated,
    /// The part of a file that was transferred before is not of this one.
    #[error("what was transferred before is not of this file; it is transferred anew")]
    Changed,
    /// More came than there was to come, or less.
    #[error("{got} bytes came of {wanted}")]
    WrongSize {
        /// Bytes that the server says the file has.
        wanted: u64,
        /// Bytes that came.
        got: u64,
    },
    /// What a reply should hold is not in it.
    #[error("{0}")]
    Strange(String),
    /// A name cannot be told to the server in its charset.
    #[error("{0}")]
    Charset(String),
    /// This side could not read or write.
    #[error("{0}")]
    Local(String),
}

impl Error {
    /// One of reading or writing here.
    pub(crate) fn local(error: &io::Error) -> Error {
        Error::Local(error.to_string())
    }

    /// True if the server was not reached, so that nothing can have come of it.
    pub(crate) fn is_before_server(&self) -> bool {
        matches!(self, Error::Connect { .. } | Error::Name { .. } | Error::Proxy { .. })
    }

    /// What a second try could bring.
    pub fn retry(&self) -> Retry {
        match self {
            Error::Session(error) => error.retry(),
            Error::NotResumed(_) => Retry::NewConnection,
            Error::Connect { .. } | Error::Stalled(_) | Error::Truncated => Retry::NewConnection,
            Error::Name { .. } => Retry::NewConnection,
            Error::Proxy { problem, .. } => problem.retry(),
            Error::Changed | Error::WrongSize { .. } => Retry::Same,
            Error::Untrusted(_) | Error::Tls(_) | Error::Strange(_) => Retry::Never,
            Error::Charset(_) | Error::Local(_) => Retry::Never,
        }
    }

    /// The number of the reply that said no, if one did.
    pub fn code(&self) -> Option<u16> {
        match self {
            Error::Session(error) => error.reply().map(|reply| reply.number),
            Error::NotResumed(error) => error.code(),
            _ => None,
        }
    }

    /// True when nobody can tell whether a transfer was completed: all was sent, and the final reply never came.
    pub fn is_lost_end(&self) -> bool {
        use portolan_proto::client::Phase;
        let Error::Session(error) = self else { return false };
        error.phase == Phase::End
            && matches!(error.problem, Problem::Silent | Problem::Closed | Problem::Broken(_))
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::other(error)
    }
}
