//! `PASS`: ends a login (RFC 959 §4.1.1). A wrong password is answered after a pause, always in the
//! same words, and ends the session when it comes too often (RFC 2577 §5).

use crate::server::effect::{Effect, Outcome};
use crate::server::login::{LoggedIn, Login};
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use portolan_wire::VirtualPath;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let Login::Named { user, attempts } = &session.login else {
        return Err(if session.login.user().is_some() {
            replies::after_login()
        } else {
            replies::user_first()
        });
    };
    let (user, attempts) = (user.clone(), *attempts);
    let effect = Effect::Authenticate { user: user.clone(), password: argument.to_vec() };
    Ok(Step::Start(effect, Box::new(move |session, outcome| finish(session, user, attempts, &outcome))))
}

fn finish(session: &mut Session, user: Vec<u8>, attempts: u32, outcome: &Outcome) -> Step {
    let limits = &session.settings.limits;
    match outcome {
        Outcome::LoggedIn(rights) => {
            session.login =
                Login::Somebody(LoggedIn { user, rights: *rights, directory: VirtualPath::root() });
            Step::Reply(replies::logged_in())
        }
        Outcome::Denied if attempts + 1 >= limits.login_attempts => Step::Close(replies::denied_too_often()),
        Outcome::Denied => {
            session.login = Login::Nobody { attempts: attempts + 1 };
            Step::ReplyAfter(limits.failed_login_pause, replies::denied())
        }
        other => {
            session.login = Login::Nobody { attempts };
            Step::Reply(replies::other(other))
        }
    }
}
