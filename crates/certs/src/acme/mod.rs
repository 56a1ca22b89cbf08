//! Certificates from an authority that gives them to whoever shows that the names are theirs (ACME,
//! RFC 8555): obtained when they are missing, renewed in time, kept on disk with the account.
//!
//! A certificate is written to its file, and taken up from there like any other: what obtains it need
//! not be what shows it.

mod alpn;
mod dns;
mod http;
mod listen;
mod order;

use crate::{files, private};
use portolan_helpers::Launcher;
use rand::RngExt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Let's Encrypt.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// How often the certificates are looked at.
const EVERY: Duration = Duration::from_secs(60 * 60);

/// How long obtaining a certificate may take: a program for DNS-01 may wait long for name servers.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// The pause after a failure; it doubles with each, up to the second value.
const PAUSE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(12 * 60 * 60));

/// How certificates are obtained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// Where the authority says what it offers.
    pub directory: String,
    /// A file in PEM with who vouches for that address, when it is not one that the system knows.
    pub authorities: Option<PathBuf>,
    /// Where the authority may write to: `mailto:…`.
    pub contact: Option<String>,
    /// How the names are shown to be ours.
    pub challenge: Challenge,
}

/// How names are shown to be ours (RFC 8555 §8, RFC 8737).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// HTTP-01: the authority asks by HTTP on port 80, which leads to one of these addresses.
    Http(Vec<SocketAddr>),
    /// TLS-ALPN-01: the authority asks by TLS on port 443, which leads to one of these addresses.
    TlsAlpn(Vec<SocketAddr>),
    /// DNS-01: this program sets a record, called as `PROGRAM add NAME VALUE`, then
    /// `PROGRAM remove NAME VALUE`.
    Dns(PathBuf),
}

/// What shows that names are ours.
enum Responder {
    Http(http::Responder),
    TlsAlpn(alpn::Responder),
    Dns(dns::Responder),
}

/// Obtains and renews certificates.
pub struct Renewal {
    acme: Acme,
    /// Where the account and the certificates are kept.
    folder: PathBuf,
    responder: Responder,
}

/// The file that a host's certificate is kept in.
pub(crate) fn file_of(folder: &Path, names: &[String]) -> PathBuf {
    let name = names.first().map_or("certificate", String::as_str);
    folder.join(format!("{}.pem", name.replace('*', "_")))
}

impl Acme {
    /// Makes ready to answer the authority's questions, for which a program may have to be started. The account and the
    /// certificates are kept in `folder`.
    ///
    /// # Errors
    /// When an address cannot be listened on.
    pub async fn start(self, folder: PathBuf, launcher: Launcher) -> io::Result<Renewal> {
        let responder = match &self.challenge {
            Challenge::Http(addresses) => Responder::Http(http::Responder::start(addresses).await?),
            Challenge::TlsAlpn(addresses) => Responder::TlsAlpn(alpn::Responder::start(addresses).await?),
            Challenge::Dns(program) => Responder::Dns(dns::Responder::new(program.clone(), launcher)),
        };
        Ok(Renewal { acme: self, folder, responder })
    }
}

impl Renewal {
    /// Obtains a certificate for each of these groups of names when it is missing, and renews it in time,
    /// for as long as it is polled. Failures are logged, and tried again after a pause.
    pub async fn run(self, hosts: Vec<Vec<String>>) {
        let mut pause = PAUSE.0;
        loop {
            let mut failed = false;
            for names in &hosts {
                let file = file_of(&self.folder, names);
                if !is_due(&file, names) {
                    continue;
                }
                tracing::info!(?names, directory = self.acme.directory, "asking for a certificate");
                match self.obtain(names, &file).await {
                    Ok(()) => tracing::info!(?names, "certificate obtained"),
                    Err(error) => {
                        failed = true;
                        let error = whole(&error);
                        tracing::error!(?names, error, again_in = pause.as_secs(), "no certificate");
                    }
                }
            }
            // Not all servers of the world at the full hour.
            let jitter = rand::rng().random_range(0.9..1.1);
            tokio::time::sleep(if failed { pause } else { EVERY }.mul_f64(jitter)).await;
            pause = if failed { (pause * 2).min(PAUSE.1) } else { PAUSE.0 };
        }
    }

    async fn obtain(&self, names: &[String], file: &Path) -> Result<(), order::OrderError> {
        let obtaining = order::obtain(&self.acme, &self.folder, &self.responder, names);
        let text = tokio::time::timeout(PATIENCE, obtaining).await.map_err(|_| order::OrderError::Late)??;
        private::write(file, &text).map_err(|error| order::OrderError::Kept(file.to_owned(), error))
    }
}

/// An error with what caused it, which libraries leave out of their own words.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        let words = deeper.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = deeper.source();
    }
    text
}

/// True when there is no certificate for these names, or when two thirds of its time are over.
fn is_due(file: &Path, names: &[String]) -> bool {
    let Ok(loaded) = files::load(file, file) else { return true };
    let Some(der) = loaded.cert.first() else { return true };
    let has = crate::names::hosts_in(der);
    if names.iter().any(|name| !has.iter().any(|own| own.eq_ignore_ascii_case(name))) {
        return true;
    }
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return true };
    let validity = certificate.validity();
    let (from, until) = (validity.not_before.timestamp(), validity.not_after.timestamp());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(now).unwrap_or(i64::MAX) >= from + (until - from) / 3 * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_due_after_two_thirds_of_its_time_or_with_other_names() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.pem");
        let names = ["ftp.example.org".to_owned()];
        assert!(is_due(&file, &names), "there is none");
        let write = |from: i64, until: i64| {
            let mut parameters = rcgen::CertificateParams::new(names.to_vec()).unwrap();
            let day = |days: i64| {
                let time = SystemTime::now() + Duration::from_secs(400 * 86_400);
                let at = time - Duration::from_secs(u64::try_from(400 - days).unwrap() * 86_400);
                at.into()
            };
            (parameters.not_before, parameters.not_after) = (day(from), day(until));
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate = parameters.self_signed(&key).unwrap().pem();
            std::fs::write(&file, certificate + &key.serialize_pem()).unwrap();
        };
        for (from, until, due) in [(-1, 89, false), (-59, 31, false), (-61, 29, true), (-91, -1, true)] {
            write(from, until);
            assert_eq!(is_due(&file, &names), due, "{from} {until}");
        }
        write(-1, 89);
        assert!(is_due(&file, &["other.example.org".to_owned()]));
        std::fs::write(&file, "").unwrap();
        assert!(is_due(&file, &names), "it is damaged");
    }
}
