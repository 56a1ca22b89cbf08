//! Lines of `MLSD` and `MLST` (RFC 3659 §7.2), as servers write them.

use super::{Line, Listed, Modified, Precision};
use crate::entry::Kind;
use crate::time::Timestamp;

/// Reads one line, without its end: facts, a space, the name. A fact that makes no sense is left out.
pub fn parse_facts(line: &[u8]) -> Line {
    let Some((facts, name)) = part(line) else { return Line::Unknown };
    let mut listed = Listed::new(Kind::File, name);
    let (mut owner, mut group) = (Numbered::default(), Numbered::default());
    for fact in facts.split(|byte| *byte == b';').filter(|fact| !fact.is_empty()) {
        let Some(equals) = fact.iter().position(|byte| *byte == b'=') else { return Line::Unknown };
        let (key, value) = (fact[..equals].to_ascii_lowercase(), &fact[equals + 1..]);
        match key.as_slice() {
            b"type" => {
                let lower = value.to_ascii_lowercase();
                match lower.as_slice() {
                    b"file" => {}
                    b"dir" => listed.kind = Kind::Directory,
                    b"cdir" | b"pdir" => return Line::Noise,
                    b"os.unix=slink" | b"os.unix=symlink" => listed.kind = Kind::Symlink,
                    other
                        if other.starts_with(b"os.unix=slink:") || other.starts_with(b"os.unix=symlink:") =>
                    {
                        listed.kind = Kind::Symlink;
                        let at = value.iter().position(|byte| *byte == b':').map_or(value.len(), |at| at + 1);
                        listed.target = Some(value[at..].to_vec());
                    }
                    _ => listed.kind = Kind::Other,
                }
            }
            b"size" => listed.size = super::words::number(value),
            b"modify" => listed.modified = time(value),
            b"unix.mode" => {
                let mode = std::str::from_utf8(value).ok().and_then(|mode| u32::from_str_radix(mode, 8).ok());
                listed.mode = mode.map(|mode| mode & 0o7777);
            }
            b"unix.owner" | b"unix.uid" => owner.number = Some(value.to_vec()),
            b"unix.ownername" => owner.name = Some(value.to_vec()),
            b"unix.group" | b"unix.gid" => group.number = Some(value.to_vec()),
            b"unix.groupname" => group.name = Some(value.to_vec()),
            _ => {}
        }
    }
    (listed.owner, listed.group) = (owner.name.or(owner.number), group.name.or(group.number));
    if matches!(listed.name.as_slice(), b"" | b"." | b"..") { Line::Noise } else { Line::Entry(listed) }
}

#[derive(Default)]
struct Numbered {
    name: Option<Vec<u8>>,
    number: Option<Vec<u8>>,
}

/// The first space parts facts and name. Some write targets of links with spaces in them, which shows by facts that do not
/// end there.
fn part(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let first = line.iter().position(|byte| *byte == b' ')?;
    let whole = first == 0 || line[first - 1] == b';';
    let later = line.windows(2).position(|pair| pair == b"; ").map(|at| at + 1);
    let at = if whole { first } else { later.unwrap_or(first) };
    Some((&line[..at], &line[at + 1..]))
}

fn time(value: &[u8]) -> Option<Modified> {
    let whole = value.split(|byte| *byte == b'.').next()?;
    let text =
        std::str::from_utf8(whole).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (text, precision) = match text.len() {
        14 => {
            return Timestamp::parse(value).map(|time| Modified {
                time,
                precision: Precision::Second,
                utc: true,
            });
        }
        8 => (format!("{text}000000"), Precision::Day),
        12 => (format!("{text}00"), Precision::Minute),
        // 19 and the years since 1900.
        15 if text.starts_with("191") => {
            let years: u16 = text[2..5].parse().ok()?;
            (format!("{}{}", 1900 + years, &text[5..]), Precision::Second)
        }
        _ => return None,
    };
    Timestamp::parse(text.as_bytes()).map(|time| Modified { time, precision, utc: true })
}
