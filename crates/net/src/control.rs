//! A control connection.

use crate::proxied::Route;
use crate::socket;
use crate::tls::{Handshake, Identity, Purpose, Read, Session, Tls};
use rustix::net::{RecvFlags, SendFlags};
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
    /// The same where a proxy is between; else nothing.
    own: Option<Box<SocketAddr>>,
    tls: Option<Box<Session>>,
    /// What was read and not taken yet.
    left: Vec<u8>,
    /// True once this side has said that it ends TLS: what it sends is clear.
    ended_tls: bool,
}

/// Bytes of records that are read at once.
const RECORDS: usize = 4 << 10;

impl Control {
    /// Takes a connection as a control connection. It has its settings from its listener. `route` is the one that it took
    /// to a proxy.
    ///
    /// # Errors
    /// When it is gone already.
    pub(crate) fn new(stream: TcpStream, peer: SocketAddr, route: Option<Route>) -> io::Result<Control> {
        let here = stream.local_addr()?;
        let own = route.is_some().then(|| Box::new(socket::canonical(here)));
        let Route { peer, local } = route.unwrap_or(Route { peer, local: here });
        let (peer, local) = (socket::canonical(peer), socket::canonical(local));
        Ok(Control { stream, peer, local, own, tls: None, left: Vec::new(), ended_tls: false })
    }

    /// Takes a connection on which TLS has begun already.
    ///
    /// # Errors
    /// When it is gone already.
    pub(crate) fn secured(
        stream: TcpStream,
        peer: SocketAddr,
        route: Option<Route>,
        session: Session,
    ) -> io::Result<Control> {
        let control = Control::new(stream, peer, route)?;
        // A byte out of band belongs to no record.
        SockRef::from(&control.stream).set_out_of_band_inline(false)?;
        Ok(Control { tls: Some(Box::new(session)), ..control })
    }

    /// Where the peer connects from.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Where the peer connected to, be it a proxy.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Where the connection ends on this machine.
    pub fn own(&self) -> SocketAddr {
        self.own.as_deref().copied().unwrap_or(self.local)
    }

    /// Does a TLS handshake, as its server, after which everything is protected. `host` is the virtual
    /// host that was chosen before.
    ///
    /// # Errors
    /// When the connection broke, or what came is no acceptable handshake.
    pub async fn protect(
        &mut self,
        tls: &Tls,
        identity: Identity,
        host: Option<usize>,
    ) -> io::Result<Handshake> {
        // A byte out of band belongs to no record; in its place it would spoil one.
        SockRef::from(&self.stream).set_out_of_band_inline(false)?;
        let (session, handshake) = tls.accept(&self.stream, Purpose::Control(identity), host).await?;
        self.tls = Some(Box::new(session));
        self.ended_tls = false;
        Ok(handshake)
    }

    /// Throws away what has come in the clear and was not read; true when there was something.
    pub fn forget_injected(&mut self) -> bool {
        let mut some = !std::mem::take(&mut self.left).is_empty();
        let mut buffer = [0; 4096];
        // Who sends on and on gets a handshake that fails.
        for _ in 0..16 {
            if !matches!(self.stream.try_read(&mut buffer), Ok(1..)) {
                break;
            }
            some = true;
        }
        some
    }

    /// Bytes as they have to be sent: encrypted, if the connection is protected. What was sealed must be
    /// sent in this order.
    ///
    /// # Errors
    /// When TLS can send nothing more.
    pub fn seal(&mut self, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        match &mut self.tls {
            Some(session) if !self.ended_tls => {
                session.seal(&bytes)?;
                let sealed = session.take_outgoing();
                session.release();
                Ok(sealed)
            }
            _ => Ok(bytes),
        }
    }

    /// What has to be sent to end TLS on this side. What the peer sends is clear too once it has done the
    /// same.
    pub fn end_tls(&mut self) -> Vec<u8> {
        match &mut self.tls {
            // An error means that it is over already.
            Some(session) if !std::mem::replace(&mut self.ended_tls, true) => {
                let _ = session.seal_end();
                session.take_outgoing()
            }
            _ => Vec::new(),
        }
    }

    /// What TLS itself has to send, in answer to what was read.
    pub fn take_answers(&mut self) -> Vec<u8> {
        self.tls.as_mut().map_or_else(Vec::new, |session| session.take_outgoing())
    }

    /// Waits for bytes or the end.
    ///
    /// # Errors
    /// When the connection broke.
    pub async fn readable(&self) -> io::Result<()> {
        if !self.left.is_empty() || self.tls.as_ref().is_some_and(|session| session.has_early()) {
            return Ok(());
        }
        self.stream.readable().await
    }

    /// Reads what is there into `buffer`; 0 is the end, `None` that nothing is there after all. It
    /// is apart from the waiting so that no session holds a buffer while it waits.
    ///
    /// # Errors
    /// When the connection broke.
    pub fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let between = self.tls.as_ref().is_some_and(|session| self.ended_tls && !session.is_amid_records());
        if between && self.left.is_empty() && self.is_clear()? {
            self.go_on_in_the_clear()?;
        }
        if self.left.is_empty()
            && let Some(session) = &mut self.tls
        {
            let left = &mut self.left;
            let read = session.read(&self.stream, RECORDS, |bytes| {
                left.extend_from_slice(bytes);
                Ok(())
            });
            session.release();
            match read {
                Ok(Read::Nothing) => return Ok(None),
                Ok(Read::Some) => {}
                // The peer has ended TLS: the connection, or just its protection if that was agreed.
                Ok(Read::Ended) if self.ended_tls => {
                    self.left = session.take_clear();
                    self.go_on_in_the_clear()?;
                    if self.left.is_empty() {
                        return Ok(None);
                    }
                }
                Ok(Read::Ended) => return Ok(Some(0)),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Some(0)),
                Err(error) => return Err(error),
            }
        }
        if !self.left.is_empty() {
            let count = self.left.len().min(buffer.len());
            buffer[..count].copy_from_slice(&self.left[..count]);
            self.left.drain(..count);
            if self.left.is_empty() {
                self.left = Vec::new();
            }
            return Ok(Some(count));
        }
        match self.stream.try_read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            done => done.map(Some),
        }
    }

    fn go_on_in_the_clear(&mut self) -> io::Result<()> {
        self.tls = None;
        SockRef::from(&self.stream).set_out_of_band_inline(true)
    }

    /// True when what comes next is no record: some clients end TLS without a word.
    fn is_clear(&self) -> io::Result<bool> {
        let mut first = [0];
        let peek = || {
            let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
            rustix::net::recv(&self.stream, &mut first, flags).map_err(io::Error::from)
        };
        match self.stream.try_io(Interest::READABLE, peek) {
            // The types of records (RFC 8446 §5.1).
            Ok((1, _)) => Ok(!(20..=23).contains(&first[0])),
            Ok(_) => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
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
