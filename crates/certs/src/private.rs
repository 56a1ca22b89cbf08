//! Files that are for their owner only, and whole when they have their name.

use std::io::{self, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// Writes a file, in place of one that is there. Missing folders are made.
pub(crate) fn write(file: &Path, text: &str) -> io::Result<()> {
    whole(file, text)?.persist(file).map(drop).map_err(|error| error.error)
}

/// Writes a file, unless there is one.
pub(crate) fn write_new(file: &Path, text: &str) -> io::Result<()> {
    match whole(file, text)?.persist_noclobber(file) {
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done.map(drop).map_err(|error| error.error),
    }
}

/// Temporary files are for their owner only.
fn whole(file: &Path, text: &str) -> io::Result<NamedTempFile> {
    let folder = file.parent().ok_or(io::ErrorKind::InvalidInput)?;
    std::fs::create_dir_all(folder)?;
    let mut whole = NamedTempFile::new_in(folder)?;
    whole.write_all(text.as_bytes())?;
    // A file that is empty after a power cut would be worse than none.
    whole.as_file().sync_all()?;
    Ok(whole)
}
