//! A data connection, plain or protected.

use crate::socket;
use crate::tls::{self, Handshake, Identity, Purpose, Resume, Session, Tls};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustls::pki_types::CertificateDer;
use socket2::SockRef;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// A data connection.
#[derive(Debug)]
pub struct Stream {
    /// The socket, until somebody has to wait for it: the runtime need not hear of one that is done before.
    bare: Option<std::net::TcpStream>,
    /// The socket, from then on.
    watched: Option<Arc<TcpStream>>,
    pub(crate) tls: Option<Box<Session>>,
}

/// Why there is no data connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// None came, or none could be opened.
    #[error("no data connection: {0}")]
    Missing(#[from] io::Error),
    /// None came from the client's address, but one from elsewhere.
    #[error("no data connection from the client's address, but one from elsewhere")]
    Elsewhere,
    /// Several came at once, and one of them was to be a control connection.
    #[error("several connections came at once, and which is the data connection does not show")]
    Ambiguous,
    /// The peer did not protect it.
    #[error("no TLS on the data connection: {0}")]
    NoHandshake(io::Error),
    /// It does not resume the TLS session of the control connection, and must.
    #[error("the data connection does not resume the control connection's TLS session")]
    NotResumed,
}

/// How a session has its data connections protected.
#[derive(Debug, Clone)]
pub struct Guard {
    /// What the tickets of its control connection carry.
    pub identity: Identity,
    /// The virtual host that it is with.
    pub host: Option<usize>,
    /// The certificate that the client showed on the control connection.
    pub certificate: Option<CertificateDer<'static>>,
    /// The client's own address, where its account may transfer between servers (FXP): another server may be at the
    /// other end then.
    pub servers: Option<IpAddr>,
}

/// Whose a data connection is that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The client's.
    Client,
    /// Another server's, or somebody's who says so.
    Server,
}

impl Guard {
    /// Whether a data connection is taken that comes from here (RFC 4217 §10.2, §15.1.2), and as whose.
    ///
    /// Another server can neither resume the TLS session of the client nor show its certificate: nobody but these two
    /// has those secrets. So nothing is asked of one. What protects the data is that the account has the right, and that
    /// it named the address itself (`PORT`), or that nobody else was told the port (`PASV`) and the client comes first.
    /// Without the right a connection from elsewhere is still nobody's.
    pub(crate) fn admit(
        &self,
        resume: Resume,
        handshake: &Handshake,
        from: IpAddr,
    ) -> Result<Whose, ConnectError> {
        if handshake.resumed == Some(self.identity) {
            return Ok(Whose::Client);
        }
        if self.servers.is_some_and(|client| client != from) {
            return Ok(Whose::Server);
        }
        match self.admit_client(resume, handshake) {
            Ok(()) => Ok(Whose::Client),
            // The client may run on the machine of one of the servers.
            Err(_) if self.servers.is_some() => Ok(Whose::Server),
            Err(error) => Err(error),
        }
    }

    /// Whether a data connection from the client's own address is taken that resumes nothing.
    fn admit_client(&self, resume: Resume, handshake: &Handshake) -> Result<(), ConnectError> {
        if resume == Resume::Require {
            return Err(ConnectError::NotResumed);
        }
        // Who showed a certificate shows it again: nobody else from that address is taken for them.
        if self.certificate.is_some() && self.certificate != handshake.certificate {
            let text = "the certificate is not that of the control connection";
            return Err(ConnectError::NoHandshake(io::Error::new(io::ErrorKind::PermissionDenied, text)));
        }
        Ok(())
    }
}

impl Stream {
    /// A connection that nobody waits for yet; its socket does not block.
    pub(crate) fn bare(socket: std::net::TcpStream) -> Stream {
        Stream { bare: Some(socket), watched: None, tls: None }
    }

    pub(crate) fn plain(socket: TcpStream) -> Stream {
        Stream { bare: None, watched: Some(Arc::new(socket)), tls: None }
    }

    pub(crate) fn protected(socket: Arc<TcpStream>, session: Session) -> Stream {
        Stream { bare: None, watched: Some(socket), tls: Some(Box::new(session)) }
    }

    /// The socket, if no runtime looks after it and nothing protects it.
    pub(crate) fn as_bare(&self) -> Option<&std::net::TcpStream> {
        self.bare.as_ref().filter(|_| self.tls.is_none())
    }

    /// The socket, to wait for it.
    pub(crate) fn watch(&mut self) -> io::Result<Arc<TcpStream>> {
        if let Some(bare) = self.bare.take() {
            self.watched = Some(Arc::new(TcpStream::from_std(bare)?));
        }
        self.watched.clone().ok_or(io::ErrorKind::NotConnected.into())
    }

    /// Takes the socket to wait for it in another way; [`put_bare`](Self::put_bare) gives it back. `None` while somebody
    /// else holds it.
    pub(crate) fn take_bare(&mut self) -> Option<std::net::TcpStream> {
        if let Some(watched) = self.watched.take() {
            match Arc::try_unwrap(watched) {
                Ok(own) => self.bare = own.into_std().ok(),
                Err(shared) => self.watched = Some(shared),
            }
        }
        self.bare.take()
    }

    /// Takes it from the runtime that looks after it: the next that waits for it does.
    pub(crate) fn leave(&mut self) {
        self.bare = self.take_bare();
    }

    pub(crate) fn put_bare(&mut self, socket: std::net::TcpStream) {
        self.bare = Some(socket);
    }

    /// Ends the sending side.
    pub(crate) fn shut_down(&self) {
        // An error means that the connection is gone already.
        let _ = self.options().map(|options| options.shutdown(std::net::Shutdown::Write));
    }

    /// Reads what is there.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let socket = self.options().ok_or(io::ErrorKind::NotConnected)?;
        Ok(rustix::net::recv(&*socket, buffer, RecvFlags::DONTWAIT)?.0)
    }

    /// True while it is open, and nothing has come that was not read.
    pub fn is_quiet(&self) -> bool {
        let Some(socket) = self.options() else { return false };
        let flags = RecvFlags::DONTWAIT | RecvFlags::PEEK;
        matches!(rustix::net::recv(&*socket, &mut [0; 1], flags), Err(Errno::AGAIN))
    }

    /// Has urgent bytes kept out of the data.
    pub(crate) fn set_out_of_band_apart(&self) -> io::Result<()> {
        self.options().map_or(Ok(()), |options| options.set_out_of_band_inline(false))
    }

    fn options(&self) -> Option<SockRef<'_>> {
        let watched = self.watched.as_ref().map(|watched| SockRef::from(&**watched));
        watched.or_else(|| self.bare.as_ref().map(SockRef::from))
    }

    /// Protects a connection that this side opened, which is the server of the handshake all the same
    /// (RFC 4217 §7).
    ///
    /// # Errors
    /// When the peer does not do its part.
    pub async fn protect(mut self, tls: &Tls, guard: &Guard) -> Result<Stream, ConnectError> {
        let socket = self.watch()?;
        let accepted = tls.accept(&socket, Purpose::Data, guard.host).await;
        let (session, handshake) = accepted.map_err(ConnectError::NoHandshake)?;
        let from = socket::canonical(socket.peer_addr()?).ip();
        guard.admit(tls.resume(), &handshake, from)?;
        Ok(Stream { tls: Some(Box::new(session)), ..self })
    }

    /// Protects a connection at whose other end another server is, as the client of the handshake. Nobody can say whose
    /// certificate that one has to show.
    ///
    /// # Errors
    /// When the peer does not do its part.
    pub async fn begin(mut self) -> Result<Stream, ConnectError> {
        let socket = self.watch()?;
        let session = tls::begin(&socket).await.map_err(ConnectError::NoHandshake)?;
        Ok(Stream { tls: Some(Box::new(session)), ..self })
    }

    /// How TLS protects it, for the log: `no`, or by a `full` handshake, or by a `resumed` session.
    pub fn protection(&self) -> &'static str {
        self.tls.as_ref().map_or("no", |session| session.protection())
    }

    /// Closes a connection whose data is not whole so that the peer cannot take it for whole.
    pub fn break_off(&self) {
        // Without it the connection ends as if all had been sent, which the reply still corrects.
        let _ = self.options().map(|options| options.set_linger(Some(Duration::ZERO)));
    }
}
