//! Sending.

mod plain;
mod protected;

use super::cached::Cached;
use super::{After, Failure, Progress, Source, finish, flush, writable};
use crate::stream::Stream;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use tokio::net::TcpStream;

/// Up to here a file is looked up in the page cache, and sent without another thread if it is there.
const SMALL: u64 = 64 << 10;

/// How far sending went.
enum Sent {
    /// The turn is over.
    Some,
    /// The socket is full.
    Full,
    All,
}

/// Sends bytes of a file, by `sendfile` where nothing protects them, then ends the sending side.
///
/// # Errors
/// See [`Failure`]; the error of storage is that of the file, a file that got shorter among them.
pub async fn send_file(
    stream: &mut Stream,
    file: &Arc<File>,
    range: Range<u64>,
    progress: &Progress,
) -> Result<(), Failure<io::Error>> {
    let (mut range, cached) = (range, Cached::new(file));
    if progress.is_free()
        && let Some(bare) = stream.as_bare()
        && send_at_once(bare, &cached, &mut range, progress)?
    {
        return Ok(());
    }
    match stream.tls.take() {
        Some(session) => protected::send(stream, session, file, &cached, range, progress).await?,
        None => plain::send(stream, file, &cached, range, progress).await?,
    }
    finish(stream, progress).await
}

/// The failure of a file that ends too soon.
fn short() -> Failure<io::Error> {
    let text = "the file got shorter while it was sent";
    Failure::Storage(io::Error::new(io::ErrorKind::UnexpectedEof, text))
}

/// Sends a small file that is cached, all of it or as much as the socket takes; true when it is done. The end of the
/// connection, which follows, travels with the last bytes.
fn send_at_once(
    socket: &std::net::TcpStream,
    cached: &Cached<'_>,
    range: &mut Range<u64>,
    progress: &Progress,
) -> Result<bool, Failure<io::Error>> {
    let Some(count) = usize::try_from(range.end - range.start).ok().filter(|count| *count as u64 <= SMALL)
    else {
        return Ok(false);
    };
    let mut bytes = vec![0; count];
    if progress.is_stopped() || cached.read(&mut bytes, range.start) != Ok(count) {
        return Ok(false);
    }
    let sent = match rustix::net::send(socket, &bytes, SendFlags::MORE | SendFlags::NOSIGNAL) {
        Ok(sent) => sent,
        Err(Errno::AGAIN | Errno::INTR) => 0,
        Err(error) => return Err(Failure::Connection(error.into())),
    };
    progress.add(sent);
    range.start += sent as u64;
    // Who says something where there is nothing to say hears the end in the long way.
    Ok(range.is_empty()
        && !matches!(rustix::net::recv(socket, &mut [0; 1], RecvFlags::DONTWAIT), Ok((1.., _))))
}

/// Sends what a source gives, then ends the sending side, unless the connection is to be kept.
///
/// # Errors
/// See [`Failure`].
pub async fn send<E>(
    stream: &mut Stream,
    source: &mut dyn Source<E>,
    after: After,
    progress: &Progress,
) -> Result<(), Failure<E>> {
    let socket = stream.watch().map_err(Failure::Connection)?;
    loop {
        let bytes = tokio::select! {
            biased;
            () = progress.stopped() => return Err(Failure::Stopped),
            bytes = source.next_bytes() => bytes.map_err(Failure::Storage)?,
        };
        if bytes.is_empty() {
            return match after {
                After::End => finish(stream, progress).await,
                After::Keep => Ok(()),
            };
        }
        // Neither a cached file nor a fast peer makes us wait: others on this thread get their turn here.
        tokio::task::yield_now().await;
        match &mut stream.tls {
            None => send_bytes(&socket, &bytes, progress).await?,
            Some(session) => {
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let (now, later) = rest.split_at(progress.allowance().await?.min(rest.len()));
                    session.seal(now).map_err(Failure::Connection)?;
                    flush(&socket, session, progress, &mut now.len()).await?;
                    rest = later;
                }
            }
        }
    }
}

async fn send_bytes<E>(socket: &TcpStream, mut rest: &[u8], progress: &Progress) -> Result<(), Failure<E>> {
    while !rest.is_empty() {
        let allowed = progress.allowance().await?.min(rest.len());
        match socket.try_write(&rest[..allowed]) {
            Ok(sent) => {
                progress.add(sent);
                rest = &rest[sent..];
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => writable(socket, progress).await?,
            Err(error) => return Err(Failure::Connection(error)),
        }
    }
    Ok(())
}
