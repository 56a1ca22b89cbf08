//! Others who know users: a directory, a web service.

use crate::Member;
use async_trait::async_trait;
use std::fmt;
use std::net::IpAddr;

/// Somebody else who knows users, and checks their passwords.
#[async_trait]
pub trait Source: fmt::Debug + Send + Sync {
    /// Where it is, for the log.
    fn place(&self) -> String;

    /// Checks a password, which is not empty, of somebody who comes from there. The name has no control characters.
    ///
    /// # Errors
    /// When it cannot be known; that is no fault of who wants to log in.
    async fn check(&self, name: &str, password: &str, from: IpAddr) -> Result<Verdict, SourceError>;

    /// Somebody who has logged in before, as they are now, if they still may.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    async fn find(&self, name: &str, from: IpAddr) -> Result<Option<Member>, SourceError>;
}

/// What comes of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is this user's password.
    Right(Box<Member>),
    /// It is not.
    Wrong,
    /// There is no such user there; others may know them.
    Unknown,
}

/// Why it cannot be known, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

/// A member as JSON: `groups`, `mounts` with `at`, `folder` and `rights`, and `settings` by their names.
///
/// # Errors
/// What is wrong with it.
pub fn parse_member(json: &str) -> Result<Member, String> {
    crate::store::parse_member(json)
}
