//! Receiving.

mod plain;
mod protected;

use super::{After, BUFFER, Failure, Progress, Sink, finish, readable};
use crate::stream::Stream;
use crate::tls::{Read, Session};
use rustix::buffer::spare_capacity;
use rustix::net::RecvFlags;
use std::fs::File;
use std::io;
use std::sync::Arc;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Bytes of the first readings.
const FIRST: usize = 32 << 10;

/// Receives into a file, at its cursor, until the peer ends.
///
/// # Errors
/// See [`Failure`]; the error of storage is that of the file. The end of a protected connection that the
/// peer did not announce is one of the connection.
pub async fn receive_file(
    stream: &mut Stream,
    file: &Arc<File>,
    progress: &Progress,
) -> Result<(), Failure<io::Error>> {
    match stream.tls.take() {
        None => plain::receive(stream, file, progress).await,
        Some(session) => {
            protected::receive(stream, session, file, progress).await?;
            end_in_answer(stream).await;
            Ok(())
        }
    }
}

/// Receives the next bytes of a transfer into `buffer`, which has room for as many as are worth it; true at the end of
/// the data, which may come with the last of them.
///
/// # Errors
/// See [`receive_file`]. What came before the error is in the buffer.
pub async fn receive_some<E>(
    stream: &mut Stream,
    buffer: &mut Vec<u8>,
    progress: &Progress,
) -> Result<bool, Failure<E>> {
    let socket = stream.watch().map_err(Failure::Connection)?;
    if stream.tls.is_some() || !progress.is_free() {
        return Ok(false);
    }
    buffer.reserve(FIRST);
    while buffer.is_empty() {
        readable(&socket, progress).await?;
        loop {
            let read = || Ok(rustix::net::recv(&socket, spare_capacity(buffer), RecvFlags::DONTWAIT)?.0);
            match socket.try_io(Interest::READABLE, read) {
                Ok(0) => return Ok(true),
                Ok(count) => progress.add(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(Failure::Connection(error)),
            }
            if buffer.len() >= FIRST {
                return Ok(false);
            }
        }
    }
    Ok(false)
}

/// Receives into a sink until the peer ends, or until the sink has all. Only in the second case there is something to keep.
///
/// # Errors
/// See [`receive_file`].
pub async fn receive<E>(
    stream: &mut Stream,
    sink: &mut dyn Sink<E>,
    after: After,
    progress: &Progress,
) -> Result<(), Failure<E>> {
    let socket = stream.watch().map_err(Failure::Connection)?;
    let mut buffer = Vec::new();
    loop {
        if progress.is_stopped() {
            return Err(Failure::Stopped);
        }
        if !stream.tls.as_ref().is_some_and(|session| session.has_early()) {
            readable(&socket, progress).await?;
        }
        let most = BUFFER.min(progress.allowance().await?);
        match read_some(&socket, stream.tls.as_deref_mut(), &mut buffer, most).map_err(Failure::Connection)? {
            Read::Ended => break,
            Read::Nothing => {}
            Read::Some => {
                progress.add(buffer.len());
                match (sink.take(&buffer).await.map_err(Failure::Storage)?, after) {
                    (true, After::Keep) => return Ok(()),
                    (true, After::End) => break,
                    (false, _) => {}
                }
            }
        }
    }
    end_in_answer(stream).await;
    Ok(())
}

/// Reads what is there, about so much at most, into `buffer` in place of what it had.
fn read_some(
    socket: &TcpStream,
    tls: Option<&mut Session>,
    buffer: &mut Vec<u8>,
    most: usize,
) -> io::Result<Read> {
    if let Some(session) = tls {
        buffer.clear();
        return session.read(socket, most, |bytes| {
            buffer.extend_from_slice(bytes);
            Ok(())
        });
    }
    buffer.resize(most, 0);
    match socket.try_read(buffer) {
        Ok(0) => Ok(Read::Ended),
        Ok(read) => {
            buffer.truncate(read);
            Ok(Read::Some)
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Read::Nothing),
        Err(error) => Err(error),
    }
}

/// The peer has said its end: says ours, which some clients wait for. The data is whole already, so
/// that nothing depends on it.
async fn end_in_answer(stream: &mut Stream) {
    if stream.tls.is_some() {
        let never_stopped = Progress::default();
        let goodbye = finish::<()>(stream, &never_stopped);
        let _ = tokio::time::timeout(super::LINGER, goodbye).await;
    }
}
