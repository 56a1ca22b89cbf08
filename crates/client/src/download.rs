//! A download.

use crate::Receipt;
use crate::connection::Link;
use crate::data::Data;
use crate::error::{Error, Result};
use crate::moving::Moving;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

/// A download, to be read to its end; [`finish`](Self::finish) says whether that was the end of the file. Dropping it before
/// gives it up.
pub struct Download(Moving);

impl std::fmt::Debug for Download {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Download").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

impl Download {
    pub(crate) fn new(link: Link, data: Data) -> Download {
        Download(Moving::new(link, data))
    }

    /// Bytes that were read so far.
    pub fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    /// Waits for the server's last word on it. It has to be read to its end before.
    ///
    /// # Errors
    /// When the server says that something went wrong, or says nothing, or there is more to read.
    pub async fn finish(mut self) -> Result<Receipt> {
        if !self.0.has_ended() {
            let mut more = [0; 1];
            match self.read(&mut more).await {
                Ok(0) => {}
                Ok(_) => return Err(Error::Strange("there is more to read".to_owned())),
                Err(error) => return Err(self.error(&error)),
            }
        }
        self.0.receipt().await
    }

    /// The error behind one of reading.
    pub fn error(&self, error: &io::Error) -> Error {
        self.0.error(error)
    }
}

impl AsyncRead for Download {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let read = self.0.poll_data(cx, |data, cx| {
            let before = buf.filled().len();
            ready!(data.poll_read(cx, buf))?;
            Poll::Ready(Ok(buf.filled().len() - before))
        });
        match ready!(read) {
            Ok(Some(0)) => {
                self.0.end();
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => self.0.end_abruptly(),
            Err(error) => return Poll::Ready(Err(error)),
            Ok(_) => {}
        }
        Poll::Ready(Ok(()))
    }
}
