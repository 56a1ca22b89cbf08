//! `PWD`: says the working directory (RFC 959 §4.1.3).

use crate::server::replies;
use crate::server::session::{Answer, Session, Step};

pub(crate) fn run(session: &mut Session, _: &[u8]) -> Answer {
    let directory = &session.login.logged_in()?.directory;
    Ok(Step::Reply(replies::path_name(directory, "is the working directory")))
}
