//! Bytes that the kernel moves between a socket and a file, without this process looking at them.

use rustix::fs::sendfile;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::task::{Context, Poll, ready};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Bytes that are moved at a time.
const MOST: usize = 1 << 20;

/// What lies between a socket and a file: the kernel moves bytes to and from pipes only.
pub(crate) struct Pipe {
    out: OwnedFd,
    into: OwnedFd,
}

impl Pipe {
    pub(crate) fn new() -> io::Result<Pipe> {
        let (out, into) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // Who may have no larger one takes more turns.
        let _ = fcntl_setpipe_size(&into, MOST);
        Ok(Pipe { out, into })
    }

    /// Takes what is there from a socket; none at its end.
    pub(crate) fn poll_fill(&self, stream: &TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        let fill = || Ok(splice(stream, None, &self.into, None, MOST, flags)?);
        loop {
            ready!(stream.poll_read_ready(cx))?;
            match stream.try_io(Interest::READABLE, fill) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                filled => return Poll::Ready(filled),
            }
        }
    }

    /// Puts so many bytes, which are in it, into a file.
    pub(crate) fn empty(&self, file: &File, at: u64, count: usize) -> io::Result<()> {
        let mut done = 0;
        while done < count {
            let mut place = at + done as u64;
            match splice(&self.out, None, file, Some(&mut place), count - done, SpliceFlags::MOVE) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(moved) => done += moved,
                Err(Errno::INTR) => {}
                // There are file systems that know nothing of it.
                Err(Errno::INVAL | Errno::NOSYS) => {
                    let mut bytes = vec![0; (count - done).min(MOST)];
                    let read = rustix::io::read(&self.out, &mut bytes)?;
                    file.write_all_at(&bytes[..read], place)?;
                    done += read;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Sends bytes of a file from `at` on, not beyond `end`; none at the end of the file.
pub(crate) fn poll_send(
    stream: &TcpStream,
    file: &File,
    at: u64,
    end: u64,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let most = usize::try_from(end.saturating_sub(at)).unwrap_or(MOST).min(MOST);
    let send = || Ok(sendfile(stream, file, Some(&mut at.clone()), most)?);
    loop {
        ready!(stream.poll_write_ready(cx))?;
        match stream.try_io(Interest::WRITABLE, send) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            sent => return Poll::Ready(sent),
        }
    }
}
