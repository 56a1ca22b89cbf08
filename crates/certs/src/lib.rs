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
mod private;
mod watch;

use portolan_net::tls::Credentials;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

pub use acme::{Acme, Challenge, LETS_ENCRYPT, Renewal};
pub use clients::{ClientCertificates, Clients};
pub use error::CertError;
pub use names::{fingerprint, users_in};
pub use watch::{Watched, watch};

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
        /// The folder, made when it is missing. Without one, there is another certificate at each start.
        folder: Option<PathBuf>,
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
        own: Option<PathBuf>,
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
    files: Mutex<Watched>,
}

impl Shown {
    fn key(&self) -> Option<Arc<CertifiedKey>> {
        self.key.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// True when a client that asks for this name means this host.
    fn is_called(&self, name: &str) -> bool {
        self.host.names.iter().any(|own| names::is_match(own, name))
    }
}

/// All certificates of a server.
#[derive(Debug)]
pub struct Certificates {
    /// The default host, then the virtual ones in their order.
    shown: Vec<Shown>,
    strict: bool,
    clients: Clients,
    client_files: Mutex<Watched>,
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
            // Looked at before they are read, so that no change is missed.
            let files = Watched::new(host.source.as_ref().map_or_else(Vec::new, Source::files));
            let key = host.source.as_ref().map(load).transpose()?;
            Ok(Shown { host, key: RwLock::new(key), files: Mutex::new(files) })
        };
        let shown = std::iter::once(default).chain(hosts).map(load).collect::<Result<_, CertError>>()?;
        let client_files = Mutex::new(Watched::new(clients.files().cloned().collect()));
        let verifier = RwLock::new(clients.verifier()?);
        Ok(Certificates { shown, strict, clients, client_files, verifier })
    }

    /// The SHA-256 of the default host's certificate, as people compare it.
    pub fn fingerprint(&self) -> Option<String> {
        self.shown.first()?.key()?.cert.first().map(|der| fingerprint(der))
    }

    /// The names of each certificate that is to be obtained by ACME.
    pub fn to_obtain(&self) -> Vec<Vec<String>> {
        let names = |shown: &Shown| match &shown.host.source {
            Some(Source::Acme { names, .. }) => Some(names.clone()),
            _ => None,
        };
        self.shown.iter().filter_map(names).collect()
    }

    fn default_key(&self) -> Option<Arc<CertifiedKey>> {
        self.shown.first()?.key()
    }
}

impl Credentials for Certificates {
    fn certificate(&self, name: Option<&str>, host: Option<usize>) -> Option<Arc<CertifiedKey>> {
        let called = name.and_then(|name| self.shown.iter().find(|shown| shown.is_called(name)));
        let chosen = called.or_else(|| self.shown.get(host? + 1));
        let key = chosen.and_then(Shown::key).or_else(|| self.default_key())?;
        let fits = |name| {
            let names = key.cert.first().map(|der| names::hosts_in(der)).unwrap_or_default();
            names.iter().any(|pattern| names::is_match(pattern, name))
        };
        (!self.strict || name.is_none_or(fits)).then_some(key)
    }

    fn clients(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.verifier.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Source {
    /// The files that may change.
    fn files(&self) -> Vec<PathBuf> {
        match self {
            Source::Files { certificate, key } => vec![certificate.clone(), key.clone()],
            Source::Acme { folder, names, .. } => vec![acme::file_of(folder, names)],
            Source::Own { .. } => Vec::new(),
        }
    }

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
        Source::Own { folder, names } => own::load_or_make(folder.as_deref(), names),
        Source::Acme { folder, names, own } => {
            let file = acme::file_of(folder, names);
            if file.exists() {
                match files::load(&file, &file) {
                    // It is obtained again.
                    Err(error) => tracing::error!(%error, "a certificate that was obtained cannot be used"),
                    loaded => return loaded,
                }
            }
            own::load_or_make(own.as_deref(), names)
        }
    }
}
