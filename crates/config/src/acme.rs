//! The table `[tls.acme]`.

use crate::file::Check;
use crate::reference::table;
use portolan_certs::{Acme, Challenge, LETS_ENCRYPT};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use toml::Spanned;

table! {
    /// `[tls.acme]`: how certificates are obtained.
    pub(crate) struct Table {
        /// The authority. By default that of Let’s Encrypt.
        directory: Option<Spanned<String>>,
        /// The file with those who vouch for its address, when the system does not know them.
        directory_authorities: Option<Spanned<PathBuf>>,
        /// Where it may write to, like mailto:me@example.org.
        contact: Option<Spanned<String>>,
        /// How it asks: http-01, tls-alpn-01, or dns-01.
        challenge: Option<Spanned<String>>,
        /// Where it is answered (http-01, tls-alpn-01).
        listen: Option<Spanned<Vec<SocketAddr>>>,
        /// The program that writes to the DNS (dns-01).
        dns_program: Option<Spanned<PathBuf>>,
    }
}

impl Table {
    pub(crate) fn convert(self, check: &mut Check<'_>) -> Acme {
        let challenge = self.challenge(check);
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
            directory: self.directory.map_or_else(|| LETS_ENCRYPT.to_owned(), Spanned::into_inner),
            authorities: self.directory_authorities.map(|path| check.path(&path)),
            contact: self.contact.map(Spanned::into_inner),
            challenge,
        }
    }

    fn challenge(&self, check: &mut Check<'_>) -> Challenge {
        let everywhere =
            |port| vec![(Ipv4Addr::UNSPECIFIED, port).into(), (Ipv6Addr::UNSPECIFIED, port).into()];
        let word = self.challenge.as_ref().map_or("http-01", |word| word.get_ref().as_str());
        let port = if word == "tls-alpn-01" { 443 } else { 80 };
        if let Some(listen) = &self.listen {
            if word == "dns-01" {
                check.wrong(listen, "nothing is asked here by dns-01; leave it out".to_owned());
            } else if listen.get_ref().is_empty() {
                check.wrong(listen, format!("nobody could ask; write it like [\"0.0.0.0:{port}\"]"));
            }
        }
        if let Some(program) = self.dns_program.as_ref().filter(|_| word != "dns-01") {
            check.wrong(program, "it is called with challenge = \"dns-01\" only; leave it out".to_owned());
        }
        let listen = self.listen.as_ref().map_or_else(|| everywhere(port), |listen| listen.get_ref().clone());
        match (word, &self.dns_program, &self.challenge) {
            ("http-01", _, _) | (_, _, None) => Challenge::Http(listen),
            ("tls-alpn-01", _, _) => Challenge::TlsAlpn(listen),
            ("dns-01", Some(program), _) => {
                let path = check.path(program);
                if !path.is_file() {
                    check.wrong(program, format!("{} is no program", path.display()));
                }
                Challenge::Dns(path)
            }
            (_, _, Some(written)) => {
                let text = match word {
                    "dns-01" => "dns-program is missing: the program that sets the record".to_owned(),
                    _ => format!("`{word}` is not known here; write http-01, tls-alpn-01, or dns-01"),
                };
                check.wrong(written, text);
                Challenge::Http(Vec::new())
            }
        }
    }
}

/// Sees that the authority gives certificates for these names.
pub(crate) fn check_names(names: &[Spanned<String>], challenge: &Challenge, check: &mut Check<'_>) {
    for name in names {
        let wildcard = name.get_ref().starts_with("*.") && !matches!(challenge, Challenge::Dns(_));
        if wildcard || !name.get_ref().contains('.') {
            let text = "such a name gets no certificate by ACME; write full names, and `*.` only with dns-01";
            check.wrong(name, text.to_owned());
        }
    }
}
