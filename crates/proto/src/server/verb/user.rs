//! `USER`: begins a login, or another one (RFC 959 §4.1.1).

use crate::server::login::Login;
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    if argument.is_empty() {
        return Err(replies::argument_missing());
    }
    session.log_out();
    session.login = Login::Named { user: argument.to_vec() };
    Ok(Step::Reply(replies::need_password()))
}
