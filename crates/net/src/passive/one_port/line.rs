//! Listening to a connection without taking anything from it.

use crate::tls::Session;
use rustix::io::Errno;
use rustix::net::RecvFlags;
use std::io;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// A connection that is listened to.
pub(super) enum Line<'a> {
    /// As it is.
    Raw(&'a TcpStream),
    /// Within TLS.
    Protected(&'a TcpStream, &'a mut Session),
}

/// What the client does first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// It begins a TLS handshake.
    Hello,
    /// It sends something else.
    Something,
    /// It sends nothing, and closes its side.
    Ended,
}

/// How a TLS handshake begins: type and version of its first record (RFC 8446 §5.1).
const HELLO: [u8; 2] = [22, 3];

impl Line<'_> {
    /// Waits for what the client does first; all stays to be read.
    pub(super) async fn first_word(&mut self) -> io::Result<Word> {
        match self {
            Line::Raw(socket) => {
                let mut first = [0; HELLO.len()];
                let peek = || Ok(rustix::net::recv(&**socket, &mut first, PEEK)?.0);
                let count = socket.async_io(Interest::READABLE, peek).await?;
                Ok(match count {
                    0 => Word::Ended,
                    _ if first[..count] == HELLO[..count] => Word::Hello,
                    _ => Word::Something,
                })
            }
            Line::Protected(socket, session) => match session.hear(socket).await? {
                true => Ok(Word::Something),
                false => Ok(Word::Ended),
            },
        }
    }
}

impl Line<'_> {
    /// True when the client has neither sent anything nor closed its side, as far as is known here.
    pub(super) fn is_silent(&self) -> bool {
        match self {
            Line::Raw(socket) => matches!(peek_one(socket), Err(Errno::AGAIN | Errno::INTR)),
            Line::Protected(_, session) => !session.has_early(),
        }
    }
}

fn peek_one(socket: &TcpStream) -> Result<usize, Errno> {
    Ok(rustix::net::recv(socket, &mut [0], PEEK)?.0)
}

const PEEK: RecvFlags = RecvFlags::PEEK.union(RecvFlags::DONTWAIT);

/// True when the end has come, and nothing before it.
pub(super) fn has_ended(socket: &TcpStream) -> bool {
    !matches!(peek_one(socket), Ok(1) | Err(Errno::AGAIN | Errno::INTR))
}
