//! The lock of the server, and how it is kept over a new start.

use portolan_admin::Locked;
use portolan_config::Config;
use portolan_server::Lock;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// What is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    reason: String,
    /// Seconds since 1970.
    until: Option<u64>,
}

/// Where the lock is kept.
pub(super) struct Keeper(Option<PathBuf>);

impl Keeper {
    pub(super) fn of(config: &Config) -> Keeper {
        Keeper(config.state.as_ref().map(|state| state.join("lock.json")))
    }

    /// The lock that was kept, if it still lasts. One that cannot be read lasts: somebody wanted one.
    pub(super) fn kept(&self) -> Option<Lock> {
        let text = std::fs::read_to_string(self.0.as_ref()?).ok()?;
        let Ok(kept) = serde_json::from_str::<Kept>(&text) else {
            return Some(Lock { reason: String::new(), until: None });
        };
        let now = now();
        let until = kept.until.map(|until| Instant::now() + Duration::from_secs(until.saturating_sub(now)));
        let lock = Lock { reason: one_line(&kept.reason), until };
        lock.is_on().then_some(lock)
    }

    /// Keeps a lock; gives it.
    pub(super) fn keep(&self, locked: &Locked) -> io::Result<Lock> {
        let seconds = locked.seconds.map(|seconds| seconds.min(SECONDS_MAX));
        let kept = Kept {
            reason: one_line(&locked.reason),
            until: seconds.map(|seconds| now().saturating_add(seconds)),
        };
        if let Some(file) = &self.0 {
            file.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            std::fs::write(file, serde_json::to_string(&kept)?)?;
        }
        Ok(Lock {
            reason: kept.reason,
            until: seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds)),
        })
    }

    /// Forgets it.
    pub(super) fn forget(&self) -> io::Result<()> {
        match self.0.as_ref().map_or(Ok(()), std::fs::remove_file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }
}

/// Ten years; nobody waits for longer.
const SECONDS_MAX: u64 = 10 * 365 * 24 * 60 * 60;

/// The text as part of a reply.
fn one_line(text: &str) -> String {
    text.split(char::is_control).collect::<Vec<_>>().join(" ").trim().chars().take(200).collect()
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}
