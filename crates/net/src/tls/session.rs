//! The records of one TLS connection, over a socket that does not block.
//!
//! It reads much at once and writes much at once, whatever the size of records is, and holds no
//! buffers while it is idle.

use super::buffer::Buffer;
use super::handshake::Note;
use super::side::{Content, RECORD, Side, Taken};
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::UnbufferedServerConnection;
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion, ServerConfig};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use tokio::net::TcpStream;

/// Bytes of one reading while the handshake runs, or where little is expected.
const LITTLE: usize = 4 << 10;

/// Bytes that a peer may send before a message of the handshake ends: certificates can be long.
const HANDSHAKE_MAX: usize = 64 << 10;

/// What a record may cost beyond its content (RFC 5246 §6.2.3).
const OVERHEAD_MAX: usize = 2048 + 5;

/// What reading gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// Some bytes, to the sink.
    Some,
    /// Nothing is there now.
    Nothing,
    /// The peer has said that it sends no more.
    Ended,
}

/// One TLS connection.
pub(crate) struct Session {
    connection: Side,
    incoming: Buffer,
    /// Records that wait to be sent.
    outgoing: Buffer,
    /// What came right behind the handshake.
    early: Buffer,
    ended: bool,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// The error of what TLS does not allow.
pub(super) fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

impl Session {
    /// The server's side of a new one.
    pub(super) fn new(config: Arc<ServerConfig>) -> Result<Session, rustls::Error> {
        Ok(Session::of(Side::Server(Box::new(UnbufferedServerConnection::new(config)?))))
    }

    /// The client's side of a new one.
    pub(super) fn to(config: Arc<ClientConfig>, name: ServerName<'static>) -> Result<Session, rustls::Error> {
        Ok(Session::of(Side::Client(Box::new(UnbufferedClientConnection::new(config, name)?))))
    }

    fn of(connection: Side) -> Session {
        Session {
            connection,
            incoming: Buffer::default(),
            outgoing: Buffer::default(),
            early: Buffer::default(),
            ended: false,
        }
    }

    pub(super) fn kind(&self) -> Option<HandshakeKind> {
        self.connection.handshake_kind()
    }

    /// What its handshake was, for the log.
    pub(crate) fn protection(&self) -> &'static str {
        if self.kind() == Some(HandshakeKind::Resumed) { "resumed" } else { "full" }
    }

    pub(super) fn certificate(&self) -> Option<CertificateDer<'static>> {
        Some(self.connection.peer_certificates()?.first()?.clone().into_owned())
    }

    pub(super) fn version(&self) -> &'static str {
        match self.connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "1.3",
            Some(ProtocolVersion::TLSv1_2) => "1.2",
            _ => "?",
        }
    }

    /// Runs the handshake to its end, and sends what belongs to it. The tickets of TLS 1.3 come after it;
    /// on one that may be for data they wait for the first bytes of this side, its end, or
    /// [`flush`](Self::flush). A client that uploads may read nothing and close: with unread tickets its
    /// system would throw away what it has not sent yet. The client's side has no note.
    pub(super) async fn shake_hands(&mut self, socket: &TcpStream, note: Option<&Note>) -> io::Result<()> {
        loop {
            let mut early = Buffer::default();
            let done = self.process(|bytes| {
                early.extend(bytes);
                Ok(())
            });
            self.early.extend(early.filled());
            // Set between the first flight and what follows it, on which tickets depend.
            if let Some(note) = note {
                note.set_kind(self.kind());
            }
            if let Err(error) = done {
                // The alert tells the peer what was wrong, if it can still be sent.
                let _ = self.try_flush(socket);
                return Err(error);
            }
            let done = !self.connection.is_handshaking();
            let only_tickets = done && self.connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
            if !(only_tickets && note.is_some_and(Note::is_for_data)) {
                self.flush(socket).await?;
            }
            if done {
                self.release();
                return Ok(());
            }
            // Some clients send the end of their handshake in two pieces, the second when the first is acknowledged:
            // that must not wait for something to be sent along. Where it cannot be set, it only takes longer.
            let _ = rustix::net::sockopt::set_tcp_quickack(socket, true);
            socket.readable().await?;
            match self.fill(socket, LITTLE) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
    }

    /// Reads from the socket what is there, up to `count` bytes and what is left over.
    fn fill(&mut self, socket: &TcpStream, count: usize) -> io::Result<usize> {
        let most = if self.connection.is_handshaking() { HANDSHAKE_MAX } else { RECORD + OVERHEAD_MAX };
        if self.incoming.filled().len() > most {
            return Err(io::Error::new(ErrorKind::InvalidData, "a TLS message without an end"));
        }
        let read = socket.try_read(self.incoming.room(count))?;
        self.incoming.add(read);
        Ok(read)
    }

    /// Reads once, up to `count` bytes of records, and gives their content to `sink` in pieces.
    ///
    /// # Errors
    /// Those of the sink and of the socket; [`ErrorKind::UnexpectedEof`] when the connection ended
    /// without the peer saying so.
    pub(crate) fn read(
        &mut self,
        socket: &TcpStream,
        count: usize,
        mut sink: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<Read> {
        if !self.early.is_empty() {
            sink(&self.early.take())?;
            return Ok(Read::Some);
        }
        if self.ended {
            return Ok(Read::Ended);
        }
        let filled = self.fill(socket, count);
        match filled {
            Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "TLS ended without close_notify")),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Read::Nothing),
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        let mut some = false;
        self.process(|bytes| {
            some = true;
            sink(bytes)
        })?;
        Ok(match (some, self.ended) {
            (true, _) => Read::Some,
            (false, true) => Read::Ended,
            (false, false) => Read::Nothing,
        })
    }

    /// True when the peer has sent something, which stays to be read; false when its side ended instead.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] when neither has happened; when the connection broke, or what came is not allowed.
    pub(crate) fn hear(&mut self, socket: &TcpStream) -> io::Result<bool> {
        while self.early.is_empty() && !self.ended {
            if self.fill(socket, LITTLE)? == 0 {
                return Ok(false);
            }
            let mut early = Buffer::default();
            self.process(|bytes| {
                early.extend(bytes);
                Ok(())
            })?;
            self.early.extend(early.filled());
            self.release();
        }
        Ok(!self.early.is_empty())
    }

    /// Takes in what was read.
    fn process(&mut self, mut sink: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut failed = None;
        // After an error only the alert about it is fetched.
        while failed.is_none() || self.connection.wants_write() {
            let incoming = self.incoming.filled_mut();
            let (discard, taken) = self.connection.take(incoming, &mut self.outgoing, &mut sink)?;
            self.incoming.consume(discard);
            match taken {
                Taken::Some => {}
                Taken::All => break,
                Taken::Ended => self.ended = true,
                Taken::Refused(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Encrypts bytes; they are sent by [`try_flush`](Self::try_flush).
    ///
    /// # Errors
    /// When nothing can be sent any more.
    pub(crate) fn seal(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(&Content::Bytes(bytes))
    }

    /// Says that nothing more will be sent (RFC 8446 §6.1).
    ///
    /// # Errors
    /// When nothing can be sent any more.
    pub(crate) fn seal_end(&mut self) -> io::Result<()> {
        self.write(&Content::End)
    }

    fn write(&mut self, content: &Content<'_>) -> io::Result<()> {
        // What was read was processed to its end, so that nothing but messages of TLS itself is left.
        self.process(|_| Ok(()))?;
        self.connection.write(self.incoming.filled_mut(), &mut self.outgoing, content)
    }

    /// Sends what waits, as far as the socket takes it; true when it took all. `sent` hears of each piece.
    ///
    /// # Errors
    /// When the connection broke.
    pub(crate) fn try_flush_with(
        &mut self,
        socket: &TcpStream,
        mut sent: impl FnMut(usize),
    ) -> io::Result<bool> {
        while !self.outgoing.is_empty() {
            match socket.try_write(self.outgoing.filled()) {
                Ok(count) => {
                    self.outgoing.consume(count);
                    sent(count);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    pub(crate) fn try_flush(&mut self, socket: &TcpStream) -> io::Result<bool> {
        self.try_flush_with(socket, |_| {})
    }

    /// Sends all that waits.
    ///
    /// # Errors
    /// When the connection broke.
    pub(crate) async fn flush(&mut self, socket: &TcpStream) -> io::Result<()> {
        while !self.try_flush(socket)? {
            socket.writable().await?;
        }
        Ok(())
    }

    /// The records that wait to be sent, for who sends them in another way.
    pub(crate) fn take_outgoing(&mut self) -> Vec<u8> {
        self.outgoing.take()
    }

    /// True when records were read that are not taken in yet, or the peer has sent its last one.
    pub(crate) fn is_amid_records(&self) -> bool {
        self.ended || !self.incoming.is_empty()
    }

    /// True when more has come than belongs to the handshake.
    pub(crate) fn has_more(&self) -> bool {
        !self.early.is_empty() || !self.incoming.filled().is_empty() || self.ended
    }

    /// True when something can be read without the socket.
    pub(crate) fn has_early(&self) -> bool {
        !self.early.is_empty() || self.ended
    }

    /// What the peer sent behind its last record, in the clear.
    pub(crate) fn take_clear(&mut self) -> Vec<u8> {
        self.incoming.take()
    }

    /// Gives back memory that is not needed while nothing happens.
    pub(crate) fn release(&mut self) {
        self.incoming.release();
        self.outgoing.release();
        self.early.release();
    }
}
