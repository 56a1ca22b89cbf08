//! Why something was not done.

use portolan_wire::received::{Received, ReplyError};
use portolan_wire::{CommandError, Verb};

use super::way::Left;

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Waiting for the greeting.
    Greeting,
    /// Protecting the control connection.
    Tls,
    /// Logging in to an FTP proxy.
    Proxy,
    /// Logging in.
    Login,
    /// A command without data.
    Command,
    /// Getting a data connection.
    DataConnection,
    /// A transfer.
    Transfer,
    /// Waiting for the final reply after the data.
    End,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Phase::Greeting => "waiting for the greeting",
            Phase::Tls => "protecting the control connection",
            Phase::Proxy => "logging in to the proxy",
            Phase::Login => "logging in",
            Phase::Command => "a command",
            Phase::DataConnection => "opening the data connection",
            Phase::Transfer => "the transfer",
            Phase::End => "waiting for the end of the transfer",
        })
    }
}

/// What a second try could bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// The same may go well later, on this connection.
    Same,
    /// It may go well on another control connection; this one is of no use any more.
    NewConnection,
    /// It would fail again.
    Never,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The server said no.
    #[error("{0}")]
    Refused(Received),
    /// What it sends is no FTP.
    #[error("{0}")]
    Reply(#[from] ReplyError),
    /// It sent something that does not belong here.
    #[error("an answer that does not fit: {0}")]
    Unexpected(Received),
    /// It said nothing in time.
    #[error("no answer")]
    Silent,
    /// The control connection was closed.
    #[error("the control connection was closed")]
    Closed,
    /// The control connection broke.
    #[error("the control connection broke: {0}")]
    Broken(String),
    /// The server does not do TLS, or this side does not accept what it shows.
    #[error("no TLS: {0}")]
    Tls(String),
    /// Something came in the clear between `234` and TLS: somebody on the way has put it there (CVE-2011-0411).
    #[error("something was injected before TLS began")]
    Injected,
    /// The data connection broke, or this side gave it up.
    #[error("the data connection broke: {0}")]
    Data(String),
    /// No way led to a data connection.
    #[error("no data connection: {}", reasons(.0))]
    NoWay(Vec<Left>),
    /// A command would hold CR, LF or NUL.
    #[error("{0}")]
    Command(#[from] CommandError),
    /// This side gave it up, or the control connection with something else on it.
    #[error("given up")]
    Cancelled,
}

fn reasons(left: &[Left]) -> String {
    left.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What was being done.
    pub phase: Phase,
    /// The command that it was about, where there is one.
    pub verb: Option<Verb>,
    /// What went wrong.
    pub problem: Problem,
    /// True when the command that changes something or asks for data was never sent, so that nothing can have come of it.
    pub untouched: bool,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.verb {
            Some(verb) => write!(f, "{}: {}", verb.as_str(), self.problem),
            None => write!(f, "{}: {}", self.phase, self.problem),
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    /// What a second try could bring.
    pub fn retry(&self) -> Retry {
        match &self.problem {
            Problem::Refused(reply) => match reply.number {
                421 => Retry::NewConnection,
                // The disk is full, or more than is allowed.
                452 => Retry::Never,
                400..500 => Retry::Same,
                _ => Retry::Never,
            },
            Problem::Silent | Problem::Closed | Problem::Broken(_) | Problem::Data(_) => Retry::NewConnection,
            Problem::Unexpected(_) | Problem::NoWay(_) => Retry::NewConnection,
            // Who gave it up does not wait for it.
            Problem::Cancelled => Retry::NewConnection,
            Problem::Reply(_) | Problem::Tls(_) | Problem::Injected | Problem::Command(_) => Retry::Never,
        }
    }

    /// The reply that said no, if one did.
    pub fn reply(&self) -> Option<&Received> {
        match &self.problem {
            Problem::Refused(reply) | Problem::Unexpected(reply) => Some(reply),
            _ => None,
        }
    }
}
