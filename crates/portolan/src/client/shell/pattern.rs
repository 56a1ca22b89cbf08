//! What has a name that is like a pattern: in one folder, by the last part of a path.

use super::session::Session;
use crate::Exit;
use crate::args::Form;
use crate::client::ls;
use crate::client::place::Place;
use crate::client::report::at;
use globset::{GlobBuilder, GlobMatcher};
use portolan_wire::listing::Listed;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The pattern of a name. As in a shell, it has to begin with a dot to mean names that do.
struct Pattern(GlobMatcher);

impl Pattern {
    fn new(text: &str) -> Result<Pattern, Exit> {
        let glob = GlobBuilder::new(text).literal_separator(true).backslash_escape(true).build();
        glob.map(|glob| Pattern(glob.compile_matcher())).map_err(|error| Exit::wrong(error.to_string()))
    }

    fn fits(&self, name: &[u8]) -> bool {
        let hidden = name.starts_with(b".") && !self.0.glob().glob().starts_with('.');
        !hidden && self.0.is_match(Path::new(OsStr::from_bytes(name)))
    }
}

fn none(pattern: &str) -> Exit {
    Exit::failed(format!("nothing is like {pattern}"))
}

/// The folder of a path, as it is written, and the rest.
fn parts(path: &str) -> (&str, &str) {
    path.split_at(path.rfind('/').map_or(0, |at| at + 1))
}

/// True for what can be meant as a pattern.
pub(super) fn is_one(path: &str) -> bool {
    parts(path).1.contains(['*', '?', '[', '{'])
}

/// What is in a folder of the server, and is like a pattern.
async fn entries(session: &Session, path: &str, with_times: bool) -> Result<(Place, Vec<Listed>), Exit> {
    let (folder, name) = parts(path);
    let (pattern, folder) = (Pattern::new(name)?, session.place(folder));
    let listing = ls::listing(&session.server.client, &folder.path, with_times).await;
    let mut entries = listing.map_err(|error| at(&folder, &error))?.entries;
    entries.retain(|entry| pattern.fits(&entry.name) && !entry.name.contains(&b'/'));
    Ok((folder, entries))
}

/// Prints it.
pub(super) async fn list(session: &Session, path: &str, form: Form) -> Result<(), Exit> {
    let (_, entries) = entries(session, path, form.shows_times()).await?;
    if entries.is_empty() {
        return Err(none(path));
    }
    ls::print(&entries, parts(path).0.as_bytes(), form)
}

/// Files of the server, each once.
pub(super) async fn there(session: &Session, patterns: &[String]) -> Result<Vec<Place>, Exit> {
    let mut places: Vec<Place> = Vec::new();
    for path in patterns {
        let (folder, entries) = entries(session, path, false).await?;
        let before = places.len();
        let files = entries.iter().filter(|entry| !entry.is_directory());
        places.extend(files.map(|file| Place::beneath(&folder, &file.name)));
        if places.len() == before {
            return Err(none(path));
        }
    }
    places.sort_by(|a, b| a.path.cmp(&b.path));
    places.dedup_by(|a, b| a.path == b.path);
    Ok(places)
}

/// Files of this side, each once.
pub(super) fn here(patterns: &[PathBuf]) -> Result<Vec<PathBuf>, Exit> {
    let mut files = Vec::new();
    for path in patterns {
        let shown = path.display();
        let name = path.file_name().and_then(OsStr::to_str);
        let pattern =
            Pattern::new(name.ok_or_else(|| Exit::wrong(format!("{shown} is no pattern of names")))?)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let read = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let failed = |error| Exit { message: format!("{}: {error}", read.display()), code: 9 };
        let before = files.len();
        for entry in std::fs::read_dir(read).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let file = folder.join(&name);
            if pattern.fits(name.as_bytes()) && file.is_file() {
                files.push(file);
            }
        }
        if files.len() == before {
            return Err(none(&shown.to_string()));
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_like_patterns() {
        let fits = |pattern: &str, name: &[u8]| {
            Pattern::new(pattern).map_err(|exit| exit.message).unwrap().fits(name)
        };
        assert!(fits("*.gz", b"a.gz") && !fits("*.gz", b"a.xz") && fits("a[1-3]?", b"a2x"));
        assert!(!fits("*", b".hidden") && fits(".*", b".hidden"));
        assert!(fits("*", b"\xff\xfe"), "names in another charset are names");
        assert!(Pattern::new("[").is_err());
    }
}
