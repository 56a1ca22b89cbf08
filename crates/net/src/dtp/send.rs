//! Sending.

use super::{BUFFER, BURST, Failure, Progress, Source, finish_tls, flush, lost, try_flush, writable};
use crate::stream::Stream;
use crate::tls::Session;
use rustix::io::{Errno, ReadWriteFlags};
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::unix::fs::FileExt;
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

/// What a burst of sending works with: it goes to a thread and comes back.
struct Sending {
    range: Range<u64>,
    tls: Option<Protected>,
}

/// What a protected burst works with.
struct Protected {
    session: Box<Session>,
    buffer: Vec<u8>,
    /// Bytes of content that are encrypted and not yet sent.
    owed: usize,
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
    let tls = stream.tls.take().map(|session| Protected { session, buffer: Vec::new(), owed: 0 });
    let mut sending = Sending { range, tls };
    while !sending.is_over() {
        writable(&stream.socket, progress).await?;
        let range = &sending.range;
        let sent = if range.end - range.start <= SMALL && (range.is_empty() || is_cached(file, range)) {
            sending.burst(&stream.socket, file, progress)
        } else {
            let (socket, file, progress) = (Arc::clone(&stream.socket), Arc::clone(file), progress.clone());
            let waiting = tokio::task::spawn_blocking(move || {
                let sent = sending.burst(&socket, &file, &progress);
                (sent, sending)
            });
            let (sent, back) = waiting.await.map_err(|_| lost())?;
            sending = back;
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
    stream.tls = sending.tls.map(|tls| tls.session);
    finish_tls(stream, progress).await
}

impl Sending {
    fn is_over(&self) -> bool {
        self.range.is_empty() && self.tls.as_ref().is_none_or(|tls| tls.owed == 0)
    }

    fn burst(
        &mut self,
        socket: &TcpStream,
        file: &File,
        progress: &Progress,
    ) -> Result<Sent, Failure<io::Error>> {
        match &mut self.tls {
            None => burst(socket, file, &mut self.range, progress),
            Some(tls) => tls.burst(socket, file, &mut self.range, progress),
        }
    }
}

impl Protected {
    /// Reads, encrypts and sends until the socket is full. It may wait for the disk, never for the
    /// network.
    fn burst(
        &mut self,
        socket: &TcpStream,
        file: &File,
        range: &mut Range<u64>,
        progress: &Progress,
    ) -> Result<Sent, Failure<io::Error>> {
        let mut left = BURST;
        while left > 0 && !progress.is_stopped() {
            let sent = try_flush(socket, &mut self.session, progress, &mut self.owed);
            if !sent.map_err(Failure::Connection)? {
                break;
            }
            let count = usize::try_from(range.end - range.start).unwrap_or(BUFFER).min(BUFFER);
            if count == 0 {
                return Ok(Sent::All);
            }
            if self.buffer.len() < count {
                self.buffer.resize(count, 0);
            }
            let read = file.read_at(&mut self.buffer[..count], range.start).map_err(Failure::Storage)?;
            if read == 0 {
                return Ok(Sent::Short);
            }
            self.session.seal(&self.buffer[..read]).map_err(Failure::Connection)?;
            self.owed += read;
            range.start += read as u64;
            left = left.saturating_sub(read);
        }
        Ok(Sent::Full)
    }
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
    stream: &mut Stream,
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
            return finish_tls(stream, progress).await;
        }
        // Neither a cached file nor a fast peer makes us wait: others on this thread get their turn here.
        tokio::task::yield_now().await;
        match &mut stream.tls {
            None => send_bytes(&stream.socket, &bytes, progress).await?,
            Some(session) => {
                session.seal(&bytes).map_err(Failure::Connection)?;
                flush(&stream.socket, session, progress, &mut bytes.len()).await?;
            }
        }
    }
}

async fn send_bytes<E>(socket: &TcpStream, mut rest: &[u8], progress: &Progress) -> Result<(), Failure<E>> {
    while !rest.is_empty() {
        match socket.try_write(rest) {
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
