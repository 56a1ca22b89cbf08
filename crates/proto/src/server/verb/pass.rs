//! `PASS`: ends a login (RFC 959 §4.1.1). A wrong password is answered a while after it was said, always in the
//! same words, and ends the session when it comes too often (RFC 2577 §5).

use crate::server::effect::{Effect, Outcome, Proof, Terms};
use crate::server::login::{LoggedIn, Login};
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use portolan_wire::VirtualPath;
use std::time::Instant;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let user = match &session.login {
        Login::Named { user } => user.clone(),
        Login::Nobody => return Err(replies::user_first()),
        Login::Somebody(_) => return Err(replies::after_login()),
    };
    let effect = Effect::Authenticate {
        host: session.host(),
        user: user.clone(),
        proof: Proof::Password(argument.to_vec()),
        protected: session.security.is_protected(),
    };
    let asked = session.now();
    Ok(Step::Start(effect, Box::new(move |session, outcome| finish(session, user, asked, &outcome))))
}

fn finish(session: &mut Session, user: Vec<u8>, asked: Instant, outcome: &Outcome) -> Step {
    session.login = Login::Nobody;
    match outcome {
        Outcome::LoggedIn(terms) => {
            log_in(session, user, *terms);
            Step::Reply(replies::logged_in())
        }
        Outcome::NeedsTls => Step::Reply(replies::account_needs_tls()),
        Outcome::Full => Step::Close(replies::too_many_sessions_of_account()),
        Outcome::Banned(seconds) => Step::Close(replies::banned(*seconds)),
        Outcome::Denied => {
            session.denied += 1;
            let limits = &session.settings.limits;
            let step = if session.denied >= limits.login_attempts {
                Step::Close(replies::denied_too_often())
            } else {
                Step::Reply(replies::denied())
            };
            // How long it took to find out tells nobody anything: the answer comes at a time that was known before.
            Step::At(asked + limits.failed_login_pause, Box::new(step))
        }
        other => Step::Reply(replies::other(other)),
    }
}

pub(super) fn log_in(session: &mut Session, user: Vec<u8>, terms: Terms) {
    session.login = Login::Somebody(LoggedIn { user, terms, directory: VirtualPath::root() });
    session.recognize();
}
