//! The tree of files that somebody sees who has logged in.

use crate::options::Options;
use portolan_accounts::Account;
use portolan_vfs::charset::Charset;
use portolan_vfs::{Mount, Mounts, Vfs};
use portolan_vfs_local::Local;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Opens the folders of an account, and makes those that are to be made.
///
/// # Errors
/// When one of them is not there: what lies behind it must not come to light, with other rights. The message says
/// which.
pub(crate) async fn open(account: &Account, options: &Options) -> io::Result<Arc<dyn Vfs>> {
    let mut mounts = Vec::with_capacity(account.mounts.len());
    for mount in &account.mounts {
        if let Some(secret) = options.secrets.iter().find(|secret| secret.starts_with(&mount.folder)) {
            let text =
                format!("{} has secrets of the server in it: {}", mount.folder.display(), secret.display());
            return Err(io::Error::other(text));
        }
        let storage = match Local::open(&mount.folder, options.uploads).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound && mount.make => {
                make(&mount.folder).await?;
                Local::open(&mount.folder, options.uploads).await
            }
            opened => opened,
        };
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", mount.folder.display()));
        mounts.push(Mount {
            at: mount.at.clone(),
            storage: Arc::new(storage.map_err(named)?),
            rights: mount.rights,
            subfolders: mount.subfolders,
        });
    }
    let tree = Mounts::new(mounts);
    Ok(match options.charset {
        Some(encoding) => Arc::new(Charset::new(tree, encoding)),
        None => Arc::new(tree),
    })
}

async fn make(folder: &Path) -> io::Result<()> {
    tracing::info!(folder = %folder.display(), "made for its user");
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || std::fs::create_dir_all(folder)).await?
}
