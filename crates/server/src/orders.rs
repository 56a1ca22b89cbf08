//! What all sessions are told while the server runs.

use crate::options::Rules;
use std::sync::Arc;
use tokio::time::Instant;

/// What counts now.
#[derive(Debug, Clone)]
pub(crate) struct Orders {
    /// The rules.
    pub(crate) rules: Arc<Rules>,
    /// Counted up when the rules change, or accounts: what was looked up before may be otherwise now.
    pub(crate) edition: u64,
    /// Nobody new is taken in.
    pub(crate) lock: Option<Lock>,
    /// The server stops.
    pub(crate) stop: Option<Stop>,
}

/// While it lasts, nobody new is taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Why, in one line; it may be empty.
    pub reason: String,
    /// When it is over, if that is known.
    pub until: Option<Instant>,
}

impl Lock {
    /// True while it lasts.
    pub fn is_on(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }
}

/// How a server stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stop {
    /// Running transfers have until then.
    pub(crate) until: Instant,
    /// Another process takes the connections that come from now on.
    pub(crate) succeeded: bool,
}
