//! TLS on control and data connections.
//!
//! Every handshake here is told whose it is. The tickets that a control connection hands out carry the
//! [`Identity`] of its session, encrypted; a data connection that resumes with one of them proves by
//! that whose it is, wherever it comes from. This holds for tickets of TLS 1.2 and 1.3, and on every
//! node that has the same ticket key. A data connection that proves nothing gets no tickets, or, where it
//! might have been a control connection, those of an identity that is nobody else's: who guessed a port
//! must not become able to prove anything by it.
//!
//! Only where another server is at the other end of a data connection, this side may be the [client](begin).
//!
//! What this module is not: it knows no files. Certificates come from [`Credentials`].

mod begin;
mod buffer;
mod handshake;
mod session;
mod side;
mod tickets;

use rustls::server::ServerSessionMemoryCache;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use std::fmt::Debug;
use std::io;
use std::sync::Arc;

pub(crate) use begin::begin;
pub use handshake::Handshake;
pub(crate) use session::{Read, Session};
pub use tickets::TicketKey;

/// Sessions that are remembered for clients of TLS 1.2 that know no tickets, more than there can be at
/// once. The oldest is forgotten.
const REMEMBERED: usize = 16_384;

/// Where certificates come from. What it gives may change at any time.
pub trait Credentials: Debug + Send + Sync {
    /// The certificate for a client that names `name` in its handshake; `host` is the virtual host that
    /// was chosen before, by its number. `None` ends the handshake.
    fn certificate(&self, name: Option<&str>, host: Option<usize>) -> Option<Arc<CertifiedKey>>;

    /// Who says which certificates of clients are good.
    fn clients(&self) -> Arc<dyn ClientCertVerifier>;
}

/// Whether data connections resume the TLS session of their control connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Resume {
    /// They must.
    Require,
    /// One that does may come from any address, one that does not from the client's only.
    #[default]
    Prefer,
    /// It is not looked at.
    Off,
}

/// What tells sessions apart in tickets: 128 random bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity(u128);

impl Identity {
    /// A new one.
    pub fn random() -> Identity {
        Identity(rand::random())
    }
}

/// What a handshake is for.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    /// The control connection of this session.
    Control(Identity),
    /// Some session's data connection.
    Data,
    /// Either: a data connection, or the control connection of a session that goes by this identity if it
    /// resumes no other's.
    Either(Identity),
}

/// What all TLS connections of a server share.
#[derive(Debug)]
pub struct Tls {
    credentials: Arc<dyn Credentials>,
    key: TicketKey,
    remembered: Arc<ServerSessionMemoryCache>,
    resume: Resume,
}

impl Tls {
    /// TLS with these certificates. Nodes that share `key` recognise each other's sessions.
    pub fn new(credentials: Arc<dyn Credentials>, key: TicketKey, resume: Resume) -> Tls {
        Tls { credentials, key, remembered: ServerSessionMemoryCache::new(REMEMBERED), resume }
    }

    /// Whether data connections resume the TLS session of their control connection.
    pub fn resume(&self) -> Resume {
        self.resume
    }

    /// True when clients are asked for certificates.
    pub fn asks_for_certificates(&self) -> bool {
        self.credentials.clients().offer_client_auth()
    }

    /// Does a handshake over this connection, as its server. `host` is the virtual host that was chosen
    /// before. It ends when the peer is gone; time it out.
    ///
    /// # Errors
    /// When the connection broke, or what came is no acceptable handshake; an alert was sent then.
    pub(crate) async fn accept(
        &self,
        socket: &tokio::net::TcpStream,
        purpose: Purpose,
        host: Option<usize>,
    ) -> io::Result<(Session, Handshake)> {
        let note = handshake::Note::new(self, purpose, host);
        let mut session = Session::new(note.config()?).map_err(session::invalid)?;
        session.shake_hands(socket, Some(&note)).await?;
        let handshake = note.result(&session);
        Ok((session, handshake))
    }
}
