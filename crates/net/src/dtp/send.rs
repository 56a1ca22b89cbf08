//! Sending.

use super::{BUFFER, BURST, Failure, Progress, Source, finish_tls, flush, lost, try_flush, writable};
use crate::stream::Stream;
use crate::tls::Session;
use rustix::io::{Errno, ReadWriteFlags};
use rustix::net::{RecvFlags, SendFlags};
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Up to here a file is looked up in the page cache, and sent without another thread if it is there.
const SMALL: u64 = 64 << 10;

/// The number that `statfs` gives of tmpfs.
const TMPFS: rustix::fs::FsWord = 0x0102_1994;

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
    let mut range = range;
    if let Some(bare) = stream.as_bare()
        && send_at_once(bare, file, &mut range, progress)?
    {
        return Ok(());
    }
    let socket = stream.watch().map_err(Failure::Connection)?;
    let tls = stream.tls.take().map(|session| Protected { session, buffer: Vec::new(), owed: 0 });
    let mut sending = Sending { range, tls };
    while !sending.is_over() {
        writable(&socket, progress).await?;
        let range = &sending.range;
        let sent = if range.end - range.start <= SMALL && (range.is_empty() || is_cached(file, range)) {
            sending.burst(&socket, file, progress)
        } else {
            let (socket, file, progress) = (Arc::clone(&socket), Arc::clone(file), progress.clone());
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

/// Sends a small file that is cached, all of it or as much as the socket takes; true when it is done. The end of the
/// connection, which follows, travels with the last bytes.
fn send_at_once(
    socket: &std::net::TcpStream,
    file: &File,
    range: &mut Range<u64>,
    progress: &Progress,
) -> Result<bool, Failure<io::Error>> {
    let Some(count) = usize::try_from(range.end - range.start).ok().filter(|count| *count as u64 <= SMALL)
    else {
        return Ok(false);
    };
    let mut bytes = vec![0; count];
    if progress.is_stopped() || read_at_once(file, &mut bytes, range.start) != Ok(count) {
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
    [range.start, range.end - 1].iter().all(|offset| read_at_once(file, &mut [0], *offset) == Ok(1))
}

/// Reads what is in the page cache.
fn read_at_once(file: &File, bytes: &mut [u8], offset: u64) -> rustix::io::Result<usize> {
    match rustix::io::preadv2(file, &mut [IoSliceMut::new(bytes)], offset, ReadWriteFlags::NOWAIT) {
        // A file system in memory knows nothing of waiting.
        Err(Errno::OPNOTSUPP) if rustix::fs::fstatfs(file)?.f_type == TMPFS => {
            rustix::io::pread(file, bytes, offset)
        }
        read => read,
    }
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
    let socket = stream.watch().map_err(Failure::Connection)?;
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
            None => send_bytes(&socket, &bytes, progress).await?,
            Some(session) => {
                session.seal(&bytes).map_err(Failure::Connection)?;
                flush(&socket, session, progress, &mut bytes.len()).await?;
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
