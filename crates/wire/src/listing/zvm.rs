//! z/VM: `filename filetype F|V lrecl records blocks date time label`.

use super::Listed;
use super::date::{clock, iso, short_year, time};
use super::words::{Word, number, words};
use crate::entry::Kind;

pub(super) fn parse(line: &[u8]) -> Option<Listed> {
    let found = words(line);
    let texts: Vec<&[u8]> = found.iter().map(|word| word.text).collect();
    match texts[..] {
        [name, b"DIR", b"-", b"-", b"-", day, hour, _] => {
            let modified = time(date(day)?, Some(clock(hour)?));
            Some(Listed { modified, ..Listed::new(Kind::Directory, name) })
        }
        [name, kind, b"F" | b"V", _, _, _, day, hour, _] => {
            let numbers = found[3..6].iter().all(|word: &Word<'_>| word.number().is_some());
            let modified = time(date(day)?, Some(clock(hour)?));
            // Length and count of records do not say how many bytes will come.
            numbers.then(|| Listed { modified, ..Listed::new(Kind::File, &[name, b".", kind].concat()) })
        }
        _ => None,
    }
}

fn date(word: &[u8]) -> Option<(u16, u8, u8)> {
    iso(word, b'-').or_else(|| {
        let parts: Vec<&[u8]> = word.split(|byte| *byte == b'/').take(4).collect();
        let [month, day, year] = parts[..] else { return None };
        Some((short_year(year)?, number(month)? as u8, number(day)? as u8))
    })
}
