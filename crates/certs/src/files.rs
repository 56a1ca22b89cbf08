//! Certificates and keys in PEM files.

use crate::CertError;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::path::Path;
use std::sync::Arc;

/// Larger files are none that hold certificates.
const FILE_MAX: u64 = 4 << 20;

/// Loads a certificate and its key; they may lie in one file.
pub(crate) fn load(certificate: &Path, key: &Path) -> Result<Arc<CertifiedKey>, CertError> {
    from_text(certificate, &read(certificate)?, key, &read(key)?)
}

/// The same of texts that lie, or would lie, in these files.
pub(crate) fn from_text(
    certificate: &Path,
    chain: &[u8],
    key: &Path,
    private: &[u8],
) -> Result<Arc<CertifiedKey>, CertError> {
    let chain = certificates_in(certificate, chain)?;
    let private = PrivateKeyDer::from_pem_slice(private).map_err(|error| match error {
        pem::Error::NoItemsFound => CertError::content(
            key,
            "there is no private key in it that is not encrypted; it begins with -----BEGIN PRIVATE KEY-----",
        ),
        error => CertError::content(key, error.to_string()),
    })?;
    let made = CertifiedKey::from_der(chain, private, &default_provider());
    made.map(Arc::new).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            CertError::content(key, format!("the key does not belong to {}", certificate.display()))
        }
        error => CertError::content(key, error.to_string()),
    })
}

/// All certificates of a file; at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertError> {
    certificates_in(path, &read(path)?)
}

fn certificates_in(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(CertError::content(
            path,
            "there is no certificate in it; one in PEM begins with -----BEGIN CERTIFICATE-----",
        )),
        Ok(chain) => Ok(chain),
        Err(error) => Err(CertError::content(path, error.to_string())),
    }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, CertError> {
    let size = std::fs::metadata(path).map_err(CertError::file(path))?.len();
    if size > FILE_MAX {
        return Err(CertError::content(path, "it is far too large for certificates"));
    }
    std::fs::read(path).map_err(CertError::file(path))
}
