//! `RMDA`: removes a directory with all that is in it.

use crate::server::effect::Storage;
use crate::server::replies;
use crate::server::session::{Answer, Session};

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let path = session.login.path(argument)?;
    if path.is_root() {
        return Err(replies::not_the_root());
    }
    Ok(super::done(Storage::RemoveTree(path), "Directory and all in it removed"))
}
