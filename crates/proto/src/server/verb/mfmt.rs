//! `MFMT`: sets the time of the last change (draft-somers-ftp-mfxx §3).

use crate::server::effect::Storage;
use crate::server::replies;
use crate::server::session::{Answer, Session};
use portolan_wire::Timestamp;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let (time, name) = super::split_word(argument);
    let modified = Timestamp::parse(time).ok_or_else(|| replies::bad_argument("MFMT YYYYMMDDHHMMSS path"))?;
    let path = session.login.path(name)?;
    let reply = replies::facts_set(&format!("Modify={};", modified.to_fact()), name);
    let change = Storage::SetFacts { path, modified: Some(modified), mode: None };
    Ok(super::done_with(change, reply))
}
