//! `OPTS`: options of other verbs (RFC 2389 §4).

use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use portolan_wire::facts::FactSet;
use portolan_wire::hash::Algorithm;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let (verb, options) = super::split_word(argument);
    match verb.to_ascii_uppercase().as_slice() {
        b"UTF8" | b"UTF-8" if session.settings.utf8 => utf8(options),
        b"UTF8" | b"UTF-8" => Err(replies::parameter_not_offered()),
        b"MLST" => {
            // RFC 3659 §7.9: a list with spaces in it is no list, and changes nothing.
            if options.contains(&b' ') {
                return Err(replies::bad_argument("OPTS MLST fact;fact;"));
            }
            session.facts = FactSet::parse(options);
            let text = format!("MLST OPTS {}", session.facts.chosen());
            Ok(Step::Reply(replies::okay(text.trim_end())))
        }
        b"HASH" => {
            if !options.is_empty() {
                session.hash = Algorithm::parse(options).ok_or_else(replies::parameter_not_offered)?;
            }
            Ok(Step::Reply(replies::okay(session.hash.as_str())))
        }
        b"" => Err(replies::argument_missing()),
        _ => Err(replies::bad_argument("OPTS HASH|MLST|UTF8 options")),
    }
}

/// Names are bytes and UTF-8 is always on; clients that ask for it are content.
fn utf8(options: &[u8]) -> Answer {
    match options.to_ascii_uppercase().as_slice() {
        b"" | b"ON" | b"NLST" => Ok(Step::Reply(replies::okay("UTF8 is on"))),
        b"OFF" => Err(replies::parameter_not_offered()),
        _ => Err(replies::bad_argument("OPTS UTF8 ON")),
    }
}
