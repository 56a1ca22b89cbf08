//! What a server can be told, and what it answers.

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

/// What a server can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Say how it is.
    Status,
    /// Read the configuration again.
    Reload,
    /// Take nobody new in.
    Lock(Locked),
    /// Take people in again.
    Unlock,
    /// Take nobody new in, and stop when everybody has left, or after so many seconds.
    Drain {
        /// The seconds.
        seconds: u64,
    },
    /// Start anew without ending a transfer.
    Restart,
}

/// That nobody new is taken in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Locked {
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// For how many seconds yet, if that is known.
    pub seconds: Option<u64>,
}

/// A command, and where its answer goes.
#[derive(Debug)]
pub struct Asked {
    /// The command.
    pub command: Command,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Answer>,
}

/// What came of a command, or why nothing did.
pub type Answer = Result<Reply, String>;

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reply {
    /// How the server is.
    Status(Status),
    /// The configuration was read.
    Reloaded {
        /// Keys that have changed and count only after a new start.
        after_restart: Vec<String>,
    },
    /// This process goes on.
    Restarted {
        /// Its number.
        pid: u32,
    },
    /// It is done.
    Done {},
}

/// How a server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its version.
    pub version: String,
    /// The number of its process.
    pub pid: u32,
    /// For how many seconds it has run.
    pub seconds: u64,
    /// Where it listens.
    pub listen: Vec<String>,
    /// Sessions that there are.
    pub sessions: usize,
    /// While nobody new is taken in.
    pub locked: Option<Locked>,
}
