//! Transfers on their way over a data connection.

use crate::transfer::{Content, Download, Markers, Opened, Upload};
use portolan_events::{Direction, Transfer, text};
use portolan_net::Stream;
use portolan_net::dtp::{self, After, Progress};
use portolan_proto::server::{Failure, Outcome};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Readings until an upload is taken for a large one.
const SMALL: usize = 2;

type Moved = Result<(), dtp::Failure<Failure>>;

/// Moves the data, and puts an upload in its place. Gives how many bytes of the file that were, too, and the connection if
/// it is to be kept.
pub(crate) async fn run(
    opened: Opened,
    mut data: Stream,
    after: After,
    active: bool,
    progress: Progress,
    markers: Arc<Markers>,
) -> (Outcome, Transfer, u64, Option<Stream>) {
    let (begun, tls, binary) = (Instant::now(), data.protection(), opened.is_binary());
    let Opened { path, content } = opened;
    let counter = content.counter();
    let (done, direction) = match content {
        Content::Download(download) => {
            (send(download, &mut data, after, &progress).await, Direction::Download)
        }
        Content::Listing(mut source) => {
            (dtp::send(&mut data, &mut source, after, &progress).await, Direction::Listing)
        }
        Content::Upload(upload) => {
            (receive(upload, &mut data, after, &progress, markers).await, Direction::Upload)
        }
    };
    let file_bytes = counter.map_or_else(|| progress.moved(), |counter| counter.load(Ordering::Relaxed));
    let (bytes, seconds) = (progress.moved(), begun.elapsed().as_secs_f64());
    let (outcome, reason) = match done {
        Ok(()) => (Outcome::Moved { bytes }, None),
        Err(reason) => {
            data.break_off();
            tracing::debug!(%path, ?reason, "a transfer breaks off");
            let (outcome, reason) = match reason {
                dtp::Failure::Stopped => (Outcome::Cancelled, "stopped"),
                dtp::Failure::Connection(_) => (Outcome::Failed(Failure::Broken), "connection broken"),
                dtp::Failure::Storage(failure) => (Outcome::Failed(failure), word(failure)),
            };
            (outcome, Some(reason))
        }
    };
    let path = text(path.as_bytes());
    let kept = (after == After::Keep && reason.is_none()).then_some(data);
    (outcome, Transfer { direction, path, bytes, seconds, tls, active, binary, reason }, file_bytes, kept)
}

/// A failure of storage in a word or two.
fn word(failure: Failure) -> &'static str {
    match failure {
        Failure::NoSpace => "no space left",
        Failure::Quota => "quota used up",
        Failure::BadData => "malformed data",
        Failure::Expands => "expands too much",
        _ => "storage",
    }
}

async fn send(download: Download, data: &mut Stream, after: After, progress: &Progress) -> Moved {
    match download.plain() {
        Some((file, range)) => dtp::send_file(data, &file, range, progress).await.map_err(direct),
        None => dtp::send(data, &mut download.into_source(), after, progress).await,
    }
}

async fn receive(
    mut upload: Upload,
    data: &mut Stream,
    after: After,
    progress: &Progress,
    markers: Arc<Markers>,
) -> Moved {
    upload.set_markers(markers);
    let received = receive_into(&mut upload, data, after, progress).await;
    // A client that is killed ends both connections at once. The driver gets the chance to see it
    // before part of a file takes the place of the whole one; twice, since a fresh effect is looked at once before
    // anything else is.
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    match received {
        Ok(()) if progress.is_stopped() => {
            upload.keep().await;
            Err(dtp::Failure::Stopped)
        }
        Ok(()) => upload.commit().await.map_err(dtp::Failure::Storage),
        Err(reason) => {
            upload.keep().await;
            Err(reason)
        }
    }
}

async fn receive_into(upload: &mut Upload, data: &mut Stream, after: After, progress: &Progress) -> Moved {
    upload.begin().await.map_err(dtp::Failure::Storage)?;
    match upload.plain() {
        Some(file) => {
            if receive_small(upload, data, progress).await? {
                return Ok(());
            }
            dtp::receive_file(data, &file, progress).await.map_err(direct)
        }
        None => dtp::receive(data, upload, after, progress).await,
    }
}

/// Receives a small file, or the beginning of a larger one; true at the end of the data. To hand it over to another
/// thread would take longer than to write it.
async fn receive_small(
    upload: &mut Upload,
    data: &mut Stream,
    progress: &Progress,
) -> Result<bool, dtp::Failure<Failure>> {
    let mut buffer = Vec::new();
    for _ in 0..SMALL {
        let received = dtp::receive_some(data, &mut buffer, progress).await;
        // What came before the connection broke, too.
        if !buffer.is_empty() {
            buffer = upload.take_plain(buffer).await.map_err(dtp::Failure::Storage)?;
            buffer.clear();
        }
        if received? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The failure of a file that the kernel works with directly.
fn direct(failed: dtp::Failure<io::Error>) -> dtp::Failure<Failure> {
    match failed {
        dtp::Failure::Connection(error) => dtp::Failure::Connection(error),
        dtp::Failure::Stopped => dtp::Failure::Stopped,
        dtp::Failure::Storage(error) => {
            tracing::warn!(%error, "file");
            let full = matches!(
                error.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
            );
            dtp::Failure::Storage(if full { Failure::NoSpace } else { Failure::Local })
        }
    }
}
