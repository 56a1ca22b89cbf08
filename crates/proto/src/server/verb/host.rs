//! `HOST`: one server for every name (RFC 7151 §3).

use crate::server::login::Login;
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use std::net::IpAddr;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    if !matches!(session.login, Login::Nobody) {
        return Err(replies::after_login());
    }
    if !is_host(argument) {
        return Err(replies::bad_argument("HOST name"));
    }
    Ok(Step::Reply(replies::host_taken()))
}

/// A host name, or an address in brackets (RFC 7151 §3.1), which some clients leave out.
fn is_host(argument: &[u8]) -> bool {
    let inner = argument.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    let literal = std::str::from_utf8(inner.unwrap_or(argument)).unwrap_or_default();
    if literal.parse::<IpAddr>().is_ok() {
        return true;
    }
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    (1..=255).contains(&argument.len()) && argument.iter().all(letter)
}
