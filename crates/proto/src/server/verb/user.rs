//! `USER`: begins a login, or another one (RFC 959 §4.1.1). A client certificate may end it at once
//! (RFC 2228 §3, 232).

use super::pass::log_in;
use crate::server::effect::{Effect, Outcome, Proof};
use crate::server::login::Login;
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use crate::server::settings::TlsPolicy;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    if argument.is_empty() {
        return Err(replies::argument_missing());
    }
    let protected = session.security.is_protected();
    if session.tls > TlsPolicy::Offer && !protected {
        return Err(replies::tls_first());
    }
    session.log_out();
    let user = argument.to_vec();
    session.login = Login::Named { user: user.clone() };
    if !(protected && session.security.certificate) {
        return Ok(Step::Reply(replies::need_password()));
    }
    let proof = Proof::Certificate;
    let effect = Effect::Authenticate { host: session.host(), user: user.clone(), proof, protected };
    let then = move |session: &mut Session, outcome: Outcome| match outcome {
        Outcome::LoggedIn(terms) => {
            log_in(session, user, terms);
            Step::Reply(replies::logged_in_by_certificate())
        }
        Outcome::Full => Step::Close(replies::too_many_sessions_of_account()),
        Outcome::Banned(seconds) => Step::Close(replies::banned(seconds)),
        _ => Step::Reply(replies::need_password()),
    };
    Ok(Step::Start(effect, Box::new(then)))
}
