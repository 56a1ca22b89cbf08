//! Values that are written as text, in the file and on the command line alike.

use portolan_accounts::BanMode;
use portolan_certs::ClientCertificates;
use portolan_net::ActivePort;
use portolan_net::tls::Resume;
use portolan_proto::server::TlsPolicy;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

/// Reads `50000-50099`, or one port.
///
/// # Errors
/// What is wrong and what to write.
pub fn parse_ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.trim().parse(), last.trim().parse()) {
        (Ok(first), Ok(last)) if 0 < first && first <= last => Ok(first..=last),
        _ => Err(format!("`{text}` is no range of ports; write it like 50000-50099")),
    }
}

/// Reads `auto`, `any` or a port.
///
/// # Errors
/// What is wrong and what to write.
pub fn parse_active_port(text: &str) -> Result<ActivePort, String> {
    match text {
        "auto" => Ok(ActivePort::Auto),
        "any" => Ok(ActivePort::Any),
        _ => match text.parse() {
            Ok(port) if port > 0 => Ok(ActivePort::Fixed(port)),
            _ => Err(format!("`{text}` is no port; write auto, any, or a number from 1 to 65535")),
        },
    }
}

/// Reads what TLS is needed for.
///
/// # Errors
/// What is wrong and what to write.
pub fn parse_tls(text: &str) -> Result<TlsPolicy, String> {
    match text {
        "off" => Ok(TlsPolicy::Off),
        "offer" => Ok(TlsPolicy::Offer),
        "require-login" => Ok(TlsPolicy::RequireLogin),
        "require" => Ok(TlsPolicy::RequireData),
        _ => Err(format!("`{text}` is not known here; write off, offer, require-login, or require")),
    }
}

/// Reads whether data connections resume TLS sessions.
///
/// # Errors
/// What is wrong and what to write.
pub fn parse_resume(text: &str) -> Result<Resume, String> {
    match text {
        "require" => Ok(Resume::Require),
        "prefer" => Ok(Resume::Prefer),
        "off" => Ok(Resume::Off),
        _ => Err(format!("`{text}` is not known here; write require, prefer, or off")),
    }
}

/// Reads whether addresses are banned.
pub(crate) fn parse_ban_mode(text: &str) -> Result<BanMode, String> {
    match text {
        "off" => Ok(BanMode::Off),
        "log" => Ok(BanMode::Log),
        "on" => Ok(BanMode::On),
        _ => Err(format!("`{text}` is not known here; write on, log, or off")),
    }
}

/// Reads whether clients are asked for certificates.
pub(crate) fn parse_client_certificates(text: &str) -> Result<ClientCertificates, String> {
    match text {
        "off" => Ok(ClientCertificates::Off),
        "ask" => Ok(ClientCertificates::Ask),
        "require" => Ok(ClientCertificates::Require),
        _ => Err(format!("`{text}` is not known here; write off, ask, or require")),
    }
}

/// Reads the name of a host, in lower case. One of a wildcard begins with `*.`.
pub(crate) fn parse_host_name(text: &str) -> Result<String, String> {
    let lower = text.to_ascii_lowercase();
    let label = |label: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !label.is_empty() && label.len() < 64 && label.bytes().all(letter)
    };
    let bare = lower.strip_prefix("*.").unwrap_or(&lower);
    if lower.len() < 254 && bare.split('.').all(label) && text.parse::<std::net::IpAddr>().is_err() {
        Ok(lower)
    } else {
        Err(format!("`{text}` is no host name; write it like ftp.example.org"))
    }
}

/// An address with a port.
pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is no address with a port; write it like 0.0.0.0:2121 or [::]:2121"))
}
