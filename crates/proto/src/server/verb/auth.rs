//! `AUTH`: begins TLS (RFC 4217 §4). Whatever was agreed or sent in the clear before counts no more.

use crate::server::effect::{Effect, Outcome};
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use crate::server::settings::TlsPolicy;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    if session.tls == TlsPolicy::Off {
        return Err(replies::not_offered());
    }
    if session.security.is_protected() {
        return Err(replies::protected_already());
    }
    // The drafts that RFC 4217 grew out of had data protected after SSL and TLS-P without a word, and
    // clients that write it so rely on that.
    let data = match argument.to_ascii_uppercase().as_slice() {
        b"TLS" | b"TLS-C" => false,
        b"SSL" | b"TLS-P" => true,
        _ => return Err(replies::unknown_mechanism()),
    };
    session.forget_injected();
    let then = move |session: &mut Session, outcome: Outcome| {
        if !matches!(outcome, Outcome::Done) {
            return Step::Reply(replies::other(&outcome));
        }
        session.reset();
        session.send(&replies::begin_tls());
        let effect = Effect::BeginTls { host: session.host() };
        Step::Start(effect, Box::new(move |session, outcome| session.take_handshake(outcome, data)))
    };
    Ok(Step::Start(Effect::PrepareTls, Box::new(then)))
}
