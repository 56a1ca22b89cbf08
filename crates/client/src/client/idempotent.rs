//! Changes that bear being done twice: what counts is how things are then, since the answer to a try may have been lost.

use super::Client;
use crate::error::Result;

impl Client {
    /// Makes a directory. That one is there already is as good: it may have been made by a try whose answer was lost.
    ///
    /// # Errors
    /// When there is none then.
    pub async fn have_directory(&self, path: &[u8]) -> Result<()> {
        self.run(async |connection| match connection.make_directory(path).await {
            Err(error) if error.code().is_some_and(|code| code >= 500) => {
                // If that is lost on the way, it is tried again.
                connection
                    .list(path)
                    .await
                    .map(|_| ())
                    .map_err(|own| if own.code().is_some() { error } else { own })
            }
            made => made,
        })
        .await
    }

    /// Makes a directory with all above it.
    ///
    /// # Errors
    /// As [`have_directory`](Self::have_directory).
    pub async fn have_directories(&self, path: &[u8]) -> Result<()> {
        let slashes = path.iter().enumerate().filter(|(at, byte)| **byte == b'/' && *at > 0);
        for above in slashes.map(|(at, _)| &path[..at]) {
            // What may not be made or seen may still be there; the last one says what counts.
            let made = self.run(async |connection| connection.make_directory(above).await).await;
            if let Err(error) = made
                && error.code().is_none()
            {
                return Err(error);
            }
        }
        self.have_directory(path).await
    }

    /// Deletes a file, or an empty directory. That it is gone already is as good after a try whose answer was lost.
    ///
    /// # Errors
    /// When it is still there then.
    pub async fn have_deleted(&self, path: &[u8], is_directory: bool) -> Result<()> {
        let mut tried = false;
        self.run(async |connection| {
            let deleted = match is_directory {
                true => connection.delete_directory(path).await,
                false => connection.delete(path).await,
            };
            match deleted {
                Err(error) if tried && error.code() == Some(550) => Ok(()),
                deleted => {
                    tried |= deleted.as_ref().is_err_and(|error| error.code().is_none());
                    deleted
                }
            }
        })
        .await
    }
}
