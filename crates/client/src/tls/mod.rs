//! TLS as a client: whose certificates are trusted, and sessions that data connections resume.
//!
//! Each control connection has a store of tickets of its own: servers that demand resumption mean the session of this very
//! control connection.

mod tickets;
mod trust;

use crate::error::{Error, Result};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use std::io;
use std::sync::Arc;
use tickets::Tickets;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub use trust::{Fingerprint, Identity, Pins, Trust, Untrusted};

/// The TLS of one control connection and its data connections.
#[derive(Clone)]
pub(crate) struct Secured {
    connector: TlsConnector,
    name: ServerName<'static>,
    verdict: trust::Verdict,
}

impl Secured {
    pub(crate) fn new(trust: &Trust, host: &str) -> Result<Secured> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Error::Tls(format!("{host} is neither a name nor an address")))?;
        let (mut config, verdict) = trust.config()?;
        config.resumption = Resumption::store(Arc::new(Tickets::default()));
        Ok(Secured { connector: TlsConnector::from(Arc::new(config)), name, verdict })
    }

    /// Does a handshake.
    pub(crate) async fn connect(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await
    }

    /// What was wrong with the certificate that was last refused.
    pub(crate) fn untrusted(&self) -> Option<Untrusted> {
        self.verdict.take()
    }
}

/// What a connection is protected by: the version, the suite.
pub(crate) fn describe(stream: &TlsStream<TcpStream>) -> (String, String) {
    let connection = stream.get_ref().1;
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3".to_owned(),
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2".to_owned(),
        other => format!("{other:?}"),
    };
    let suite = connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
    (version, suite.unwrap_or_default())
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn unfit(error: impl std::fmt::Display) -> Error {
    Error::Tls(error.to_string())
}

type Config = ClientConfig;
