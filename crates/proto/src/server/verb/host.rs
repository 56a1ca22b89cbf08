//! `HOST`: chooses a virtual host (RFC 7151 §3). Where there are none, every name is this server's.

use crate::server::login::Login;
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use crate::server::settings::Host;
use std::net::IpAddr;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    if !matches!(session.login, Login::Nobody) {
        return Err(replies::after_login());
    }
    let literal = literal(argument);
    if literal.is_none() && !is_domain(argument) {
        return Err(replies::bad_argument("HOST name"));
    }
    if session.settings.hosts.is_empty() {
        return Ok(Step::Reply(replies::only_host()));
    }
    let host = match literal {
        Some(address) => (address == session.local.ip()).then_some(Host::Default),
        None => session.settings.host(argument),
    };
    let host = host.ok_or_else(replies::unknown_host)?;
    // Two names of one host agree.
    if session.security.name.as_deref().is_some_and(|name| session.settings.host(name) != Some(host)) {
        return Err(replies::other_host_in_tls());
    }
    session.chosen = Some(host);
    Ok(Step::Reply(session.greeting()))
}

/// An address, in brackets as IPv6 has to be written, or without, as some clients do.
fn literal(argument: &[u8]) -> Option<IpAddr> {
    let inner = argument.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    std::str::from_utf8(inner.unwrap_or(argument)).ok()?.parse().ok()
}

fn is_domain(argument: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    (1..=255).contains(&argument.len()) && argument.iter().all(letter)
}
