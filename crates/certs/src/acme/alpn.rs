//! TLS-ALPN-01: the authority asks for a certificate that only we can have made (RFC 8737).

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
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

const PROTOCOL: &[u8] = b"acme-tls/1";

/// Questions that are answered at the same time, and how long each may take.
const AT_ONCE: usize = 16;
const PATIENCE: Duration = Duration::from_secs(10);

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
        for listener in listen(addresses).await? {
            tokio::spawn(serve(listener, acceptor.clone()));
        }
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

async fn serve(listener: TcpListener, acceptor: TlsAcceptor) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // The handshake is all there is to see.
                    let _ = tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection for TLS-ALPN-01");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Listens on all addresses that this system has.
pub(super) async fn listen(addresses: &[SocketAddr]) -> io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for address in addresses {
        match TcpListener::bind(address).await {
            Ok(listener) => listeners.push(listener),
            // A socket of all IPv6 addresses takes IPv4 too on most systems, and then has the port.
            Err(error) if !listeners.is_empty() => tracing::warn!(%address, %error, "not listened on"),
            Err(error) => return Err(io::Error::new(error.kind(), format!("{address}: {error}"))),
        }
    }
    Ok(listeners)
}
