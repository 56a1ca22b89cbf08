//! `PASS`: ends a login (RFC 959 §4.1.1). A wrong password is answered after a pause, always in the
//! same words, and ends the session when it comes too often (RFC 2577 §5).

use crate::server::effect::{Effect, Outcome};
use crate::server::login::{LoggedIn, Login};
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use portolan_wire::VirtualPath;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let user = match &session.login {
        Login::Named { user } => user.clone(),
        Login::Nobody => return Err(replies::user_first()),
        Login::Somebody(_) => return Err(replies::after_login()),
    };
    let effect = Effect::Authenticate { user: user.clone(), password: argument.to_vec() };
    Ok(Step::Start(effect, Box::new(move |session, outcome| finish(session, user, &outcome))))
}

fn finish(session: &mut Session, user: Vec<u8>, outcome: &Outcome) -> Step {
    session.login = Login::Nobody;
    match outcome {
        Outcome::LoggedIn(rights) => {
            session.login =
                Login::Somebody(LoggedIn { user, rights: *rights, directory: VirtualPath::root() });
            Step::Reply(replies::logged_in())
        }
        Outcome::Denied => {
            session.denied += 1;
            let limits = &session.settings.limits;
            if session.denied >= limits.login_attempts {
                return Step::Close(replies::denied_too_often());
            }
            Step::ReplyAfter(limits.failed_login_pause, replies::denied())
        }
        other => Step::Reply(replies::other(other)),
    }
}
