//! `CDUP`: goes to the parent directory; the root's is the root (RFC 959 §4.1.1).

use crate::server::session::{Answer, Session};

pub(crate) fn run(session: &mut Session, _: &[u8]) -> Answer {
    super::cwd::enter(session.login.logged_in()?.directory.parent())
}
