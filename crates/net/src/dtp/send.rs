//! Sending.

use super::{BURST, Failure, Progress, Source, finish, lost};
use rustix::io::{Errno, ReadWriteFlags};
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::sync::Arc;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Up to here a file is looked up in the page cache, and sent without another thread if it is there.
const SMALL: u64 = 64 << 10;

/// How sending went until the socket was full.
enum Sent {
    Full,
    All,
    /// The file is shorter than it was.
    Short,
}

/// Sends bytes of a file by `sendfile`, then ends the sending side.
///
/// # Errors
/// See [`Failure`]; the error of storage is that of the file, a file that got shorter among them.
pub async fn send_file(
    stream: &Arc<TcpStream>,
    file: &Arc<File>,
    mut range: Range<u64>,
    progress: &Progress,
) -> Result<(), Failure<io::Error>> {
    while !range.is_empty() {
        tokio::select! {
            biased;
            () = progress.stopped() => return Err(Failure::Stopped),
            ready = stream.writable() => ready.map_err(Failure::Connection)?,
        }
        let sent = if range.end - range.start <= SMALL && is_cached(file, &range) {
            burst(stream, file, &mut range, progress)
        } else {
            let (stream, file, progress) = (Arc::clone(stream), Arc::clone(file), progress.clone());
            let waiting = tokio::task::spawn_blocking(move || {
                let sent = burst(&stream, &file, &mut range, &progress);
                (sent, range)
            });
            let (sent, rest) = waiting.await.map_err(|_| lost())?;
            range = rest;
            sent
        };
        match sent? {
            Sent::Full => {}
            Sent::All => break,
            Sent::Short => {
                let text = "the file got shorter while it was sent";
                return Err(Failure::Storage(io::Error::new(io::ErrorKind::UnexpectedEof, text)));
            }
        }
    }
    finish(stream);
    Ok(())
}

/// True when both ends of the range are in the page cache: so is then, for a small file, the rest.
fn is_cached(file: &File, range: &Range<u64>) -> bool {
    [range.start, range.end - 1].iter().all(|offset| {
        let mut byte = [0];
        rustix::io::preadv2(file, &mut [IoSliceMut::new(&mut byte)], *offset, ReadWriteFlags::NOWAIT) == Ok(1)
    })
}

/// Sends until the socket is full. It may wait for the disk, never for the network.
fn burst(
    stream: &TcpStream,
    file: &File,
    range: &mut Range<u64>,
    progress: &Progress,
) -> Result<Sent, Failure<io::Error>> {
    let mut left = BURST;
    while left > 0 && !progress.is_stopped() {
        let count = usize::try_from(range.end - range.start).unwrap_or(BURST).min(left);
        if count == 0 {
            return Ok(Sent::All);
        }
        let send =
            || rustix::fs::sendfile(stream, file, Some(&mut range.start), count).map_err(io::Error::from);
        match stream.try_io(Interest::WRITABLE, send) {
            Ok(0) => return Ok(Sent::Short),
            Ok(sent) => {
                progress.add(sent);
                left -= sent;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => {
                return Err(Failure::Storage(error));
            }
            Err(error) => return Err(Failure::Connection(error)),
        }
    }
    Ok(Sent::Full)
}

/// Sends what a source gives, then ends the sending side.
///
/// # Errors
/// See [`Failure`].
pub async fn send<E>(
    stream: &TcpStream,
    source: &mut dyn Source<E>,
    progress: &Progress,
) -> Result<(), Failure<E>> {
    loop {
        let bytes = tokio::select! {
            biased;
            () = progress.stopped() => return Err(Failure::Stopped),
            bytes = source.next_bytes() => bytes.map_err(Failure::Storage)?,
        };
        if bytes.is_empty() {
            finish(stream);
            return Ok(());
        }
        // Neither a cached file nor a fast peer makes us wait: others on this thread get their turn here.
        tokio::task::yield_now().await;
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            match stream.try_write(rest) {
                Ok(sent) => {
                    progress.add(sent);
                    rest = &rest[sent..];
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    tokio::select! {
                        biased;
                        () = progress.stopped() => return Err(Failure::Stopped),
                        ready = stream.writable() => ready.map_err(Failure::Connection)?,
                    }
                }
                Err(error) => return Err(Failure::Connection(error)),
            }
        }
    }
}
