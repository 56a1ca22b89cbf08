//! The table `[tls]`.

use crate::acme;
use crate::file::Check;
use crate::reference::table;
use crate::values::{parse_client_certificates, parse_resume, parse_tls};
use portolan_certs::{Acme, CertError, Certificates, ClientCertificates, Clients, Source};
use portolan_net::tls::{Resume, TicketKey};
use portolan_proto::server::TlsPolicy;
use std::path::PathBuf;
use std::sync::Arc;
use toml::Spanned;

/// How connections are protected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// What TLS is needed for, where a listener does not say otherwise.
    pub policy: TlsPolicy,
    /// Where the certificate comes from; without it one is made.
    pub certificate: Option<Source>,
    /// Whether data connections resume the TLS session of their control connection.
    pub resume: Resume,
    /// True when clients may end the protection of the control connection.
    pub clear_control: bool,
    /// True when a client that names an unknown host gets no handshake.
    pub strict_names: bool,
    /// The file with the secret that nodes share.
    pub ticket_key: Option<PathBuf>,
    /// Certificates of clients.
    pub clients: Clients,
    /// True when they can stand for passwords.
    pub certificate_login: bool,
    /// How certificates are obtained, if they are.
    pub acme: Option<Acme>,
}

/// A secret in a file has at least so many bytes.
const SECRET_MIN: usize = 32;

impl Tls {
    /// Makes ready for handshakes.
    ///
    /// # Errors
    /// When the ticket key cannot be read.
    pub(crate) fn start(&self, certificates: Arc<Certificates>) -> Result<portolan_net::tls::Tls, CertError> {
        let key = match &self.ticket_key {
            None => TicketKey::random(),
            Some(path) => {
                let secret =
                    std::fs::read(path).map_err(|error| CertError::File { path: path.clone(), error })?;
                TicketKey::derive(&secret)
            }
        };
        Ok(portolan_net::tls::Tls::new(certificates, key, self.resume))
    }
}

table! {
    /// `[tls]`: how connections are protected.
    #[derive(Default)]
    pub(crate) struct Table {
        /// What TLS is needed for: off, offer, require-login, or require.
        policy: Option<Spanned<String>>,
        /// The file with the certificate, and those that lead to its authority; one is made if none is given.
        certificate: Option<Spanned<PathBuf>>,
        /// The file with the private key of that.
        key: Option<Spanned<PathBuf>>,
        /// Whether data connections resume the session of their control connection: require, prefer, or off.
        resume: Option<Spanned<String>>,
        /// Whether clients may end the protection of the control connection (CCC).
        clear_control: Option<Spanned<bool>>,
        /// Whether a client that names an unknown host gets no handshake.
        #[serde(default)]
        strict_names: bool,
        /// The file with a secret that nodes share.
        ticket_key: Option<Spanned<PathBuf>>,
        /// Whether clients are asked for certificates: off, ask, or require.
        client_certificates: Option<Spanned<String>>,
        /// The file with those who vouch for clients.
        client_authorities: Option<Spanned<PathBuf>>,
        /// The file with certificates of clients that are revoked.
        client_revocations: Option<Spanned<PathBuf>>,
        /// Whether a certificate stands for the password of the user that it names.
        certificate_login: Option<Spanned<bool>>,
        /// How certificates are obtained: the table `[tls.acme]`.
        acme: Option<acme::Table>,
    }
}

impl Table {
    pub(crate) fn convert(self, check: &mut Check<'_>) -> Tls {
        let policy = self.policy.and_then(|text| check.value(&text, parse_tls)).unwrap_or_default();
        let resume = self.resume.and_then(|text| check.value(&text, parse_resume)).unwrap_or_default();
        let clients = Clients {
            certificates: self
                .client_certificates
                .as_ref()
                .and_then(|text| check.value(text, parse_client_certificates))
                .unwrap_or_default(),
            authorities: self.client_authorities.as_ref().map(|path| check.path(path)),
            revoked: self.client_revocations.as_ref().map(|path| check.path(path)),
        };
        if clients.certificates == ClientCertificates::Off {
            let text =
                "nobody is asked for a certificate; write client-certificates = \"ask\" or \"require\"";
            for path in self.client_authorities.iter().chain(&self.client_revocations) {
                check.wrong(path, text.to_owned());
            }
            if let Some(login) = self.certificate_login.as_ref().filter(|login| *login.get_ref()) {
                check.wrong(login, text.to_owned());
            }
        } else if let Some(authorities) = &self.client_authorities {
            if let Err(error) = clients.check() {
                let of_list =
                    self.client_revocations.as_ref().filter(|list| error.is_about(&check.path(list)));
                check.wrong(of_list.unwrap_or(authorities), error.to_string());
            }
        } else if let Some(asked) = &self.client_certificates {
            let text = "client-authorities is missing: the file of who vouches for clients";
            check.wrong(asked, text.to_owned());
        }
        if let Some(clear) = self.clear_control.as_ref().filter(|clear| *clear.get_ref())
            && policy > TlsPolicy::Offer
        {
            let text =
                "where TLS is required, nobody may end it; leave this out, or write policy = \"offer\"";
            check.wrong(clear, text.to_owned());
        }
        let ticket_key = self.ticket_key.map(|file| {
            let path = check.path(&file);
            match std::fs::read(&path) {
                Err(error) => check.wrong(&file, format!("cannot be read: {error}")),
                Ok(secret) if secret.len() < SECRET_MIN => {
                    let text = "a secret has at least 32 bytes; `openssl rand -out FILE 32` makes one";
                    check.wrong(&file, text.to_owned());
                }
                Ok(_) => {}
            }
            path
        });
        Tls {
            policy,
            certificate: certificate(self.certificate, self.key, check),
            resume,
            clear_control: self.clear_control.is_some_and(Spanned::into_inner),
            strict_names: self.strict_names,
            ticket_key,
            clients,
            certificate_login: self.certificate_login.is_some_and(Spanned::into_inner),
            acme: self.acme.map(|table| table.convert(check)),
        }
    }
}

/// The certificate that two files make; what is wrong with them is noted.
pub(crate) fn certificate(
    certificate: Option<Spanned<PathBuf>>,
    key: Option<Spanned<PathBuf>>,
    check: &mut Check<'_>,
) -> Option<Source> {
    let (file, key) = match (certificate, key) {
        (None, None) => return None,
        (Some(one), None) => {
            check.wrong(&one, "the private key is missing: write key = \"…\" too".to_owned());
            return None;
        }
        (None, Some(one)) => {
            check.wrong(&one, "the certificate is missing: write certificate = \"…\" too".to_owned());
            return None;
        }
        (Some(certificate), Some(key)) => (certificate, key),
    };
    let source = Source::Files { certificate: check.path(&file), key: check.path(&key) };
    if let Err(error) = source.check() {
        let wrong = if error.is_about(&check.path(&key)) { &key } else { &file };
        check.wrong(wrong, error.to_string());
    }
    Some(source)
}
