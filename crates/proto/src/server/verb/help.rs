//! `HELP`: the table of verbs, or one line of it (RFC 959 §4.1.3).

use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use crate::server::verbs;
use portolan_wire::Verb;

pub(crate) fn run(_: &mut Session, argument: &[u8]) -> Answer {
    let (word, _) = super::split_word(argument);
    if word.is_empty() {
        return Ok(Step::Reply(replies::help(&[])));
    }
    let entry =
        Verb::parse(word).and_then(verbs::find).ok_or_else(|| replies::bad_argument("HELP [command]"))?;
    Ok(Step::Reply(replies::help_of(entry)))
}
