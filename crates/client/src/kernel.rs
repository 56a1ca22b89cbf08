//! Bytes of a file that the kernel sends, without this process looking at them.
//!
//! The other way it is no gain: what is spliced from a socket into a file costs more than reading and writing it.

use rustix::fs::sendfile;
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::task::{Context, Poll, ready};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Bytes that are sent at a time.
const MOST: usize = 1 << 20;

/// Sends bytes of a file from `at` on, not beyond `end`; none at the end of the file, and where it cannot be sent so.
pub(crate) fn poll_send(
    stream: &TcpStream,
    file: &File,
    at: u64,
    end: u64,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let most = usize::try_from(end.saturating_sub(at)).unwrap_or(MOST).min(MOST);
    let send = || match sendfile(stream, file, Some(&mut at.clone()), most) {
        // It is the file that cannot be sent so, or be read: reading it will tell.
        Err(Errno::INVAL | Errno::NOSYS | Errno::IO) => Ok(0),
        sent => Ok(sent?),
    };
    loop {
        ready!(stream.poll_write_ready(cx))?;
        match stream.try_io(Interest::WRITABLE, send) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            sent => return Poll::Ready(sent),
        }
    }
}
