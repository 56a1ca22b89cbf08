//! `REIN`: logs out and keeps the connection, which is then as it was at its beginning (RFC 959 §4.1.1):
//! in the clear, unless TLS is implicit (RFC 4217 §13), and with no host chosen (RFC 7151 §3.2.1).

use crate::server::effect::Output;
use crate::server::replies;
use crate::server::security::Security;
use crate::server::session::{Answer, Session, Step};

pub(crate) fn run(session: &mut Session, _: &[u8]) -> Answer {
    session.reset();
    session.send(&replies::reinitialised());
    if session.implicit_tls {
        session.security.data = true;
        session.chosen = session.security.name.as_deref().and_then(|name| session.settings.host(name));
    } else {
        if session.security.is_protected() {
            // The reply above is the last that is protected.
            session.output(Output::EndTls);
        }
        session.security = Security::NONE;
        session.chosen = None;
    }
    Ok(Step::Later)
}
