//! One handshake: which certificate it shows, whose tickets it takes, and whose it gives.

use super::tickets::LIFETIME;
use super::{Credentials, Identity, Purpose, Session, TicketKey, Tls};
use rustls::HandshakeKind;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::server::{
    ClientHello, ProducesTickets, ResolvesServerCert, ServerConfig, ServerSessionMemoryCache,
    StoresServerSessions,
};
use rustls::sign::CertifiedKey;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// Tickets after a handshake on a control connection: clients that use each once have so many data
/// connections before they need one that a data connection brought.
const CONTROL_TICKETS: usize = 8;

/// Tickets after one on a data connection: one for each use, and one for the next lost.
const DATA_TICKETS: usize = 2;

/// Most tickets for a client that says how many it wants (RFC 9149).
const TICKETS_MAX: usize = 16;

/// What came of a handshake.
#[derive(Debug)]
pub struct Handshake {
    /// The host that the client named (SNI), in lower case.
    pub name: Option<String>,
    /// The certificate that the client showed; it was found to be good.
    pub certificate: Option<CertificateDer<'static>>,
    /// Whose TLS session was resumed.
    pub resumed: Option<Identity>,
    /// The version of TLS, for the log.
    pub version: &'static str,
    /// When the client began it.
    pub began: Instant,
}

/// What is noted while a handshake runs.
#[derive(Debug, Default)]
struct Seen {
    name: Option<String>,
    /// When the first message of the client came.
    began: Option<Instant>,
    /// Whose ticket was opened last: the one that is used, if any is.
    opened: Option<Identity>,
    /// Unknown until the server's first flight is made.
    kind: Option<HandshakeKind>,
}

/// One handshake.
#[derive(Debug)]
pub(super) struct Note {
    purpose: Purpose,
    host: Option<usize>,
    credentials: Arc<dyn Credentials>,
    key: TicketKey,
    remembered: Arc<ServerSessionMemoryCache>,
    /// False where old certificates of clients must not count without being checked again.
    takes_tickets: bool,
    seen: Mutex<Seen>,
}

impl Note {
    pub(super) fn new(tls: &Tls, purpose: Purpose, host: Option<usize>) -> Arc<Note> {
        let control = !matches!(purpose, Purpose::Data);
        Arc::new(Note {
            purpose,
            host,
            credentials: Arc::clone(&tls.credentials),
            key: tls.key.clone(),
            remembered: Arc::clone(&tls.remembered),
            takes_tickets: !(control && tls.credentials.clients().offer_client_auth()),
            seen: Mutex::default(),
        })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The configuration for this one handshake.
    pub(super) fn config(self: &Arc<Note>) -> io::Result<Arc<ServerConfig>> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(super::session::invalid)?
            .with_client_cert_verifier(self.credentials.clients())
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        // A client that names protocols must name this one (CVE-2021-3618).
        config.alpn_protocols = vec![b"ftp".to_vec()];
        config.ticketer = Arc::clone(self) as Arc<dyn ProducesTickets>;
        config.session_storage = Arc::clone(self) as Arc<dyn StoresServerSessions>;
        config.max_tls13_tickets = TICKETS_MAX;
        config.send_tls13_tickets = match self.purpose {
            Purpose::Control(_) | Purpose::Either(_) => CONTROL_TICKETS,
            Purpose::Data => DATA_TICKETS,
        };
        Ok(Arc::new(config))
    }

    /// Whether it may be for data.
    pub(super) fn is_for_data(&self) -> bool {
        !matches!(self.purpose, Purpose::Control(_))
    }

    /// Notes how far the handshake is.
    pub(super) fn set_kind(&self, kind: Option<HandshakeKind>) {
        self.seen().kind = kind;
    }

    pub(super) fn result(&self, session: &Session) -> Handshake {
        let seen = self.seen();
        let resumed = session.kind() == Some(HandshakeKind::Resumed);
        Handshake {
            name: seen.name.clone(),
            certificate: session.certificate(),
            resumed: seen.opened.filter(|_| resumed),
            version: session.version(),
            began: seen.began.unwrap_or_else(Instant::now),
        }
    }

    /// Whose tickets this handshake may give.
    fn giver(&self) -> Option<Identity> {
        let seen = self.seen();
        match (self.purpose, seen.kind) {
            (Purpose::Control(identity), _) => Some(identity),
            // TLS 1.2 sends the new ticket before the kind is known here, for the same secret; all
            // others come after the client has shown that it knows the old one.
            (Purpose::Data, None | Some(HandshakeKind::Resumed)) => seen.opened,
            (Purpose::Data, Some(_)) => None,
            // A session that resumes another's TLS session is the same client's, and goes by its identity.
            (Purpose::Either(own), None | Some(HandshakeKind::Resumed)) => seen.opened.or(Some(own)),
            (Purpose::Either(own), Some(_)) => Some(own),
        }
    }

    fn open(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (identity, state) = self.key.open(ticket).filter(|_| self.takes_tickets)?;
        self.seen().opened = Some(identity);
        Some(state)
    }
}

impl ProducesTickets for Note {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFETIME
    }

    fn encrypt(&self, state: &[u8]) -> Option<Vec<u8>> {
        self.key.seal(self.giver()?, state)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.open(ticket)
    }
}

/// For clients of TLS 1.2 without tickets: the same ticket is kept here, under the number that the
/// client gets instead.
impl StoresServerSessions for Note {
    fn put(&self, number: Vec<u8>, state: Vec<u8>) -> bool {
        match self.encrypt(&state) {
            Some(ticket) => self.remembered.put(number, ticket),
            None => false,
        }
    }

    fn get(&self, number: &[u8]) -> Option<Vec<u8>> {
        // A control connection would keep the number of the old session, and its identity with it.
        let of_data = self.is_for_data().then_some(number)?;
        self.open(&self.remembered.get(of_data)?)
    }

    fn take(&self, number: &[u8]) -> Option<Vec<u8>> {
        self.get(number)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

impl ResolvesServerCert for Note {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_ascii_lowercase);
        let mut seen = self.seen();
        seen.began = seen.began.or_else(|| Some(Instant::now()));
        seen.name.clone_from(&name);
        drop(seen);
        self.credentials.certificate(name.as_deref(), self.host)
    }
}
