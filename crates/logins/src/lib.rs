//! Users that others know: an LDAP directory, a web service, the system.
//!
//! What this crate is not: it remembers nobody. Each login asks anew.

mod http;
mod ldap;
mod pam;

use portolan_accounts::{Member, Source, SourceError};
use portolan_helpers::Pam;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

pub use http::HttpLogin;
pub use ldap::LdapLogin;
pub use pam::PamLogin;

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// A directory.
    Ldap(LdapLogin),
    /// A web service.
    Http(HttpLogin),
    /// The system.
    Pam(PamLogin),
}

impl Login {
    /// What asks; the system by way of `pam`.
    pub fn source(&self, pam: Option<&Pam>) -> Arc<dyn Source> {
        match self {
            Login::Ldap(login) => Arc::new(ldap::Ldap::new(login.clone())),
            Login::Http(login) => Arc::new(http::Service::new(login.clone())),
            Login::Pam(login) => Arc::new(pam::System::new(login.clone(), pam.cloned())),
        }
    }

    /// What its users have in common.
    pub fn member(&self) -> &Member {
        match self {
            Login::Ldap(login) => &login.member,
            Login::Http(login) => &login.member,
            Login::Pam(login) => &login.member,
        }
    }
}

/// Room for questions: for those at a login, and for those about who is logged in, which can be many at once and keep
/// nobody from logging in.
#[derive(Debug)]
struct Rooms {
    check: Semaphore,
    find: Semaphore,
}

/// How long somebody waits for room.
const PATIENCE: Duration = Duration::from_secs(10);

impl Rooms {
    fn new(questions: usize) -> Rooms {
        Rooms { check: Semaphore::new(questions), find: Semaphore::new(questions.div_ceil(4)) }
    }

    /// Room for a question, in the order in which those come who ask.
    async fn enter(room: &Semaphore) -> Result<SemaphorePermit<'_>, SourceError> {
        let entered = tokio::time::timeout(PATIENCE, room.acquire()).await;
        entered.ok().and_then(Result::ok).ok_or_else(|| SourceError("too many wait for an answer".to_owned()))
    }
}

/// A text that nobody is to read in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// What somebody has, and what they have in common with others where they have not their own.
fn with_common(own: Member, common: &Member) -> Member {
    let mut member = own;
    let more = common.groups.iter().filter(|name| !member.groups.contains(name)).cloned();
    let more: Vec<String> = more.collect();
    member.groups.extend(more);
    let profile = &mut member.profile;
    for mount in &common.profile.mounts {
        if profile.mounts.iter().all(|own| own.at != mount.at) {
            profile.mounts.push(mount.clone());
        }
    }
    let own: Vec<&str> = profile.texts().iter().map(|(key, _)| *key).collect();
    for (key, text) in common.profile.texts().into_iter().filter(|(key, _)| !own.contains(key)) {
        // It was written by the same table.
        let _ = profile.set(key, &text);
    }
    member
}
