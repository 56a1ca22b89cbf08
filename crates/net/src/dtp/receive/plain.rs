//! Receiving a file that nothing protects.

use super::super::patience::{InPlace, Peer};
use super::super::turns::{Turn, Turns};
use super::super::{BUFFER, Failure, Progress, lost, readable};
use crate::stream::Stream;
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;

/// How far receiving went.
enum Received {
    /// The turn is over.
    Some,
    /// Nothing is there now.
    Nothing,
    All,
}

pub(super) async fn receive(
    stream: &mut Stream,
    file: &Arc<File>,
    progress: &Progress,
) -> Result<(), Failure<io::Error>> {
    let (mut buffer, mut peer, mut turns) = (vec![0; BUFFER], Peer::new(), Turns::new());
    loop {
        if progress.is_stopped() {
            return Err(Failure::Stopped);
        }
        let received = if let Some((turn, socket)) = peer.turn(stream, &mut turns, progress).await? {
            let (file, progress) = (Arc::clone(file), progress.clone());
            let waiting = tokio::task::spawn_blocking(move || {
                let received = InPlace::new(&socket).map_err(Failure::Connection).and_then(|in_place| {
                    let receive = |buffer: &mut [u8]| in_place.act(|mut socket| socket.read(buffer));
                    burst(&file, &mut buffer, &progress, &turn, receive)
                });
                (received, socket, buffer)
            });
            let (received, socket, back) = waiting.await.map_err(|_| lost())?;
            stream.put_bare(socket);
            buffer = back;
            received
        } else {
            let socket = stream.watch().map_err(Failure::Connection)?;
            readable(&socket, progress).await?;
            let turn = turns.next(progress).await?;
            let (file, progress) = (Arc::clone(file), progress.clone());
            let waiting = tokio::task::spawn_blocking(move || {
                let received = burst(&file, &mut buffer, &progress, &turn, |buffer| socket.try_read(buffer));
                (received, buffer)
            });
            let (received, back) = waiting.await.map_err(|_| lost())?;
            buffer = back;
            received
        };
        match received? {
            Received::Some => {}
            Received::Nothing => peer.is_slow(progress.moved()),
            Received::All => return Ok(()),
        }
    }
}

/// Receives until the turn is over or the socket is empty. It may wait for the disk.
fn burst(
    mut file: &File,
    buffer: &mut [u8],
    progress: &Progress,
    turn: &Turn,
    mut receive: impl FnMut(&mut [u8]) -> io::Result<usize>,
) -> Result<Received, Failure<io::Error>> {
    let mut moved = 0;
    while !progress.is_stopped() {
        let left = turn.left(moved);
        if left == 0 {
            break;
        }
        let most = buffer.len().min(left);
        match receive(&mut buffer[..most]) {
            Ok(0) => return Ok(Received::All),
            Ok(read) => {
                file.write_all(&buffer[..read]).map_err(Failure::Storage)?;
                progress.add(read);
                moved += read;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Received::Nothing),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Failure::Connection(error)),
        }
    }
    Ok(Received::Some)
}
