//! Sending a file over TLS.

use super::super::cached::Cached;
use super::super::turns::{Turn, Turns};
use super::super::{BUFFER, Failure, Progress, lost, try_flush, writable};
use super::{SMALL, Sent, short};
use crate::stream::Stream;
use crate::tls::Session;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use tokio::net::TcpStream;

/// What a burst of sending works with: it goes to a thread and comes back.
struct Sending {
    range: Range<u64>,
    session: Box<Session>,
    buffer: Vec<u8>,
    /// Bytes of content that are encrypted and not yet sent.
    owed: usize,
}

/// Sends with this session, and puts it into the stream.
pub(super) async fn send(
    stream: &mut Stream,
    session: Box<Session>,
    file: &Arc<File>,
    cached: &Cached<'_>,
    range: Range<u64>,
    progress: &Progress,
) -> Result<(), Failure<io::Error>> {
    let socket = stream.watch().map_err(Failure::Connection)?;
    let mut sending = Sending { range, session, buffer: Vec::new(), owed: 0 };
    let mut turns = Turns::new();
    while !sending.range.is_empty() || sending.owed > 0 {
        writable(&socket, progress).await?;
        let left = sending.range.end - sending.range.start;
        // To encrypt more is too much work for a thread that others wait for.
        let small = left <= SMALL && progress.is_free();
        let sent = if left == 0 || small && cached.ready(&sending.range) == left {
            sending.burst(&socket, file, progress, &Turn::short(BUFFER))
        } else {
            let turn = turns.next(progress).await?;
            let (socket, file, progress) = (Arc::clone(&socket), Arc::clone(file), progress.clone());
            let waiting = tokio::task::spawn_blocking(move || {
                let sent = sending.burst(&socket, &file, &progress, &turn);
                (sent, sending)
            });
            let (sent, back) = waiting.await.map_err(|_| lost())?;
            sending = back;
            sent
        };
        if matches!(sent?, Sent::All) {
            break;
        }
    }
    stream.tls = Some(sending.session);
    Ok(())
}

impl Sending {
    /// Reads, encrypts and sends until the socket is full. It may wait for the disk, never for the
    /// network.
    fn burst(
        &mut self,
        socket: &TcpStream,
        file: &File,
        progress: &Progress,
        turn: &Turn,
    ) -> Result<Sent, Failure<io::Error>> {
        let mut moved = 0;
        while !progress.is_stopped() {
            let turn_left = turn.left(moved);
            if turn_left == 0 {
                break;
            }
            let sent = try_flush(socket, &mut self.session, progress, &mut self.owed);
            if !sent.map_err(Failure::Connection)? {
                return Ok(Sent::Full);
            }
            let most = BUFFER.min(turn_left);
            let count = usize::try_from(self.range.end - self.range.start).unwrap_or(most).min(most);
            if count == 0 {
                return Ok(Sent::All);
            }
            if self.buffer.len() < count {
                self.buffer.resize(count, 0);
            }
            let read = file.read_at(&mut self.buffer[..count], self.range.start).map_err(Failure::Storage)?;
            if read == 0 {
                return Err(short());
            }
            self.session.seal(&self.buffer[..read]).map_err(Failure::Connection)?;
            self.owed += read;
            self.range.start += read as u64;
            moved += read;
        }
        Ok(Sent::Some)
    }
}
