//! `HOST`: chooses a virtual host (RFC 7151 §3). Where there are none, every name is this server's.

use crate::server::login::Login;
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
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
    if session.security.name.as_deref().is_some_and(|name| !is_same(name, argument)) {
        return Err(replies::other_host_in_tls());
    }
    session.host = match literal {
        Some(address) if address == session.local.ip() => None,
        Some(_) => return Err(replies::unknown_host()),
        None => Some(session.settings.host(argument).ok_or_else(replies::unknown_host)?),
    };
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

fn is_same(one: &[u8], other: &[u8]) -> bool {
    let bare = |name: &[u8]| name.strip_suffix(b".").unwrap_or(name).to_ascii_lowercase();
    bare(one) == bare(other)
}
