//! `DELE`: deletes a file or a link (RFC 959 §4.1.3).

use crate::server::effect::Storage;
use crate::server::replies;
use crate::server::session::{Answer, Session};

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let path = session.login.path(argument)?;
    if path.is_root() {
        return Err(replies::not_the_root());
    }
    Ok(super::done(Storage::Delete(path), "Deleted"))
}
