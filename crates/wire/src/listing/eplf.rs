//! EPLF: `+facts,<TAB>name`, the listing that was made to be read by programs.

use super::words::number;
use super::{Listed, Modified, Precision};
use crate::entry::Kind;
use crate::time::Timestamp;

pub(super) fn parse(line: &[u8]) -> Option<Listed> {
    let line = line.strip_prefix(b"+")?;
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let (facts, name) = (&line[..tab], &line[tab + 1..]);
    let mut listed = Listed::new(Kind::Other, name);
    for fact in facts.split(|byte| *byte == b',') {
        match fact {
            b"/" => listed.kind = Kind::Directory,
            b"r" if listed.kind == Kind::Other => listed.kind = Kind::File,
            [b's', size @ ..] => listed.size = number(size),
            [b'm', seconds @ ..] => {
                let seconds = number(seconds).and_then(|seconds| i64::try_from(seconds).ok());
                let time = seconds.map(|seconds| Timestamp::from_unix(seconds, 0));
                listed.modified = time.map(|time| Modified { time, precision: Precision::Second, utc: true });
            }
            [b'u', b'p', mode @ ..] => {
                let mode = std::str::from_utf8(mode).ok().and_then(|mode| u32::from_str_radix(mode, 8).ok());
                listed.mode = mode.map(|mode| mode & 0o7777);
            }
            _ => {}
        }
    }
    Some(listed)
}
