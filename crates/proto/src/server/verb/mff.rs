//! `MFF`: sets several facts at once (draft-somers-ftp-mfxx §5).

use crate::server::effect::Storage;
use crate::server::replies;
use crate::server::session::{Answer, Session};
use portolan_wire::Timestamp;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let bad = || replies::bad_argument("MFF Modify=YYYYMMDDHHMMSS;UNIX.mode=octal; path");
    let (facts, name) = super::split_word(argument);
    let text = std::str::from_utf8(facts).map_err(|_| bad())?;
    let path = session.login.path(name)?;
    let (mut modified, mut mode) = (None, None);
    for fact in text.split_terminator(';') {
        let (key, value) = fact.split_once('=').ok_or_else(bad)?;
        match key.to_ascii_lowercase().as_str() {
            "modify" => modified = Some(Timestamp::parse(value.as_bytes()).ok_or_else(bad)?),
            "unix.mode" => mode = Some(super::mode_bits(value).ok_or_else(bad)?),
            _ => return Err(replies::parameter_not_offered()),
        }
    }
    if modified.is_none() && mode.is_none() {
        return Err(bad());
    }
    let reply = replies::facts_set(text, name);
    Ok(super::done_with(Storage::SetFacts { path, modified, mode }, reply))
}
