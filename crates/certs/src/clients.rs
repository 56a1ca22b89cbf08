//! Which certificates of clients are good.

use crate::{CertError, files};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, WebPkiClientVerifier};
use std::path::PathBuf;
use std::sync::Arc;

/// Whether clients are asked for certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientCertificates {
    /// They are not.
    #[default]
    Off,
    /// They are; who has none is taken too.
    Ask,
    /// They are; who has none is not taken.
    Require,
}

/// Whether clients are asked for certificates, and who vouches for them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Clients {
    /// Whether they are asked.
    pub certificates: ClientCertificates,
    /// The authorities that vouch for them, in PEM.
    pub authorities: Option<PathBuf>,
    /// Lists of those that count no more, in PEM. With lists, every certificate needs an issuer of whom
    /// there is one, and that one must not have expired.
    pub revoked: Option<PathBuf>,
}

impl Clients {
    pub(crate) fn verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, CertError> {
        let authorities = match (&self.authorities, self.certificates) {
            (Some(authorities), ClientCertificates::Ask | ClientCertificates::Require) => authorities,
            _ => return Ok(Arc::new(NoClientAuth)),
        };
        let mut roots = RootCertStore::empty();
        for certificate in files::certificates(authorities)? {
            roots.add(certificate).map_err(|error| CertError::content(authorities, error.to_string()))?;
        }
        let provider = Arc::new(default_provider());
        let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        if let Some(revoked) = &self.revoked {
            let text = files::read(revoked)?;
            let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&text).collect();
            let lists = lists.map_err(|error| CertError::content(revoked, error.to_string()))?;
            if lists.is_empty() {
                return Err(CertError::content(
                    revoked,
                    "there is no revocation list in it; one in PEM begins with -----BEGIN X509 CRL-----",
                ));
            }
            // A list that is too old may miss somebody: it counts no more, and nobody gets in by it.
            builder = builder.with_crls(lists).only_check_end_entity_revocation();
            builder = builder.enforce_revocation_expiration();
        }
        if self.certificates == ClientCertificates::Ask {
            builder = builder.allow_unauthenticated();
        }
        builder.build().map_err(|error| CertError::content(authorities, error.to_string()))
    }

    /// The files that it is made of.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.authorities.iter().chain(&self.revoked)
    }
}
