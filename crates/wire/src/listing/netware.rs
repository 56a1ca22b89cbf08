//! NetWare: `d [R----F--] owner size date name`.

use super::words::{trim_start, words};
use super::{Listed, date};
use crate::entry::Kind;
use crate::time::Timestamp;

pub(super) fn parse(line: &[u8], now: Timestamp) -> Option<Listed> {
    let kind = match line.first()? {
        b'd' => Kind::Directory,
        b'-' => Kind::File,
        _ => return None,
    };
    let rest = trim_start(&line[1..]).strip_prefix(b"[")?;
    let (rights, rest) = rest.split_at_checked(8)?;
    let rest = rest.strip_prefix(b"]")?;
    if !rights.iter().all(|right| b"RWCEAFMS-".contains(right)) {
        return None;
    }
    let found = words(rest);
    let [owner, size, ..] = found[..] else { return None };
    let (modified, count, _) = date::at(&found[2..], now)?;
    // More than one space stands before names.
    let name = trim_start(&rest[found[1 + count].end()..]);
    let owner = Some(owner.text.to_vec());
    Some(Listed { size: Some(size.number()?), modified: Some(modified), owner, ..Listed::new(kind, name) })
}
