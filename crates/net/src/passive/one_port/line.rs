//! Listening to a connection without taking anything from it.

use crate::tls::Session;
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
                    _ if first == HELLO => Word::Hello,
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

const PEEK: RecvFlags = RecvFlags::PEEK.union(RecvFlags::DONTWAIT);

/// True when the end has come, and nothing before it.
pub(super) fn has_ended(socket: &TcpStream) -> bool {
    !matches!(
        rustix::net::recv(socket, &mut [0], PEEK),
        Ok((1, _)) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR)
    )
}
