//! A data connection, plain or protected, with one file on it or many in blocks.

use crate::Resumed;
use crate::tls::Secured;
use portolan_wire::data::{Blocks, Piece};
use socket2::SockRef;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A data connection. Unless an upload was ended well, dropping it resets it, so that the other side does not take a part for
/// the whole.
#[derive(Debug)]
pub(crate) struct Data {
    /// Nothing only while a handshake takes it over.
    stream: Option<Kind>,
    /// True if a proxy carries it. Many end both directions when one ends, and lose what is still in them.
    carried: bool,
    /// To close it resets it.
    resets: bool,
    /// Where files come in blocks.
    blocks: Option<Box<InBlocks>>,
}

/// Bytes of one reading of blocks, or writing.
const READ: usize = 64 << 10;

/// Files in blocks, one after the other (RFC 959 §3.4.2).
#[derive(Debug, Default)]
struct InBlocks {
    reader: Blocks,
    /// What was read and not yet taken apart, from `at` on.
    read: Vec<u8>,
    at: usize,
    /// What was written and not yet sent, from `sent` on.
    written: Vec<u8>,
    sent: usize,
    /// The file has ended.
    ended: bool,
}

impl InBlocks {
    /// Takes what was read already; true when more has to be read.
    fn take(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let before = buf.filled().len();
        while !self.ended && buf.filled().len() == before {
            let most = (self.at + buf.remaining()).min(self.read.len());
            let Some((piece, rest)) = self.reader.next(&self.read[self.at..most]) else { return true };
            let rest = rest.len();
            match piece {
                Piece::Data(data) => buf.put_slice(data),
                Piece::End => self.ended = true,
            }
            self.at = most - rest;
        }
        false
    }

    /// Sends what was written.
    fn poll_send(&mut self, stream: &mut Kind, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.written.len() {
            match ready!(stream.poll_write(cx, &self.written[self.sent..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.sent += count,
            }
        }
        self.written.clear();
        self.sent = 0;
        stream.poll_flush(cx)
    }
}

/// How long a server has to say that it begins once something has come.
const WITHOUT_A_WORD: Duration = Duration::from_secs(2);

#[derive(Debug)]
enum Kind {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Data {
    pub(crate) fn plain(stream: TcpStream, carried: bool, in_blocks: bool) -> Data {
        let blocks = in_blocks.then(Box::default);
        Data { stream: Some(Kind::Plain(stream)), carried, resets: false, blocks }
    }

    /// From now on to close it says that something is missing, also if this process is killed. Blocks say themselves where
    /// they end.
    pub(crate) fn begin_upload(&mut self) {
        if self.blocks.is_none() {
            self.resets = true;
            self.set_reset(true);
        }
    }

    /// True when more can come on it once this file has ended.
    pub(crate) fn is_common(&self) -> bool {
        self.blocks.is_some()
    }

    /// The next file begins.
    pub(crate) fn begin_next(&mut self) {
        if let Some(blocks) = &mut self.blocks {
            blocks.ended = false;
        }
    }

    /// Protects it, by the TLS of its control connection.
    pub(crate) async fn protect(mut self, secured: &Secured) -> io::Result<Data> {
        let Some(Kind::Plain(stream)) = self.stream.take() else { return Ok(self) };
        let stream = secured.connect(stream).await?;
        self.stream = Some(Kind::Tls(Box::new(stream)));
        Ok(self)
    }

    /// The socket, where bytes of the file go over it as they are.
    pub(crate) fn bare(&self) -> Option<&TcpStream> {
        match &self.stream {
            Some(Kind::Plain(stream)) if self.blocks.is_none() => Some(stream),
            _ => None,
        }
    }

    /// Says before anything has come that nothing goes the other way: a round trip less for servers that wait for it when
    /// they have sent all. TLS 1.2 would have them stop.
    pub(crate) async fn end_first(&mut self) {
        if let Some(Kind::Tls(stream)) = &mut self.stream
            && stream.get_ref().1.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3)
        {
            stream.get_mut().1.send_close_notify();
            // What is wrong shows in reading, too.
            let _ = stream.flush().await;
        }
    }

    /// Whether it is protected, and its session is that of the control connection.
    pub(crate) fn resumed(&self) -> Option<Resumed> {
        let Some(Kind::Tls(stream)) = &self.stream else { return None };
        let resumed = stream.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
        Some(if resumed { Resumed::Yes } else { Resumed::No })
    }

    /// It was read to its end, or written and ended: dropping it does no harm.
    pub(crate) fn has_ended(&mut self) {
        if std::mem::take(&mut self.resets) {
            self.set_reset(false);
        }
    }

    fn set_reset(&self, reset: bool) {
        let socket = match &self.stream {
            Some(Kind::Plain(stream)) => stream,
            Some(Kind::Tls(stream)) => stream.get_ref().0,
            None => return,
        };
        // An error means that it is gone already.
        let _ = SockRef::from(socket).set_linger(reset.then_some(Duration::ZERO));
    }

    /// Waits until there is something to read. The end is nothing: it comes when a file is refused, too.
    pub(crate) async fn readable(&self) {
        let socket = match &self.stream {
            Some(Kind::Plain(stream)) => stream,
            Some(Kind::Tls(stream)) => stream.get_ref().0,
            None => return,
        };
        if !matches!(socket.peek(&mut [0]).await, Ok(1..)) {
            return std::future::pending().await;
        }
        if self.resumed().is_some() {
            // It can be a ticket, or an alert. A server that begins without saying so has to be read all the same.
            tokio::time::sleep(WITHOUT_A_WORD).await;
        }
    }
}

fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

impl Kind {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Kind::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Kind::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Kind::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Kind::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Kind::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Kind::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }
}

impl AsyncRead for Data {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Data { stream, blocks, .. } = &mut *self;
        let Some(stream) = stream else { return Poll::Ready(Err(gone())) };
        let Some(blocks) = blocks else { return stream.poll_read(cx, buf) };
        while blocks.take(buf) {
            blocks.read.resize(READ, 0);
            let mut read = ReadBuf::new(&mut blocks.read);
            let polled = stream.poll_read(cx, &mut read);
            let count = if polled.is_ready() { read.filled().len() } else { 0 };
            blocks.read.truncate(count);
            blocks.at = 0;
            match ready!(polled) {
                Ok(()) if count > 0 => {}
                // Blocks say themselves where they end.
                Ok(()) => return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Data {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Data { stream, blocks, .. } = &mut *self;
        let Some(stream) = stream else { return Poll::Ready(Err(gone())) };
        let Some(blocks) = blocks else { return stream.poll_write(cx, bytes) };
        if blocks.written.len() >= READ {
            ready!(blocks.poll_send(stream, cx))?;
        }
        let taken = &bytes[..bytes.len().min(READ)];
        Blocks::write(taken, false, &mut blocks.written);
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Data { stream, blocks, .. } = &mut *self;
        let Some(stream) = stream else { return Poll::Ready(Err(gone())) };
        match blocks {
            Some(blocks) => blocks.poll_send(stream, cx),
            None => stream.poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Data { stream, blocks, carried, .. } = &mut *self;
        if let (Some(stream), Some(blocks)) = (&mut *stream, blocks) {
            // The end of the file, and not of the connection; it leaves with the data before it.
            if !std::mem::replace(&mut blocks.ended, true) {
                Blocks::write(&[], true, &mut blocks.written);
            }
            return blocks.poll_send(stream, cx);
        }
        match stream {
            Some(Kind::Plain(stream)) => Pin::new(stream).poll_shutdown(cx),
            // That of TLS is an end, and the server's comes back.
            Some(Kind::Tls(stream)) if *carried => {
                stream.get_mut().1.send_close_notify();
                Pin::new(stream).poll_flush(cx)
            }
            Some(Kind::Tls(stream)) => Pin::new(stream).poll_shutdown(cx),
            None => Poll::Ready(Err(gone())),
        }
    }
}
