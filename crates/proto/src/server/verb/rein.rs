//! `REIN`: logs out and keeps the connection (RFC 959 §4.1.1).

use crate::server::replies;
use crate::server::session::{Answer, Session, Step};

pub(crate) fn run(session: &mut Session, _: &[u8]) -> Answer {
    session.reset();
    // RFC 7151 §3.2.1: the host is open again, but for what the TLS handshake said.
    session.host = session.security.name.as_deref().and_then(|name| session.settings.host(name));
    Ok(Step::Reply(replies::reinitialised()))
}
