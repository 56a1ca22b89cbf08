//! `OPTS`: options of other verbs (RFC 2389 §4).

use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use portolan_wire::facts::FactSet;
use portolan_wire::hash::Algorithm;
use portolan_wire::parameters::{Level, Mode};

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
        b"MODE" => mode(session, options),
        b"" => Err(replies::argument_missing()),
        _ => Err(replies::bad_argument("OPTS HASH|MLST|MODE|UTF8 options")),
    }
}

/// `OPTS MODE Z LEVEL 9` (draft-preston-ftpext-deflate). There is one engine with one method.
fn mode(session: &mut Session, options: &[u8]) -> Answer {
    let bad = || replies::bad_argument("OPTS MODE Z LEVEL 0-9");
    let words: Vec<Vec<u8>> = options
        .split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty())
        .map(<[u8]>::to_ascii_uppercase)
        .collect();
    let [mode, settings @ ..] = &words[..] else { return Err(bad()) };
    if mode != b"Z" {
        return Err(replies::parameter_not_offered());
    }
    let mut level = session.deflate;
    for setting in settings.chunks(2) {
        match setting {
            [key, value] if key == b"LEVEL" => level = Level::parse(value).ok_or_else(bad)?,
            [key, value] if key == b"ENGINE" && value == b"ZLIB" => {}
            [key, value] if key == b"METHOD" && value == b"8" => {}
            [key, _] if key == b"ENGINE" || key == b"METHOD" => return Err(replies::parameter_not_offered()),
            _ => return Err(bad()),
        }
    }
    session.deflate = level;
    if let Mode::Deflate(current) = &mut session.parameters.mode {
        *current = level;
    }
    Ok(Step::Reply(replies::okay(&format!("MODE Z LEVEL is {}", level.number()))))
}

/// Names are bytes and UTF-8 is always on; clients that ask for it are content.
fn utf8(options: &[u8]) -> Answer {
    match options.to_ascii_uppercase().as_slice() {
        b"" | b"ON" | b"NLST" => Ok(Step::Reply(replies::okay("UTF8 is on"))),
        b"OFF" => Err(replies::parameter_not_offered()),
        _ => Err(replies::bad_argument("OPTS UTF8 ON")),
    }
}
