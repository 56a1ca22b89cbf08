//! A control connection.

use crate::socket;
use rustix::net::SendFlags;
use socket2::SockRef;
use std::io;
use std::net::SocketAddr;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// A control connection, as the server has it.
#[derive(Debug)]
pub struct Control {
    stream: TcpStream,
    peer: SocketAddr,
    local: SocketAddr,
}

impl Control {
    pub(crate) fn new(stream: TcpStream, peer: SocketAddr) -> io::Result<Control> {
        let options = SockRef::from(&stream);
        // Replies are whole when they are written: there is nothing to wait for.
        options.set_tcp_nodelay(true)?;
        // ABOR comes as urgent data from some clients; it belongs where it stands in the stream.
        options.set_out_of_band_inline(true)?;
        socket::keep_alive(&options)?;
        let local = socket::canonical(stream.local_addr()?);
        Ok(Control { stream, peer: socket::canonical(peer), local })
    }

    /// Where the peer connects from.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Where the peer connected to.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Waits for bytes or the end.
    ///
    /// # Errors
    /// When the connection broke.
    pub async fn readable(&self) -> io::Result<()> {
        self.stream.readable().await
    }

    /// Reads what is there into `buffer`; 0 is the end, `None` that nothing is there after all. It
    /// is apart from the waiting so that no session holds a buffer while it waits.
    ///
    /// # Errors
    /// When the connection broke.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self.stream.try_read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            done => done.map(Some),
        }
    }

    /// Waits until bytes can be sent and sends some, in a segment that neither earlier nor later
    /// bytes join. Gives how many.
    ///
    /// # Errors
    /// When the connection broke.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        // The end-of-record mark keeps the kernel from putting other bytes into the same segment,
        // when it sends again too: helpers in routers see 227 only at the start of one.
        let flags = SendFlags::EOR | SendFlags::NOSIGNAL;
        let send = || rustix::net::send(&self.stream, bytes, flags).map_err(io::Error::from);
        loop {
            self.stream.writable().await?;
            match self.stream.try_io(Interest::WRITABLE, send) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }

    /// Sends bytes if that can be done at once, and forgets them if not: for a peer that gets no
    /// session.
    pub fn write_last(&self, bytes: &[u8]) {
        // Whoever does not read it has lost nothing.
        let _ = rustix::net::send(&self.stream, bytes, SendFlags::NOSIGNAL);
    }

    /// Ends the sending side, and reads away what is there: the system would otherwise tell the peer
    /// of a broken connection, and the last reply could be lost.
    pub fn finish(&self) {
        // An error means that the connection is gone, which is what is wanted.
        let _ = SockRef::from(&self.stream).shutdown(std::net::Shutdown::Write);
        let mut rest = [0; 4096];
        for _ in 0..16 {
            if !matches!(self.stream.try_read(&mut rest), Ok(1..)) {
                return;
            }
        }
    }
}
