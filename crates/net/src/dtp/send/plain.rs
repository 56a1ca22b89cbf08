//! Sending a file that nothing protects: the kernel moves it from the page cache to the socket.

use super::super::cached::Cached;
use super::super::patience::{InPlace, Peer};
use super::super::turns::{Turn, Turns};
use super::super::{Failure, Progress, lost, writable};
use super::{Sent, short};
use crate::stream::Stream;
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use tokio::io::Interest;

/// Bytes of one `sendfile`, and of the first in a turn. The end of each makes a packet of its own; in between nobody
/// looks whether to stop, nor at how fast the peer is.
const PIECE: usize = 8 << 20;
const FIRST: usize = 1 << 20;

pub(super) async fn send(
    stream: &mut Stream,
    file: &Arc<File>,
    cached: &Cached<'_>,
    mut range: Range<u64>,
    progress: &Progress,
) -> Result<(), Failure<io::Error>> {
    let (mut peer, mut turns) = (Peer::new(), Turns::new());
    while !range.is_empty() {
        if progress.is_stopped() {
            return Err(Failure::Stopped);
        }
        let sent = if let Some((turn, socket)) = peer.turn(stream, &mut turns, progress).await? {
            let (file, progress) = (Arc::clone(file), progress.clone());
            let waiting = tokio::task::spawn_blocking(move || {
                let sent = InPlace::new(&socket).map_err(Failure::Connection).and_then(|in_place| {
                    let send = |range: &mut Range<u64>, count| {
                        in_place.act(|socket| {
                            Ok(rustix::fs::sendfile(socket, &file, Some(&mut range.start), count)?)
                        })
                    };
                    burst(&mut range, &progress, &turn, send)
                });
                (sent, socket, range)
            });
            let (sent, socket, rest) = waiting.await.map_err(|_| lost())?;
            stream.put_bare(socket);
            range = rest;
            sent
        } else {
            let socket = stream.watch().map_err(Failure::Connection)?;
            writable(&socket, progress).await?;
            let (own_file, progress) = (Arc::clone(file), progress.clone());
            let send = move |range: &mut Range<u64>, count| {
                socket.try_io(Interest::WRITABLE, || {
                    let sent = rustix::fs::sendfile(&socket, &own_file, Some(&mut range.start), count);
                    sent.map_err(io::Error::from)
                })
            };
            // Who may not go as fast as possible has a turn for each little bit.
            let ready = if progress.is_free() { cached.ready(&range) } else { 0 };
            match usize::try_from(ready) {
                Ok(ready @ 1..) => burst(&mut range, &progress, &Turn::short(ready), send),
                _ => {
                    let turn = turns.next(&progress).await?;
                    let waiting = tokio::task::spawn_blocking(move || {
                        let sent = burst(&mut range, &progress, &turn, send);
                        (sent, range)
                    });
                    let (sent, rest) = waiting.await.map_err(|_| lost())?;
                    range = rest;
                    sent
                }
            }
        };
        match sent? {
            // Neither a cached file nor a fast peer makes us wait: others on this thread get their turn here.
            Sent::Some => tokio::task::yield_now().await,
            Sent::Full => peer.is_slow(progress.moved()),
            Sent::All => break,
        }
    }
    Ok(())
}

/// Sends until the turn is over or the socket is full.
fn burst(
    range: &mut Range<u64>,
    progress: &Progress,
    turn: &Turn,
    mut send: impl FnMut(&mut Range<u64>, usize) -> io::Result<usize>,
) -> Result<Sent, Failure<io::Error>> {
    let mut moved = 0;
    while !progress.is_stopped() {
        let left = turn.left(moved);
        if left == 0 {
            break;
        }
        let most = if moved == 0 { FIRST } else { PIECE };
        let count = usize::try_from(range.end - range.start).unwrap_or(most).min(left).min(most);
        if count == 0 {
            return Ok(Sent::All);
        }
        match send(range, count) {
            Ok(0) => return Err(short()),
            Ok(sent) => {
                progress.add(sent);
                moved += sent;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Sent::Full),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => {
                return Err(Failure::Storage(error));
            }
            Err(error) => return Err(Failure::Connection(error)),
        }
    }
    Ok(Sent::Some)
}
