//! `RNTO`: the new name of what is to be renamed (RFC 959 §4.1.3).

use crate::server::effect::Storage;
use crate::server::replies;
use crate::server::session::{Answer, Session};

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let from = session.rename_from.take().ok_or_else(replies::rename_from_first)?;
    let to = session.login.path(argument)?;
    if to.is_root() {
        return Err(replies::not_the_root());
    }
    Ok(super::done(Storage::Rename { from, to }, "Renamed"))
}
