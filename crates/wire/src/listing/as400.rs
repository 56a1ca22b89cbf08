//! IBM i, formerly AS/400: `owner size date time *TYPE name`, where everything before the type may be missing.

use super::Listed;
use super::date::{clock, short_year, time};
use super::words::{number, trim_start, words};
use crate::entry::Kind;

pub(super) fn parse(line: &[u8]) -> Option<Listed> {
    let found = words(line);
    let at = found.iter().take(5).position(|word| {
        let letters = word.text.strip_prefix(b"*").unwrap_or_default();
        (2..=9).contains(&letters.len()) && letters.iter().all(u8::is_ascii_uppercase)
    })?;
    let name = trim_start(&line[found[at].end()..]);
    let (name, folder) = match name.strip_suffix(b"/") {
        Some(name) => (name, true),
        None => (name, false),
    };
    let kind = match found[at].text {
        _ if folder => Kind::Directory,
        b"*DIR" | b"*DDIR" | b"*LIB" | b"*FLR" => Kind::Directory,
        b"*SYMLNK" => Kind::Symlink,
        _ => Kind::File,
    };
    let mut listed = Listed::new(kind, name);
    let mut before = &found[..at];
    if let [rest @ .., day, hour] = before
        && let Some(date) = date(day.text)
    {
        let hour: Vec<u8> =
            hour.text.iter().map(|byte| if matches!(byte, b'.' | b',') { b':' } else { *byte }).collect();
        listed.modified = time(date, Some(clock(&hour)?));
        before = rest;
    }
    match before {
        [] => {}
        // Who has no name here has a size; who has no size has a name.
        [one] if line.starts_with(b" ") => listed.size = Some(one.number()?),
        [owner] => listed.owner = Some(owner.text.to_vec()),
        [owner, size] => {
            listed.owner = Some(owner.text.to_vec());
            listed.size = Some(size.number()?);
        }
        _ => return None,
    }
    Some(listed)
}

/// In the form of the server's job: month, day or year first. A dot means the day.
fn date(word: &[u8]) -> Option<(u16, u8, u8)> {
    let separator = *word.iter().find(|byte| matches!(byte, b'/' | b'-' | b'.' | b','))?;
    let parts: Vec<&[u8]> = word.split(|byte| *byte == separator).take(4).collect();
    let [first, second, third] = parts[..] else { return None };
    let small = |part: &[u8]| number(part).filter(|_| part.len() == 2).map(|number| number as u8);
    if first.len() == 4 || small(first)? > 31 {
        return Some((short_year(first)?, small(second)?, small(third)?));
    }
    let (first, second, year) = (small(first)?, small(second)?, short_year(third)?);
    Some(if separator == b'.' || first > 12 { (year, second, first) } else { (year, first, second) })
}
