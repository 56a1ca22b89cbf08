//! `CCC`: ends TLS on the control connection (RFC 4217 §5). Data stays as protected as it is.

use crate::server::effect::Output;
use crate::server::replies;
use crate::server::security::Control;
use crate::server::session::{Answer, Session, Step};
use crate::server::settings::TlsPolicy;

pub(crate) fn run(session: &mut Session, _: &[u8]) -> Answer {
    if !session.security.is_protected() {
        return Err(replies::not_protected());
    }
    if !session.settings.clear_control || session.tls > TlsPolicy::Offer {
        return Err(replies::clear_control_refused());
    }
    session.send(&replies::okay("The control connection goes on in the clear"));
    session.output(Output::EndTls);
    session.security.control = Control::Cleared;
    Ok(Step::Later)
}
