//! Certificates: where those of the server come from, what becomes of them when their files change, and
//! which certificates of clients are good.
//!
//! What this crate is not: it does no handshake and knows no FTP.

mod acme;
mod clients;
mod error;
mod files;
mod names;
mod own;
mod watch;

use portolan_net::tls::Credentials;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

pub use acme::{Acme, Challenge, LETS_ENCRYPT, Renewal};
pub use clients::{ClientCertificates, Clients};
pub use error::CertError;
pub use names::{fingerprint, names_in};
pub use watch::watch;

/// Where a certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// From files in PEM.
    Files {
        /// The certificate, then those that lead to its authority.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// Made by ourselves on the first start, and kept in this folder.
    Own {
        /// The folder; made when it is missing.
        folder: PathBuf,
        /// The names of the server.
        names: Vec<String>,
    },
    /// Obtained by ACME and kept in this folder; until it is there, one of our own making is shown.
    Acme {
        /// The folder.
        folder: PathBuf,
        /// The names.
        names: Vec<String>,
        /// Where our own one is kept.
        own: PathBuf,
    },
}

/// A host, and where its certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The names that clients call it by.
    pub names: Vec<String>,
    /// Where its certificate comes from. Without one the default host's is shown.
    pub source: Option<Source>,
}

/// A certificate in use.
#[derive(Debug)]
struct Shown {
    host: Host,
    key: RwLock<Option<Arc<CertifiedKey>>>,
}

impl Shown {
    fn key(&self) -> Option<Arc<CertifiedKey>> {
        self.key.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// True when a client that asks for this name means this host.
    fn is_called(&self, name: &str) -> bool {
        self.host.names.iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// All certificates of a server.
#[derive(Debug)]
pub struct Certificates {
    /// The default host, then the virtual ones in their order.
    shown: Vec<Shown>,
    strict: bool,
    clients: Clients,
    verifier: RwLock<Arc<dyn ClientCertVerifier>>,
}

impl Certificates {
    /// Loads all certificates: that of the default host, which must have one, then those of the virtual
    /// hosts in their order. `strict`: a client that names a host for which there is no certificate gets
    /// none.
    ///
    /// # Errors
    /// When a certificate cannot be used: which one, and why.
    pub fn load(
        default: Host,
        hosts: Vec<Host>,
        clients: Clients,
        strict: bool,
    ) -> Result<Certificates, CertError> {
        let load = |host: Host| {
            let key = host.source.as_ref().map(load).transpose()?;
            Ok(Shown { host, key: RwLock::new(key) })
        };
        let shown = std::iter::once(default).chain(hosts).map(load).collect::<Result<_, CertError>>()?;
        let verifier = RwLock::new(clients.verifier()?);
        Ok(Certificates { shown, strict, clients, verifier })
    }

    /// The SHA-256 of the default host's certificate, as people compare it.
    pub fn fingerprint(&self) -> Option<String> {
        self.shown.first()?.key()?.cert.first().map(|der| fingerprint(der))
    }

    /// The names of each certificate that is obtained by ACME.
    pub fn obtained(&self) -> Vec<Vec<String>> {
        let names = |shown: &Shown| match &shown.host.source {
            Some(Source::Acme { names, .. }) => Some(names.clone()),
            _ => None,
        };
        self.shown.iter().filter_map(names).collect()
    }

    fn default_key(&self) -> Option<Arc<CertifiedKey>> {
        self.shown.first()?.key()
    }

    /// True when one of the certificates is for this name.
    fn is_ours(&self, name: &str) -> bool {
        self.shown.iter().filter_map(Shown::key).any(|key| {
            let names = key.cert.first().map(|der| names_in(der)).unwrap_or_default();
            names.iter().any(|pattern| names::is_match(pattern, name))
        })
    }
}

impl Credentials for Certificates {
    fn certificate(&self, name: Option<&str>, host: Option<usize>) -> Option<Arc<CertifiedKey>> {
        if let Some(name) = name {
            if let Some(called) = self.shown.iter().find(|shown| shown.is_called(name)) {
                return called.key().or_else(|| self.default_key());
            }
            if self.strict && !self.is_ours(name) {
                return None;
            }
        }
        let chosen = host.and_then(|number| self.shown.get(number + 1)).and_then(Shown::key);
        chosen.or_else(|| self.default_key())
    }

    fn clients(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.verifier.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Source {
    /// Sees whether it can be used. Nothing is made.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), CertError> {
        match self {
            Source::Files { certificate, key } => files::load(certificate, key).map(drop),
            Source::Own { .. } | Source::Acme { .. } => Ok(()),
        }
    }
}

impl Clients {
    /// Sees whether its files can be used.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), CertError> {
        self.verifier().map(drop)
    }
}

fn load(source: &Source) -> Result<Arc<CertifiedKey>, CertError> {
    match source {
        Source::Files { certificate, key } => files::load(certificate, key),
        Source::Own { folder, names } => own::load_or_make(folder, names),
        Source::Acme { folder, names, own } => {
            let file = acme::file_of(folder, names);
            if file.exists() { files::load(&file, &file) } else { own::load_or_make(own, names) }
        }
    }
}
