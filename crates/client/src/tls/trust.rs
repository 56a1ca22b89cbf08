//! Whose certificates are trusted.

use super::{Config, provider, unfit};
use crate::error::Result;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};
use x509_parser::prelude::{FromDer, X509Certificate};

/// The SHA-256 of a certificate's public key (its SubjectPublicKeyInfo, RFC 5280 §4.1.2.7): it stays the same when the
/// certificate is renewed with the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// That of a certificate; `None` if it is none.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Fingerprint> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        Some(Fingerprint(Sha256::digest(certificate.public_key().raw).into()))
    }

    /// Reads 64 hexadecimal digits, with or without colons between them.
    pub fn parse(text: &str) -> Option<Fingerprint> {
        let digits: Vec<char> = text.chars().filter(|character| *character != ':').collect();
        let mut bytes = [0; 32];
        if digits.len() != 64 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let value = pair
                .iter()
                .map(|digit| digit.to_digit(16))
                .try_fold(0, |value, digit| Some(value * 16 + digit?));
            *byte = u8::try_from(value?).ok()?;
        }
        Some(Fingerprint(bytes))
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02x}", if at == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

/// Keys that are trusted whatever their certificates say.
pub type Pins = Vec<Fingerprint>;

/// A certificate with its key, to show where a server asks for one.
#[derive(Debug)]
pub struct Identity {
    /// The certificate first, then those that lead to its authority.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
}

/// Whose certificates are trusted, and what is shown where a server asks for one.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Authorities that are trusted instead of those of the system.
    pub authorities: Option<Vec<CertificateDer<'static>>>,
    /// Keys that this server is known by. If there are any, no other is trusted, whatever authority vouches for it.
    pub pins: Pins,
    /// Keys that are trusted although no authority vouches for them: those that somebody has seen before and taken.
    pub known: Pins,
    /// What is shown.
    pub identity: Option<Arc<Identity>>,
    /// True to speak nothing newer than TLS 1.2, whose sessions can be resumed any number of times.
    pub tls12: bool,
}

/// Why a certificate is not trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untrusted {
    /// Its key.
    pub fingerprint: Fingerprint,
    /// What speaks against it.
    pub why: String,
    /// True when the server was known by another key.
    pub changed: bool,
}

impl std::fmt::Display for Untrusted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Untrusted { fingerprint, why, changed } = self;
        if *changed {
            return write!(f, "the server has another key than before, with the fingerprint {fingerprint}");
        }
        write!(f, "the certificate is not trusted ({why}); the fingerprint of its key is {fingerprint}")
    }
}

/// Where the verifier leaves what was wrong: an error of the handshake holds no fingerprint.
#[derive(Debug, Clone, Default)]
pub(super) struct Verdict(Arc<Mutex<Option<Untrusted>>>);

impl Verdict {
    pub(super) fn take(&self) -> Option<Untrusted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Trust {
    pub(super) fn config(&self) -> Result<(Config, Verdict)> {
        let verdict = Verdict::default();
        let inner: Arc<dyn ServerCertVerifier> = match &self.authorities {
            None => Arc::new(Verifier::new(provider()).map_err(unfit)?),
            Some(authorities) => {
                let mut roots = RootCertStore::empty();
                for authority in authorities {
                    roots.add(authority.clone()).map_err(unfit)?;
                }
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
                    .build()
                    .map_err(unfit)?
            }
        };
        let (pins, known) = (self.pins.clone(), self.known.clone());
        let verifier = Pinning { inner, pins, known, verdict: verdict.clone() };
        let versions: &[&rustls::SupportedProtocolVersion] =
            if self.tls12 { &[&rustls::version::TLS12] } else { rustls::DEFAULT_VERSIONS };
        let builder = Config::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .map_err(unfit)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder
                .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
                .map_err(unfit)?,
        };
        Ok((config, verdict))
    }
}

/// Trusts what is pinned, and where nothing is, what the authorities vouch for.
#[derive(Debug)]
struct Pinning {
    inner: Arc<dyn ServerCertVerifier>,
    pins: Pins,
    known: Pins,
    verdict: Verdict,
}

impl Pinning {
    fn refuse(&self, certificate: &CertificateDer<'_>, why: String, changed: bool) -> rustls::Error {
        if let Some(fingerprint) = Fingerprint::of(certificate) {
            let untrusted = Untrusted { fingerprint, why, changed };
            *self.verdict.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(untrusted);
        }
        rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
    }
}

impl ServerCertVerifier for Pinning {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        if !self.pins.is_empty() {
            let known = Fingerprint::of(certificate).is_some_and(|own| self.pins.contains(&own));
            return if known {
                Ok(ServerCertVerified::assertion())
            } else {
                Err(self.refuse(certificate, "it was known by another key".to_owned(), true))
            };
        }
        let verified = self.inner.verify_server_cert(certificate, intermediates, name, ocsp, now);
        verified.or_else(|error| {
            if Fingerprint::of(certificate).is_some_and(|own| self.known.contains(&own)) {
                return Ok(ServerCertVerified::assertion());
            }
            let why = match error {
                rustls::Error::InvalidCertificate(why) => why.to_string(),
                other => other.to_string(),
            };
            Err(self.refuse(certificate, why, !self.known.is_empty()))
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
