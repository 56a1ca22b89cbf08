//! Whether files arrived.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Makes sure that all that is in one folder is in the other, byte for byte.
pub(crate) fn must_be_in(original: &Path, copy: &Path) -> io::Result<()> {
    for entry in fs::read_dir(original)? {
        let entry = entry?;
        let there = copy.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            must_be_in(&entry.path(), &there)?;
        } else if !is_same(&entry.path(), &there)? {
            return Err(io::Error::other(format!("{} has other bytes", there.display())));
        }
    }
    Ok(())
}

fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    const PIECE: u64 = 1 << 20;
    let missing = |error| io::Error::other(format!("{}: {error}", other.display()));
    let (mut one, mut other) = (File::open(one)?, File::open(other).map_err(missing)?);
    let (mut here, mut there) = (Vec::new(), Vec::new());
    loop {
        here.clear();
        there.clear();
        one.by_ref().take(PIECE).read_to_end(&mut here)?;
        other.by_ref().take(PIECE).read_to_end(&mut there)?;
        if here != there {
            return Ok(false);
        }
        if here.is_empty() {
            return Ok(true);
        }
    }
}
