//! Receiving a file over TLS.

use super::super::turns::{Turn, Turns};
use super::super::{BUFFER, Failure, Progress, lost, readable};
use crate::stream::Stream;
use crate::tls::{Read, Session};
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use tokio::net::TcpStream;

/// Receives with this session, and puts it into the stream.
pub(super) async fn receive(
    stream: &mut Stream,
    session: Box<Session>,
    file: &Arc<File>,
    progress: &Progress,
) -> Result<(), Failure<io::Error>> {
    let (socket, mut turns) = (stream.watch().map_err(Failure::Connection)?, Turns::new());
    let mut session = session;
    loop {
        if progress.is_stopped() {
            return Err(Failure::Stopped);
        }
        if !session.has_early() {
            readable(&socket, progress).await?;
        }
        let turn = turns.next(progress).await?;
        let (socket, file, progress) = (Arc::clone(&socket), Arc::clone(file), progress.clone());
        let waiting = tokio::task::spawn_blocking(move || {
            let ended = burst(&socket, &file, &mut session, &progress, &turn);
            (ended, session)
        });
        let (ended, back) = waiting.await.map_err(|_| lost())?;
        session = back;
        if ended? {
            stream.tls = Some(session);
            return Ok(());
        }
    }
}

/// Receives until the turn is over or the socket is empty; true at the end of the data. It may wait for the disk, never
/// for the network.
fn burst(
    socket: &TcpStream,
    mut file: &File,
    session: &mut Session,
    progress: &Progress,
    turn: &Turn,
) -> Result<bool, Failure<io::Error>> {
    let mut moved = 0;
    while !progress.is_stopped() {
        let left = turn.left(moved);
        if left == 0 {
            break;
        }
        let mut of_storage = None;
        let read = session.read(socket, BUFFER.min(left), |bytes| {
            if let Err(error) = file.write_all(bytes) {
                of_storage = Some(error);
                return Err(io::ErrorKind::Other.into());
            }
            progress.add(bytes.len());
            moved += bytes.len();
            Ok(())
        });
        match (read, of_storage) {
            (_, Some(error)) => return Err(Failure::Storage(error)),
            (Ok(Read::Some), None) => {}
            (Ok(Read::Nothing), None) => break,
            (Ok(Read::Ended), None) => return Ok(true),
            (Err(error), None) => return Err(Failure::Connection(error)),
        }
    }
    Ok(false)
}
