//! An upload.

use crate::Receipt;
use crate::connection::Link;
use crate::data::Data;
use crate::error::{Error, Result};
use crate::kernel;
use crate::moving::Moving;
use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// How long is waited for the end of TLS once the server has said that it has everything.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// An upload, to be written and then [finished](Self::finish). Dropping it before gives it up, so that the server notices
/// that it is not whole.
pub struct Upload(Moving);

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

impl Upload {
    pub(crate) fn new(link: Link, data: Data) -> Upload {
        let mut data = data;
        data.begin_upload();
        Upload(Moving::new(link, data))
    }

    /// Bytes that were written so far. Not all of them have to have left.
    pub fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    /// True where [`send`](Self::send) can be used.
    pub(crate) fn is_bare(&self) -> bool {
        self.0.is_bare()
    }

    /// Sends bytes of a file, from `at` on and not beyond `end`: how many. None at the end of the file.
    pub(crate) async fn send(&mut self, file: &File, at: u64, end: u64) -> io::Result<usize> {
        let act = |data: Pin<&mut Data>, cx: &mut Context<'_>| match data.bare() {
            Some(stream) => kernel::poll_send(stream, file, at, end, cx),
            None => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        };
        let sent = poll_fn(|cx| self.0.poll_data(cx, act)).await?;
        sent.ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    /// Says that this is all, and waits for the server's last word on it.
    ///
    /// # Errors
    /// When the server did not take it all, or says nothing: see [`Error::is_lost_end`].
    pub async fn finish(mut self) -> Result<Receipt> {
        if let Err(error) = self.shutdown().await {
            return Err(self.error(&error));
        }
        let data = self.0.end().filter(|data| data.resumed().is_some());
        let Some(mut data) = data else { return self.0.receipt().await };
        // What TLS says after the handshake has to be read. The system would else take back what it has not sent yet; and
        // there are tickets in it, without which the next data connection could not resume the session.
        let rest = async move {
            let mut buffer = [0; 4096];
            while matches!(data.read(&mut buffer).await, Ok(1..)) {}
        };
        tokio::pin!(rest);
        let receipt = self.0.receipt();
        tokio::pin!(receipt);
        tokio::select! {
            receipt = &mut receipt => {
                // Not all servers say that they end.
                let _ = tokio::time::timeout(LAST_WORDS, rest).await;
                receipt
            }
            () = &mut rest => receipt.await,
        }
    }

    /// The error behind one of writing.
    pub fn error(&self, error: &io::Error) -> Error {
        self.0.error(error)
    }
}

impl AsyncWrite for Upload {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(self.0.poll_data(cx, |data, cx| data.poll_write(cx, bytes)))?;
        Poll::Ready(written.ok_or_else(|| io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.0.poll_data(cx, |data, cx| data.poll_flush(cx).map_ok(|()| 0));
        Poll::Ready(ready!(flushed).map(|_| ()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = self.0.poll_data(cx, |data, cx| data.poll_shutdown(cx).map_ok(|()| 0));
        Poll::Ready(ready!(ended).map(|_| ()))
    }
}
