//! z/OS, formerly MVS: data sets, members of libraries, and jobs. A header says which; without one there is none of it.

use super::date::{clock, iso, short_year, time};
use super::words::{Word, number, words};
use super::{Line, Listed};
use crate::entry::Kind;

/// What the last header announced.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    #[default]
    None,
    DataSets,
    Members,
    LoadModules,
    Jobs,
    /// The files of one job.
    Spool,
}

impl Reader {
    /// `None` for what is of another form.
    pub(super) fn take(&mut self, line: &[u8]) -> Option<Line> {
        let found = words(line);
        let text = |number: usize| found.get(number).map_or(&[][..], |word| word.text);
        let last = found.last().map_or(&[][..], |word| word.text);
        let header = match (text(0), text(1)) {
            (b"Volume", b"Unit" | b"Referred") if last == b"Dsname" => Some(Reader::DataSets),
            (b"Name", b"VV.MM") => Some(Reader::Members),
            (b"Name", b"Size") if text(2) == b"TTR" => Some(Reader::LoadModules),
            (b"JOBNAME", b"JOBID") => Some(Reader::Jobs),
            (b"ID", b"STEPNAME") => Some(Reader::Spool),
            _ => None,
        };
        if let Some(header) = header {
            *self = header;
            return Some(Line::Noise);
        }
        if *self == Reader::None && is_job(&found) {
            return Some(Line::Entry(Listed::new(Kind::File, text(1))));
        }
        let entry = match self {
            Reader::None => return None,
            Reader::DataSets => data_set(&found),
            Reader::Members => member(&found),
            Reader::LoadModules => load_module(&found),
            Reader::Jobs => job(&found),
            Reader::Spool => spool_file(&found),
        };
        let noise = found.is_empty()
            || line.iter().all(|byte| matches!(byte, b'-' | b' '))
            || (last == b"files" && text(1) == b"spool");
        Some(match entry {
            _ if noise => Line::Noise,
            Some(entry) => Line::Entry(entry),
            None => Line::Unknown,
        })
    }
}

/// `JOBNAME JOB02114 OUTPUT`: the oldest form has no header.
fn is_job(found: &[Word<'_>]) -> bool {
    let [_, id, status, ..] = found else { return false };
    let number_of = |id: &[u8]| matches!(id, [b'J', b'O', b'B', digits @ ..] if number(digits).is_some());
    number_of(id.text) && matches!(status.text, b"INPUT" | b"HELD" | b"ACTIVE" | b"OUTPUT")
}

/// Read from its end: name, organization. What is referred to last is not what is changed last, but nothing else is there.
fn data_set(found: &[Word<'_>]) -> Option<Listed> {
    let [before @ .., name] = found else { return None };
    let organization = before.last()?.text;
    let first = before.first()?.text;
    let is_directory = matches!(organization, b"PO" | b"PO-E") || first == b"Pseudo";
    let mut listed = Listed::new(if is_directory { Kind::Directory } else { Kind::File }, name.text);
    listed.modified = before.iter().find_map(|word| time(date(word.text)?, None));
    Some(listed)
}

fn date(word: &[u8]) -> Option<(u16, u8, u8)> {
    iso(word, b'/').or_else(|| {
        let parts: Vec<&[u8]> = word.split(|byte| *byte == b'/').take(4).collect();
        let [month, day, year] = parts[..] else { return None };
        Some((short_year(year)?, number(month)? as u8, number(day)? as u8))
    })
}

fn is_member_name(name: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"@#$".contains(byte);
    (1..=8).contains(&name.len()) && name.iter().all(allowed)
}

fn member(found: &[Word<'_>]) -> Option<Listed> {
    let name = found.first().filter(|name| is_member_name(name.text))?;
    let mut listed = Listed::new(Kind::File, name.text);
    if let [_, _, _, day, hour, .., user] = found {
        listed.modified = time(date(day.text)?, Some(clock(hour.text)?));
        listed.owner = Some(user.text.to_vec());
    } else if found.len() != 1 {
        return None;
    }
    Some(listed)
}

fn load_module(found: &[Word<'_>]) -> Option<Listed> {
    let [name, size, ..] = found else { return None };
    let size = u64::from_str_radix(std::str::from_utf8(size.text).ok()?, 16).ok()?;
    is_member_name(name.text).then(|| Listed { size: Some(size), ..Listed::new(Kind::File, name.text) })
}

fn job(found: &[Word<'_>]) -> Option<Listed> {
    let [_, id, owner, ..] = found else { return None };
    Some(Listed { owner: Some(owner.text.to_vec()), ..Listed::new(Kind::File, id.text) })
}

fn spool_file(found: &[Word<'_>]) -> Option<Listed> {
    let [id, .., size] = found else { return None };
    let size = Some(size.number()?);
    number(id.text).map(|_| Listed { size, ..Listed::new(Kind::File, id.text) })
}
