//! TLS-ALPN-01: the authority asks for a certificate that only we can have made (RFC 8737).

use super::listen::listen;
use super::order::Answer;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_rustls::TlsAcceptor;

const PROTOCOL: &[u8] = b"acme-tls/1";

/// By name: the certificate that answers for it.
#[derive(Debug, Default)]
struct Answers(Mutex<HashMap<String, Arc<CertifiedKey>>>);

pub(super) struct Responder {
    answers: Arc<Answers>,
}

impl Responder {
    pub(super) async fn start(addresses: &[SocketAddr]) -> io::Result<Responder> {
        let answers = Arc::new(Answers::default());
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&answers) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let answer = move |stream| {
            let handshake = acceptor.accept(stream);
            // The handshake is all there is to see.
            async move { drop(handshake.await) }
        };
        listen(addresses, answer).await?;
        Ok(Responder { answers })
    }

    pub(super) fn offer(&self, answer: &Answer) -> io::Result<()> {
        let made =
            certificate(&answer.name, answer.authorization.digest().as_ref()).map_err(io::Error::other)?;
        let mut answers = self.answers.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers.insert(answer.name.to_ascii_lowercase(), Arc::new(made));
        Ok(())
    }

    pub(super) fn withdraw(&self, answer: &Answer) {
        let mut answers = self.answers.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers.remove(&answer.name.to_ascii_lowercase());
    }
}

fn certificate(name: &str, digest: &[u8]) -> Result<CertifiedKey, Box<dyn std::error::Error + Send + Sync>> {
    let mut parameters = CertificateParams::new(vec![name.to_owned()])?;
    parameters.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate()?;
    let certificate = parameters.self_signed(&key)?;
    let private = PrivateKeyDer::try_from(key.serialize_der())?;
    // Not by `from_der`, which looks into the certificate and stumbles over that extension.
    let private = default_provider().key_provider.load_private_key(private)?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], private))
}

impl ResolvesServerCert for Answers {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?.to_ascii_lowercase();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned()
    }
}
