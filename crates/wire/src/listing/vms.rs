//! VMS: `NAME.TYPE;version  blocks  D-MON-YYYY HH:MM  [owner]  (rights)`, on two lines where the name is long.

use super::date::{clock, month, time};
use super::words::{Word, number, words};
use super::{Line, Listed};
use crate::entry::Kind;

/// Reads lines that may belong together.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// A name whose facts come on the next line.
    name: Option<Vec<u8>>,
}

impl Reader {
    /// `None` for what is of another form.
    pub(super) fn take(&mut self, line: &[u8]) -> Option<Line> {
        let found = words(line);
        if let Some(name) = self.name.take() {
            return Some(Line::Entry(entry(&name, &found)));
        }
        let first = found.first()?;
        if is_name(first.text) {
            if found.len() == 1 {
                self.name = Some(first.text.to_vec());
                return Some(Line::Noise);
            }
            return Some(Line::Entry(entry(first.text, &found[1..])));
        }
        let second = found.get(1).map_or(&[][..], |word| word.text);
        let about = match first.text {
            b"Directory" => second.ends_with(b"]"),
            b"Total" => second == b"of",
            b"Grand" => second == b"total",
            text => text.starts_with(b"%") && text.iter().filter(|byte| **byte == b'-').count() >= 2,
        };
        about.then_some(Line::Noise)
    }
}

/// `;` and the digits of a version end the name.
fn is_name(word: &[u8]) -> bool {
    let mut parts = word.rsplitn(2, |byte| *byte == b';');
    let (version, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    // What MLSD writes ends with a semicolon as well, and has none before a number.
    number(version).is_some_and(|_| version.len() <= 5) && !name.is_empty() && !name.contains(&b'=')
}

fn entry(name: &[u8], facts: &[Word<'_>]) -> Listed {
    // With its directory before it, it is still in this one.
    let name = match name.iter().rposition(|byte| *byte == b']') {
        Some(at) => &name[at + 1..],
        None => name,
    };
    let stem = name.rsplitn(2, |byte| *byte == b';').nth(1).unwrap_or(name);
    let mut listed = match stem.strip_suffix(b".DIR").or_else(|| stem.strip_suffix(b".dir")) {
        Some(folder) => Listed::new(Kind::Directory, folder),
        None => Listed::new(Kind::File, name),
    };
    for (at, word) in facts.iter().enumerate() {
        if let Some(date) = date(word.text) {
            let clock = facts.get(at + 1).and_then(|word| clock(word.text));
            listed.modified = time(date, clock);
        } else if let Some(owner) = word.text.strip_prefix(b"[").and_then(|word| word.strip_suffix(b"]")) {
            let parts: Vec<&[u8]> = owner.splitn(2, |byte| *byte == b',').collect();
            match parts[..] {
                [group, member] => {
                    (listed.group, listed.owner) = (Some(group.to_vec()), Some(member.to_vec()));
                }
                _ => listed.owner = Some(owner.to_vec()),
            }
        }
    }
    listed
}

fn date(word: &[u8]) -> Option<(u16, u8, u8)> {
    let parts: Vec<&[u8]> = word.split(|byte| *byte == b'-').take(4).collect();
    let [day, named, year] = parts[..] else { return None };
    Some((number(year).filter(|_| year.len() == 4)? as u16, month(named)?, number(day)? as u8))
}
