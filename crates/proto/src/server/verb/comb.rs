//! `COMB`: appends files to one, in order, and removes them.

use crate::server::effect::Storage;
use crate::server::replies;
use crate::server::session::{Answer, Session};

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let bad = || replies::bad_argument("COMB \"target\" \"source\" …");
    let mut paths =
        names(argument).iter().map(|name| session.login.path(name)).collect::<Result<Vec<_>, _>>()?;
    if paths.len() < 2 {
        return Err(bad());
    }
    let sources = paths.split_off(1);
    let target = paths.remove(0);
    if sources.contains(&target) {
        return Err(bad());
    }
    Ok(super::done(Storage::Combine { target, sources }, "Combined"))
}

/// Names in double quotes, or words without spaces.
fn names(argument: &[u8]) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    let mut rest = argument.trim_ascii_start();
    while !rest.is_empty() {
        let (name, after) = match super::unquote(rest) {
            Some((name, after)) => (name, after),
            None => {
                let (word, after) = super::split_word(rest);
                (word.to_vec(), after)
            }
        };
        names.push(name);
        rest = after.trim_ascii_start();
    }
    names
}
