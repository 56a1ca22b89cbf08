//! Looks whether something has changed that the server goes by.

use portolan_accounts::Store;
use portolan_certs::Watched;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);

/// What has changed.
pub(super) enum Change {
    /// The configuration file.
    File,
    /// Users or groups in the store.
    Accounts,
}

/// Tells of changes, as long as somebody listens.
pub(super) async fn watch(file: Option<PathBuf>, store: Option<Arc<Store>>, changes: mpsc::Sender<Change>) {
    let mut watched = Watched::new(file.into_iter().collect());
    let (mut written, mut edition) = (false, edition_of(store.as_deref()).await);
    while !changes.is_closed() {
        tokio::time::sleep(EVERY).await;
        let looked = tokio::task::spawn_blocking(move || {
            let changed = watched.have_changed();
            (watched, changed)
        });
        let Ok((again, changed)) = looked.await else { return };
        watched = again;
        // Who writes a file may not be ready yet: it counts once it stays as it is.
        if std::mem::replace(&mut written, changed) && !changed {
            let _ = changes.send(Change::File).await;
        }
        let now = edition_of(store.as_deref()).await;
        // A database that is away says nothing.
        if now.is_some() && now != edition {
            edition = now;
            let _ = changes.send(Change::Accounts).await;
        }
    }
}

async fn edition_of(store: Option<&Store>) -> Option<i64> {
    store?.edition().await.ok().flatten()
}
