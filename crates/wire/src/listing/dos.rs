//! DOS and its heirs, as IIS has it: `03-05-23  02:22PM  <DIR>  name`. And OS/2, which has the date behind the size.

use super::date::{clock, iso, short_year, time};
use super::words::{Word, after_space, number, trim_start, words};
use super::{Listed, Modified};
use crate::entry::Kind;

/// Columns from the beginning of a tag like `<DIR>` to the name, where the lines are made by columns.
const TAG_COLUMNS: usize = 15;

pub(super) fn parse(line: &[u8]) -> Option<Listed> {
    let found = words(line);
    let date = date(found.first()?.text)?;
    let (hour, minute, second, used) = twelve_hours(&found)?;
    let modified = Some(time(date, Some((hour, minute, second)))?);
    let tag = found.get(1 + used)?;
    let kind = match tag.text {
        b"<DIR>" => Kind::Directory,
        b"<JUNCTION>" | b"<SYMLINKD>" | b"<SYMLINK>" => Kind::Symlink,
        size => {
            let size = Some(size_with_separators(size)?);
            let name = after_space(line, tag.end())?;
            return Some(Listed { size, modified, ..Listed::new(Kind::File, name) });
        }
    };
    let rest = &line[tag.end()..];
    let columns = TAG_COLUMNS.saturating_sub(tag.text.len());
    let blanks = rest.len() - trim_start(rest).len();
    let name = if blanks >= columns { &rest[columns..] } else { trim_start(rest) };
    let mut listed = Listed { modified, ..Listed::new(kind, name) };
    if kind == Kind::Symlink
        && let Some(at) = listed.name.windows(2).position(|pair| pair == b" [")
        && listed.name.ends_with(b"]")
    {
        let target = listed.name.split_off(at);
        listed.target = Some(target[2..target.len() - 1].to_vec());
    }
    Some(listed)
}

/// Month first, but for dots, and for numbers that are no month; or the year first.
fn date(word: &[u8]) -> Option<(u16, u8, u8)> {
    let separator = *word.iter().find(|byte| matches!(byte, b'-' | b'/' | b'.'))?;
    if let Some(date) = iso(word, separator) {
        return Some(date);
    }
    let parts: Vec<&[u8]> = word.split(|byte| *byte == separator).take(4).collect();
    let [first, second, year] = parts[..] else { return None };
    let two = |part: &[u8]| number(part).filter(|_| part.len() == 2).map(|number| number as u8);
    let (first, second, year) = (two(first)?, two(second)?, short_year(year).filter(|_| year.len() != 3)?);
    Some(if separator == b'.' || first > 12 { (year, second, first) } else { (year, first, second) })
}

/// The time that the second word begins, and how many words it takes.
fn twelve_hours(found: &[Word<'_>]) -> Option<(u8, u8, Option<u8>, usize)> {
    let half = |text: &[u8]| match text.to_ascii_uppercase().as_slice() {
        b"AM" | b"A" => Some(0),
        b"PM" | b"P" => Some(12),
        _ => None,
    };
    let text = found.get(1)?.text;
    let digits = text.iter().position(u8::is_ascii_alphabetic).unwrap_or(text.len());
    let (hour, minute, second) = clock(&text[..digits])?;
    let (half, used) = if digits < text.len() {
        (Some(half(&text[digits..])?), 1)
    } else {
        match found.get(2).and_then(|word| half(word.text)) {
            Some(half) => (Some(half), 2),
            None => (None, 1),
        }
    };
    let hour = match half {
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(half) => hour % 12 + half,
        None => hour,
    };
    Some((hour, minute, second, used))
}

/// Digits, in groups perhaps.
fn size_with_separators(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let separators = [',', '.', '\'', '\u{a0}', '\u{202f}', '’'];
    if !text.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let groups: Vec<&str> = text.split(separators).collect();
    let whole = groups.iter().skip(1).all(|group| group.len() == 3);
    number(groups.concat().as_bytes()).filter(|_| whole)
}

/// `5120  A  10-29-98  19:11  NAME`.
pub(super) fn parse_os2(line: &[u8]) -> Option<Listed> {
    let found = words(line);
    let size = found.first()?.number()?;
    let at = (1..found.len().min(4)).find(|at| os2_date(found[*at].text).is_some())?;
    let attributes = &found[1..at];
    let known =
        |word: &Word<'_>| word.text == b"DIR" || word.text.iter().all(|letter| b"ARHS".contains(letter));
    if !attributes.iter().all(known) {
        return None;
    }
    let clock = found.get(at + 1)?;
    let modified: Option<Modified> = time(os2_date(found[at].text)?, Some(super::date::clock(clock.text)?));
    let name = trim_start(&line[clock.end()..]);
    let is_directory = attributes.iter().any(|word| word.text == b"DIR");
    let kind = if is_directory { Kind::Directory } else { Kind::File };
    Some(Listed { size: Some(size), modified, ..Listed::new(kind, name) })
}

fn os2_date(word: &[u8]) -> Option<(u16, u8, u8)> {
    let parts: Vec<&[u8]> = word.split(|byte| *byte == b'-').take(4).collect();
    let [month, day, year] = parts[..] else { return None };
    Some((short_year(year)?, number(month)? as u8, number(day)? as u8))
}
