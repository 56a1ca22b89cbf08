//! Why a proxy did not carry a connection.

use portolan_proto::client::Retry;
use std::io;

/// Why a proxy did not carry a connection. What it said is in it as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// It does not get there, at least now.
    #[error("it cannot connect: {0}")]
    Unreachable(String),
    /// It does not do that for anybody, or not for this user.
    #[error("it refuses: {0}")]
    Forbidden(String),
    /// It wants a login, or another one.
    #[error("it does not take the login: {0}")]
    Login(String),
    /// It does not speak what it should.
    #[error("it does not answer as such a proxy does: {0}")]
    Strange(String),
    /// The connection to it broke.
    #[error("the connection to it broke: {0}")]
    Broken(String),
    /// It said nothing in time.
    #[error("it says nothing")]
    Silent,
    /// This kind of proxy cannot be asked for that.
    #[error("{0}")]
    Unfit(&'static str),
}

impl Problem {
    /// What a second try could bring.
    pub fn retry(&self) -> Retry {
        match self {
            Problem::Unreachable(_) | Problem::Broken(_) | Problem::Silent => Retry::NewConnection,
            Problem::Forbidden(_) | Problem::Login(_) | Problem::Strange(_) | Problem::Unfit(_) => {
                Retry::Never
            }
        }
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Problem {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Problem::Broken("it was closed".to_owned()),
            _ => Problem::Broken(error.to_string()),
        }
    }
}
