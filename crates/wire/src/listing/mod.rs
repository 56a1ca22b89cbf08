//! Listings as servers write them, read back: `LIST` in the forms that are about, and `MLSD`.
//!
//! No RFC says what `LIST` looks like. Each line is tried with the forms that it can be of; what is no entry of any is
//! told apart: headers and totals are noise, anything else is counted, so that a listing which was not understood is not
//! taken for an empty one. What this module is not: it does not decide what a name may do here; see `..` in one.

mod as400;
mod date;
mod dos;
mod eplf;
mod facts;
mod mvs;
mod netware;
mod unix;
mod vms;
mod vxworks;
mod words;
mod zvm;

use crate::entry::Kind;
use crate::time::Timestamp;

pub use facts::parse_facts;

/// Bytes of a name, an owner or a target that are kept.
const TEXT_MAX: usize = 4096;

/// How well a time is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// To the day.
    Day,
    /// To the minute.
    Minute,
    /// To the second, or better.
    Second,
}

/// When something was changed, as a listing says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modified {
    /// The time; in the server's zone, if `utc` is false.
    pub time: Timestamp,
    /// How well it is known.
    pub precision: Precision,
    /// True when the zone is known, and the time is UTC.
    pub utc: bool,
}

/// One file or directory, as a listing says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The name, in the server's bytes.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Length in bytes, where the listing says it exactly.
    pub size: Option<u64>,
    /// Last change.
    pub modified: Option<Modified>,
    /// Unix permission bits, 0 to 0o7777.
    pub mode: Option<u32>,
    /// Name or number of the owner.
    pub owner: Option<Vec<u8>>,
    /// Name or number of the group.
    pub group: Option<Vec<u8>>,
    /// Where a link points.
    pub target: Option<Vec<u8>>,
}

impl Listed {
    fn new(kind: Kind, name: &[u8]) -> Listed {
        Listed {
            name: name[..name.len().min(TEXT_MAX)].to_vec(),
            kind,
            size: None,
            modified: None,
            mode: None,
            owner: None,
            group: None,
            target: None,
        }
    }

    /// True for a directory.
    pub fn is_directory(&self) -> bool {
        self.kind == Kind::Directory
    }
}

/// What a line of a listing is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A file or a directory.
    Entry(Listed),
    /// A header, a total, the directory itself or the one above it.
    Noise,
    /// Nothing that is understood.
    Unknown,
}

/// Reads the lines of one `LIST`.
#[derive(Debug)]
pub struct ListReader {
    now: Timestamp,
    vms: vms::Reader,
    mvs: mvs::Reader,
}

impl ListReader {
    /// For a listing that is made at this time, by which years are found that it does not say.
    pub fn new(now: Timestamp) -> ListReader {
        ListReader { now, vms: vms::Reader::default(), mvs: mvs::Reader::default() }
    }

    /// Takes the next line, without its end.
    pub fn take(&mut self, line: &[u8]) -> Line {
        let line = &line[..line.len().min(2 * TEXT_MAX)];
        let now = self.now;
        if let Some(read) = self.mvs.take(line) {
            return read;
        }
        if let Some(read) = self.vms.take(line) {
            return read;
        }
        let entry = eplf::parse(line)
            .or_else(|| netware::parse(line, now))
            .or_else(|| unix::parse(line, now))
            .or_else(|| dos::parse(line))
            .or_else(|| dos::parse_os2(line))
            .or_else(|| vxworks::parse(line))
            .or_else(|| as400::parse(line))
            .or_else(|| zvm::parse(line));
        match entry {
            // They are in no listing that means what is in a directory.
            Some(entry) if matches!(entry.name.as_slice(), b"" | b"." | b"..") => Line::Noise,
            Some(entry) => Line::Entry(entry),
            None if is_noise(line) => Line::Noise,
            None => Line::Unknown,
        }
    }
}

/// First words of lines that are about a listing and not in it.
const TOTALS: [&str; 11] =
    ["total", "insgesamt", "totale", "totaal", "итого", "合計", "总用量", "總計", "합계", "summe", "total:"];

fn is_noise(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line);
    let text = text.trim();
    let mut words = text.split_whitespace();
    let (first, second, more) = (words.next(), words.next(), words.next());
    match (first, second) {
        (None, _) => true,
        (Some(first), Some(second)) if more.is_none() && TOTALS.contains(&first.to_lowercase().as_str()) => {
            second.starts_with(|digit: char| digit.is_ascii_digit())
        }
        // `ls -R` names each directory.
        (Some(_), None) => text.ends_with(':') || text.bytes().all(|byte| byte == b'-'),
        _ => {
            text.starts_with("Volume in drive ")
                || text.starts_with("Volume Serial Number ")
                || text.starts_with("Directory of ")
                || text.contains(" File(s) ")
                || text.contains(" Dir(s) ")
                || text.bytes().all(|byte| matches!(byte, b'-' | b' '))
                || text.split_whitespace().eq(["size", "date", "time", "name"])
        }
    }
}
