//! VxWorks: `917504  SEP-27-2001  00:00:08  name  <DIR>`.

use super::Listed;
use super::date::{clock, month, time};
use super::words::{number, trim_start, words};
use crate::entry::Kind;

pub(super) fn parse(line: &[u8]) -> Option<Listed> {
    let found = words(line);
    let [size, date, at, _, ..] = found[..] else { return None };
    let parts: Vec<&[u8]> = date.text.split(|byte| *byte == b'-').take(4).collect();
    let [named, day, year] = parts[..] else { return None };
    let date = (number(year)? as u16, month(named)?, number(day)? as u8);
    let modified = Some(time(date, Some(clock(at.text)?))?);
    let name = trim_start(&line[at.end()..]);
    let (kind, name) = match name.strip_suffix(b"<DIR>") {
        Some(name) if name.ends_with(b" ") => (Kind::Directory, name.trim_ascii_end()),
        _ => (Kind::File, name),
    };
    Some(Listed { size: Some(size.number()?), modified, ..Listed::new(kind, name) })
}
