//! `PBSZ`: the size of protected blocks, which TLS sees to itself (RFC 4217 §8).

use crate::server::replies;
use crate::server::security::Control;
use crate::server::session::{Answer, Session, Step};

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    match session.security.control {
        Control::Clear => return Err(replies::auth_first()),
        Control::Cleared => return Err(replies::after_ccc()),
        Control::Protected => {}
    }
    if argument.is_empty() || argument.len() > 20 || !argument.iter().all(u8::is_ascii_digit) {
        return Err(replies::bad_argument("PBSZ 0"));
    }
    session.security.sized = true;
    Ok(Step::Reply(replies::okay("PBSZ=0")))
}
