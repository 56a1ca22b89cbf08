//! The names in certificates.

use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The names of hosts in a certificate: its alternative names that are DNS names. None for what is no
/// certificate.
pub(crate) fn hosts_in(der: &[u8]) -> Vec<String> {
    names_in(der, |name| match name {
        GeneralName::DNSName(name) => Some(name),
        _ => None,
    })
}

/// The users that a certificate names: its mail addresses, else the common name of its subject, if that is
/// one. Never names of hosts: authorities give those to whoever has the host.
pub fn users_in(der: &[u8]) -> Vec<String> {
    let addresses = names_in(der, |name| match name {
        GeneralName::RFC822Name(name) => Some(name),
        _ => None,
    });
    if !addresses.is_empty() {
        return addresses;
    }
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return Vec::new() };
    let mut common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    match (common.next(), common.next()) {
        (Some(one), None) => vec![one.to_owned()],
        _ => Vec::new(),
    }
}

fn names_in(der: &[u8], wanted: for<'a> fn(&GeneralName<'a>) -> Option<&'a str>) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return Vec::new() };
    let Ok(Some(alternatives)) = certificate.subject_alternative_name() else { return Vec::new() };
    alternatives.value.general_names.iter().filter_map(wanted).map(str::to_owned).collect()
}

/// The SHA-256 of a certificate, as people compare it.
pub fn fingerprint(der: &[u8]) -> String {
    let bytes: Vec<String> = Sha256::digest(der).iter().map(|byte| format!("{byte:02X}")).collect();
    bytes.join(":")
}

/// True when a name of a certificate, whose first label may be `*`, is this name (RFC 6125 §6.4.3).
pub(crate) fn is_match(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => name
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(parent)),
        None => pattern.eq_ignore_ascii_case(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_label() {
        assert!(is_match("*.example.org", "ftp.Example.org"));
        assert!(is_match("ftp.example.org", "FTP.example.org"));
        for (pattern, name) in [
            ("*.example.org", "example.org"),
            ("*.example.org", "a.b.example.org"),
            ("a.example", "b.example"),
        ] {
            assert!(!is_match(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn users_and_hosts_are_named_in_different_places() {
        let make = |names: &[&str], mail: Option<&str>, common: &str| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let mut parameters = rcgen::CertificateParams::new(names).unwrap();
            if let Some(mail) = mail {
                parameters.subject_alt_names.push(rcgen::SanType::Rfc822Name(mail.try_into().unwrap()));
            }
            parameters.distinguished_name.push(rcgen::DnType::CommonName, common);
            parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec()
        };
        let machine = make(&["backup", "ftp.example.org"], None, "machine 7");
        assert_eq!(hosts_in(&machine), ["backup", "ftp.example.org"]);
        assert_eq!(users_in(&machine), ["machine 7"]);
        // Who vouches for an address only has not looked at the rest.
        assert_eq!(users_in(&make(&[], Some("anna@example.org"), "root")), ["anna@example.org"]);
        assert_eq!(users_in(b"nonsense"), Vec::<String>::new());
    }
}
