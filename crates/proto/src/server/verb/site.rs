//! `SITE`: commands of this server: `CHMOD`, `HELP`, `QUOTA`, `SYMLINK`, `UTIME`, `WHO`.

use crate::server::effect::{Effect, Outcome, Storage};
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use portolan_wire::{Reply, Timestamp};

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let (word, rest) = super::split_word(argument);
    match word.to_ascii_uppercase().as_slice() {
        b"HELP" => Ok(Step::Reply(replies::help(SYNTAX))),
        b"QUOTA" => Ok(lines_of(Effect::Quota, replies::quota)),
        b"WHO" => Ok(lines_of(Effect::Who, replies::who)),
        b"CHMOD" => chmod(session, rest),
        b"SYMLINK" => symlink(session, rest),
        b"UTIME" => utime(session, rest),
        b"" => Err(replies::argument_missing()),
        _ => Err(replies::parameter_not_offered()),
    }
}

const SYNTAX: &[&str] = &[
    "SITE CHMOD octal path",
    "SITE SYMLINK \"target\" \"link\"",
    "SITE UTIME YYYYMMDDHHMMSS path",
    "SITE QUOTA",
    "SITE WHO",
];

fn lines_of(effect: Effect, reply: fn(Vec<Vec<u8>>) -> Reply) -> Step {
    let then = move |_: &mut Session, outcome| {
        Step::Reply(match outcome {
            Outcome::Lines { lines, .. } => reply(lines),
            outcome => replies::other(&outcome),
        })
    };
    Step::Start(effect, Box::new(then))
}

fn chmod(session: &Session, argument: &[u8]) -> Answer {
    let (mode, name) = super::split_word(argument);
    let mode = std::str::from_utf8(mode).ok().and_then(super::mode_bits);
    let mode = mode.ok_or_else(|| replies::bad_argument(SYNTAX[0]))?;
    let path = session.login.path(name)?;
    Ok(super::done(Storage::SetFacts { path, modified: None, mode: Some(mode) }, "Permissions set"))
}

fn symlink(session: &Session, argument: &[u8]) -> Answer {
    let bad = || replies::bad_argument(SYNTAX[1]);
    let (target, rest) = quoted_or_word(argument);
    let (link, rest) = quoted_or_word(rest.trim_ascii_start());
    if target.is_empty() || link.is_empty() || !rest.is_empty() {
        return Err(bad());
    }
    let (target, path) = (session.login.path(&target)?, session.login.path(&link)?);
    Ok(super::done(Storage::Link { target, path }, "Link made"))
}

fn quoted_or_word(argument: &[u8]) -> (Vec<u8>, &[u8]) {
    super::unquote(argument).unwrap_or_else(|| {
        let (word, rest) = super::split_word(argument);
        (word.to_vec(), rest)
    })
}

/// Two forms are in use: `UTIME time path`, and `UTIME path atime mtime ctime UTC`.
fn utime(session: &Session, argument: &[u8]) -> Answer {
    let (first, rest) = super::split_word(argument);
    let (modified, name) = match utime_stamp(first) {
        Some(time) => (time, rest.to_vec()),
        None => long_utime(argument).ok_or_else(|| replies::bad_argument(SYNTAX[2]))?,
    };
    let path = session.login.path(&name)?;
    Ok(super::done(Storage::SetFacts { path, modified: Some(modified), mode: None }, "Time set"))
}

/// Seconds may be left out.
fn utime_stamp(text: &[u8]) -> Option<Timestamp> {
    if text.len() == 12 { Timestamp::parse(&[text, b"00"].concat()) } else { Timestamp::parse(text) }
}

fn long_utime(argument: &[u8]) -> Option<(Timestamp, Vec<u8>)> {
    let words: Vec<&[u8]> = argument.rsplitn(5, |byte| *byte == b' ').collect();
    let [zone, _, modified, _, name] = words[..] else { return None };
    zone.eq_ignore_ascii_case(b"UTC").then_some(())?;
    Some((utime_stamp(modified)?, name.to_vec()))
}
