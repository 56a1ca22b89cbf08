//! `PROT`: whether data connections are protected (RFC 4217 §9).

use crate::server::replies;
use crate::server::security::Control;
use crate::server::session::{Answer, Session, Step};
use crate::server::settings::TlsPolicy;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    match session.security.control {
        Control::Clear => return Err(replies::auth_first()),
        Control::Cleared => return Err(replies::after_ccc()),
        Control::Protected if !session.security.sized => return Err(replies::pbsz_first()),
        Control::Protected => {}
    }
    let data = match argument.to_ascii_uppercase().as_slice() {
        b"P" => true,
        b"C" if session.tls == TlsPolicy::RequireData => return Err(replies::clear_data_refused()),
        b"C" => false,
        b"S" | b"E" => return Err(replies::protection_not_supported()),
        _ => return Err(replies::parameter_not_offered()),
    };
    if data != session.security.data {
        // Where a data connection is awaited, it is awaited as it was announced.
        session.drop_data();
    }
    session.security.data = data;
    Ok(Step::Reply(replies::okay(if data { "Data is protected" } else { "Data travels in the clear" })))
}
