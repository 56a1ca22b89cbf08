//! The tree of files that somebody sees who has logged in.

use portolan_accounts::Account;
use portolan_vfs::charset::Charset;
use portolan_vfs::{Mount, Mounts, Vfs};
use portolan_vfs_local::{Local, Uploads};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// How folders are opened, whosever they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening {
    pub(crate) uploads: Uploads,
    pub(crate) charset: Option<&'static encoding_rs::Encoding>,
}

/// Opens the folders of an account, and makes those that are to be made.
///
/// # Errors
/// When one of them is not there: what lies behind it must not come to light, with other rights. The message says
/// which.
pub(crate) async fn open(account: &Account, opening: Opening) -> io::Result<Arc<dyn Vfs>> {
    let mut mounts = Vec::with_capacity(account.mounts.len());
    for mount in &account.mounts {
        let storage = match Local::open(&mount.folder, opening.uploads).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound && mount.make => {
                make(&mount.folder).await?;
                Local::open(&mount.folder, opening.uploads).await
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
    Ok(match opening.charset {
        Some(encoding) => Arc::new(Charset::new(tree, encoding)),
        None => Arc::new(tree),
    })
}

async fn make(folder: &Path) -> io::Result<()> {
    tracing::info!(folder = %folder.display(), "made for its user");
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || std::fs::create_dir_all(folder)).await?
}
