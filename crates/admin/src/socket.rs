//! The socket that commands come by.

use crate::command::Asked;
use crate::routes;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

/// The socket. Its name goes when it is dropped, unless somebody else has it by then.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    name: Name,
}

#[derive(Debug)]
struct Name {
    path: PathBuf,
    /// What the name stood for.
    identity: Option<(u64, u64)>,
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Makes the socket, for its owner alone. `replace`: in place of one that answers.
///
/// # Errors
/// When another server answers there ([`io::ErrorKind::AddrInUse`]), or it cannot be made.
pub async fn bind(path: &Path, replace: bool) -> io::Result<Socket> {
    if !replace && UnixStream::connect(path).await.is_ok() {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    // Until it is nobody else's, it has another name.
    let new = path.with_extension(format!("{}.new", std::process::id()));
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&new)?;
    std::fs::set_permissions(&new, PermissionsExt::from_mode(0o600))?;
    std::fs::rename(&new, path)?;
    Ok(Socket { listener, name: Name { path: path.to_owned(), identity: identity(path) } })
}

impl Socket {
    /// Takes commands until nobody is there any more to whom they go; who waits then still gets the answer.
    pub async fn serve(self, commands: mpsc::Sender<Asked>) {
        let Socket { listener, name } = self;
        let over = commands.clone();
        let served = axum::serve(listener, routes::router(commands))
            .with_graceful_shutdown(async move { over.closed().await });
        if let Err(error) = served.await {
            tracing::error!(%error, "no commands are taken any more");
        }
        drop(name);
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
