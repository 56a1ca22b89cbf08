//! A TLS connection of either side. On data connections this one is the server, unless another server is at the other
//! end and one of the two has to be the client.

use super::buffer::Buffer;
use super::session::invalid;
use rustls::CommonState;
use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use std::io::{self, ErrorKind};
use std::ops::Deref;

/// Bytes that a record of the handshake gets at first.
const LITTLE: usize = 4 << 10;

/// Content of the largest record (RFC 8446 §5.1).
pub(super) const RECORD: usize = 16 << 10;

/// What a record costs beyond its content, at most: TLS 1.2 allows more than anybody uses (RFC 5246 §6.2.3).
const RECORD_OVERHEAD: usize = 64;

/// Which side this is.
pub(super) enum Side {
    Server(Box<UnbufferedServerConnection>),
    Client(Box<UnbufferedClientConnection>),
}

impl Deref for Side {
    type Target = CommonState;

    fn deref(&self) -> &CommonState {
        match self {
            Side::Server(own) => own,
            Side::Client(own) => own,
        }
    }
}

/// What a step of taking in led to.
pub(super) enum Taken {
    /// There may be more.
    Some,
    /// There is no more now.
    All,
    /// The peer has said that it sends no more.
    Ended,
    /// What came is not allowed.
    Refused(io::Error),
}

/// What is encrypted.
pub(super) enum Content<'a> {
    Bytes(&'a [u8]),
    /// That nothing more comes (RFC 8446 §6.1).
    End,
}

impl Side {
    /// Takes in some of what was read, and gives how many bytes of it are done with. What this side has to say to it goes
    /// to `outgoing`.
    pub(super) fn take(
        &mut self,
        incoming: &mut [u8],
        outgoing: &mut Buffer,
        sink: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<(usize, Taken)> {
        match self {
            Side::Server(own) => take(own.process_tls_records(incoming), outgoing, sink),
            Side::Client(own) => take(own.process_tls_records(incoming), outgoing, sink),
        }
    }

    /// Encrypts something. What came before has to be taken in.
    pub(super) fn write(
        &mut self,
        incoming: &mut [u8],
        outgoing: &mut Buffer,
        content: &Content<'_>,
    ) -> io::Result<()> {
        match self {
            Side::Server(own) => write(own.process_tls_records(incoming), outgoing, content),
            Side::Client(own) => write(own.process_tls_records(incoming), outgoing, content),
        }
    }
}

fn take<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    outgoing: &mut Buffer,
    mut sink: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<(usize, Taken)> {
    let UnbufferedStatus { mut discard, state } = status;
    let taken = match state {
        Ok(ConnectionState::ReadTraffic(mut traffic)) => {
            while let Some(record) = traffic.next_record() {
                let record = record.map_err(invalid)?;
                discard += record.discard;
                sink(record.payload)?;
            }
            Taken::Some
        }
        Ok(ConnectionState::EncodeTlsData(mut data)) => {
            let mut room = LITTLE;
            loop {
                match data.encode(outgoing.room(room)) {
                    Ok(count) => break outgoing.add(count),
                    Err(EncodeError::InsufficientSize(needed)) => room = needed.required_size,
                    Err(EncodeError::AlreadyEncoded) => break,
                }
            }
            Taken::Some
        }
        // It lies in `outgoing`, which is sent before anything else.
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            Taken::Some
        }
        Ok(ConnectionState::PeerClosed) => Taken::Ended,
        Ok(ConnectionState::Closed | ConnectionState::BlockedHandshake)
        | Ok(ConnectionState::WriteTraffic(_)) => Taken::All,
        // Early data, which is not offered.
        Ok(_) => return Err(ErrorKind::Unsupported.into()),
        Err(error) => Taken::Refused(invalid(error)),
    };
    Ok((discard, taken))
}

fn write<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    outgoing: &mut Buffer,
    content: &Content<'_>,
) -> io::Result<()> {
    let Ok(ConnectionState::WriteTraffic(mut traffic)) = status.state else {
        return Err(ErrorKind::BrokenPipe.into());
    };
    let count = match content {
        Content::Bytes(bytes) => {
            let room = bytes.len() + (bytes.len() / RECORD + 1) * RECORD_OVERHEAD;
            traffic.encrypt(bytes, outgoing.room(room))
        }
        Content::End => traffic.queue_close_notify(outgoing.room(RECORD_OVERHEAD)),
    };
    outgoing.add(count.map_err(|error| encryption(&error))?);
    Ok(())
}

fn encryption(error: &EncryptError) -> io::Error {
    io::Error::new(ErrorKind::BrokenPipe, error.to_string())
}
