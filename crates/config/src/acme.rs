//! The table `[tls.acme]`.

use crate::file::Check;
use portolan_certs::{Challenge, LETS_ENCRYPT};
use serde::Deserialize;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use toml::Spanned;

/// How certificates are obtained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// The names of the default host; none when it has another certificate.
    pub names: Vec<String>,
    /// Where the authority says what it offers.
    pub directory: String,
    /// Who vouches for that address, when the system does not know.
    pub authorities: Option<PathBuf>,
    /// Where the authority may write to.
    pub contact: Option<String>,
    /// How the names are shown to be ours.
    pub challenge: Challenge,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Table {
    #[serde(default)]
    names: Vec<Spanned<String>>,
    directory: Option<Spanned<String>>,
    directory_authorities: Option<Spanned<PathBuf>>,
    contact: Option<Spanned<String>>,
    challenge: Option<Spanned<String>>,
    listen: Option<Spanned<Vec<SocketAddr>>>,
    dns_program: Option<Spanned<PathBuf>>,
}

impl Table {
    pub(crate) fn convert(self, check: &mut Check<'_>) -> Acme {
        let challenge = self.challenge(check);
        for name in &self.names {
            let wildcard = name.get_ref().starts_with("*.") && !matches!(challenge, Challenge::Dns(_));
            if wildcard || !name.get_ref().contains('.') {
                let text = "such a name gets no certificate; write full names, and `*.` only with dns-01";
                check.wrong(name, text.to_owned());
            }
        }
        if let Some(contact) =
            self.contact.as_ref().filter(|contact| !contact.get_ref().starts_with("mailto:"))
        {
            check.wrong(contact, "write it like mailto:me@example.org".to_owned());
        }
        if let Some(directory) = self.directory.as_ref().filter(|url| !url.get_ref().starts_with("https://"))
        {
            check.wrong(directory, "a directory is an address that begins with https://".to_owned());
        }
        Acme {
            names: self.names.into_iter().map(|name| name.into_inner().to_ascii_lowercase()).collect(),
            directory: self.directory.map_or_else(|| LETS_ENCRYPT.to_owned(), Spanned::into_inner),
            authorities: self.directory_authorities.map(|path| check.path(&path)),
            contact: self.contact.map(Spanned::into_inner),
            challenge,
        }
    }

    fn challenge(&self, check: &mut Check<'_>) -> Challenge {
        let everywhere =
            |port| vec![(Ipv4Addr::UNSPECIFIED, port).into(), (Ipv6Addr::UNSPECIFIED, port).into()];
        let listen =
            |port| self.listen.as_ref().map_or_else(|| everywhere(port), |listen| listen.get_ref().clone());
        let Some(word) = &self.challenge else { return Challenge::Http(listen(80)) };
        match (word.get_ref().as_str(), &self.dns_program) {
            ("http-01", _) => Challenge::Http(listen(80)),
            ("tls-alpn-01", _) => Challenge::TlsAlpn(listen(443)),
            ("dns-01", Some(program)) => Challenge::Dns(check.path(program)),
            ("dns-01", None) => {
                check.wrong(word, "dns-program is missing: the program that sets the record".to_owned());
                Challenge::Http(Vec::new())
            }
            (other, _) => {
                let text = format!("`{other}` is not known here; write http-01, tls-alpn-01, or dns-01");
                check.wrong(word, text);
                Challenge::Http(Vec::new())
            }
        }
    }
}
