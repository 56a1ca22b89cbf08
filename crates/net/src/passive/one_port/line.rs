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
            Line::Raw(socket) => socket.async_io(Interest::READABLE, || peek(socket)).await,
            Line::Protected(socket, session) => loop {
                match session.hear(socket) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => socket.readable().await?,
                    heard => return Ok(of_content(heard?)),
                }
            },
        }
    }

    /// What the client has done by now, if anything; an error counts as the end.
    pub(super) fn word_by_now(&mut self) -> Option<Word> {
        let word = match self {
            Line::Raw(socket) => peek(socket),
            Line::Protected(socket, session) => session.hear(socket).map(of_content),
        };
        match word {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            word => Some(word.unwrap_or(Word::Ended)),
        }
    }
}

fn of_content(some: bool) -> Word {
    if some { Word::Something } else { Word::Ended }
}

fn peek(socket: &TcpStream) -> io::Result<Word> {
    let mut first = [0; HELLO.len()];
    let (count, _) = rustix::net::recv(socket, &mut first, RecvFlags::PEEK | RecvFlags::DONTWAIT)?;
    Ok(match count {
        0 => Word::Ended,
        _ if first[..count] == HELLO[..count] => Word::Hello,
        _ => Word::Something,
    })
}
