//! Receiving.

use super::{BUFFER, BURST, Failure, Progress, Sink, lost};
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use tokio::net::TcpStream;

/// Receives into a file, at its cursor, until the peer ends.
///
/// # Errors
/// See [`Failure`]; the error of storage is that of the file.
pub async fn receive_file(
    stream: &Arc<TcpStream>,
    file: &Arc<File>,
    progress: &Progress,
) -> Result<(), Failure<io::Error>> {
    let mut buffer = Vec::new();
    loop {
        readable(stream, progress).await?;
        let (stream, file, progress) = (Arc::clone(stream), Arc::clone(file), progress.clone());
        let waiting = tokio::task::spawn_blocking(move || {
            buffer.resize(BUFFER, 0);
            let ended = burst(&stream, &file, &mut buffer, &progress);
            (ended, buffer)
        });
        let (ended, used) = waiting.await.map_err(|_| lost())?;
        if ended? {
            return Ok(());
        }
        buffer = used;
    }
}

/// Receives until the socket is empty; true at the end of the data. It may wait for the disk, never
/// for the network.
fn burst(
    stream: &TcpStream,
    mut file: &File,
    buffer: &mut [u8],
    progress: &Progress,
) -> Result<bool, Failure<io::Error>> {
    let mut left = BURST;
    while left > 0 && !progress.is_stopped() {
        match stream.try_read(buffer) {
            Ok(0) => return Ok(true),
            Ok(read) => {
                file.write_all(&buffer[..read]).map_err(Failure::Storage)?;
                progress.add(read);
                left = left.saturating_sub(read);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(Failure::Connection(error)),
        }
    }
    Ok(false)
}

/// Receives into a sink until the peer ends, or until the sink has all.
///
/// # Errors
/// See [`Failure`].
pub async fn receive<E>(
    stream: &TcpStream,
    sink: &mut dyn Sink<E>,
    progress: &Progress,
) -> Result<(), Failure<E>> {
    let mut buffer = vec![0; BUFFER];
    loop {
        readable(stream, progress).await?;
        match stream.try_read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => {
                progress.add(read);
                if sink.take(&buffer[..read]).await.map_err(Failure::Storage)? {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(Failure::Connection(error)),
        }
    }
}

async fn readable<E>(stream: &TcpStream, progress: &Progress) -> Result<(), Failure<E>> {
    tokio::select! {
        biased;
        () = progress.stopped() => Err(Failure::Stopped),
        ready = stream.readable() => ready.map_err(Failure::Connection),
    }
}
