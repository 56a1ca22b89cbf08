//! Takes up files that have changed, while connections that there are go on with what they began with.

use crate::{Certificates, Shown, load, names};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(2);

/// What shows that a file has changed: when, how long, and which it is. `None` while it is not there.
type Stamp = Option<(i64, i64, u64, u64)>;

fn stamp(path: &Path) -> Stamp {
    // Links are followed: some tools renew certificates by pointing a link to another file.
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.mtime(), metadata.mtime_nsec(), metadata.len(), metadata.ino()))
}

/// Files that belong together, and what they looked like when they were taken up.
#[derive(Debug)]
pub struct Watched {
    files: Vec<PathBuf>,
    stamps: Vec<Stamp>,
}

impl Watched {
    /// These files, as they are now.
    pub fn new(files: Vec<PathBuf>) -> Watched {
        let stamps = files.iter().map(|file| stamp(file)).collect();
        Watched { files, stamps }
    }

    /// True when a file has changed since the last time.
    pub fn have_changed(&mut self) -> bool {
        let stamps: Vec<Stamp> = self.files.iter().map(|file| stamp(file)).collect();
        let changed = stamps != self.stamps;
        self.stamps = stamps;
        changed
    }
}

/// Takes up files when they change, for as long as it is polled. What is wrong with them is logged, and
/// what was there before stays in use.
pub async fn watch(certificates: Arc<Certificates>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let certificates = Arc::clone(&certificates);
        // The disk may be slow.
        let looked = tokio::task::spawn_blocking(move || certificates.look());
        if looked.await.is_err() {
            tracing::error!("the certificates could not be looked at");
        }
    }
}

impl Certificates {
    /// Takes up what has changed.
    fn look(&self) {
        let changed =
            |files: &Mutex<Watched>| files.lock().unwrap_or_else(PoisonError::into_inner).have_changed();
        for shown in self.shown.iter().filter(|shown| changed(&shown.files)) {
            shown.reload();
        }
        if changed(&self.client_files) {
            self.reload_clients();
        }
    }

    fn reload_clients(&self) {
        match self.clients.verifier() {
            Ok(verifier) => {
                *self.verifier.write().unwrap_or_else(PoisonError::into_inner) = verifier;
                tracing::info!("authorities and revocation lists for clients taken up");
            }
            Err(error) => {
                tracing::error!(%error, "what has changed for clients' certificates is not taken up");
            }
        }
    }
}

impl Shown {
    fn reload(&self) {
        let Some(source) = &self.host.source else { return };
        match load(source) {
            Ok(key) => {
                let fingerprint = key.cert.first().map(|der| names::fingerprint(der));
                *self.key.write().unwrap_or_else(PoisonError::into_inner) = Some(key);
                tracing::info!(hosts = ?self.host.names, fingerprint, "certificate taken up");
            }
            Err(error) => tracing::error!(%error, "the changed certificate is not taken up"),
        }
    }
}
