//! Trees, as they are before anything is done.

use super::{Mirroring, Towards};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::files::join;
use crate::local::{Folder, Name};
use futures_util::stream::{FuturesUnordered, StreamExt};
use portolan_wire::Kind;
use portolan_wire::Timestamp;
use portolan_wire::listing::{Modified, Precision};
use portolan_wire::received::printable;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::unix::ffi::OsStrExt;

/// How deep trees are walked: a link that leads upwards would have no end.
const DEPTH_MAX: usize = 100;

/// Entries of one tree; more are an error.
const ENTRIES_MAX: usize = 5_000_000;

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) size: Option<u64>,
    pub(super) modified: Option<Modified>,
    pub(super) mode: Option<u32>,
}

/// A tree: what is at each path, from its top.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: BTreeMap<Vec<u8>, Node>,
    /// Why it may not be all.
    pub(super) doubts: Vec<String>,
    /// Directories in which there is something that is not wanted.
    pub(super) kept: BTreeSet<Vec<u8>>,
    /// True when the zone of times was found out by that of one file.
    pub(super) by_zone: bool,
    /// True when there is no such directory at all.
    pub(super) missing: bool,
}

impl Tree {
    /// Something in a directory is not wanted, so that it stays, with all above it.
    fn keep(&mut self, folder: &[u8]) {
        let mut folder = folder;
        while !folder.is_empty() && self.kept.insert(folder.to_vec()) {
            folder = &folder[..folder.iter().rposition(|byte| *byte == b'/').unwrap_or(0)];
        }
    }
}

/// That of the server; several directories at a time.
pub(super) async fn remote(client: &Client, how: &Mirroring<'_>) -> Result<Tree> {
    let mut tree = Tree::default();
    let deletes_there = how.delete && how.towards == Towards::There;
    if deletes_there && client.run(async |connection| connection.is_without_slashes().await).await? {
        tree.doubts.push("the server may call what it is sent otherwise".to_owned());
    }
    let mut left = VecDeque::from([(Vec::new(), 0)]);
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < client.sessions()
            && let Some((path, depth)) = left.pop_front()
        {
            let full = if path == b"" { how.remote.to_vec() } else { join(how.remote, &path) };
            running.push(async move {
                let listed = client.list(&full).await;
                (path, depth, listed)
            });
        }
        let Some((folder, depth, listed)) = running.next().await else { return Ok(tree) };
        let listing = match listed {
            Ok(listing) => listing,
            Err(error) if depth == 0 && matches!(error.code(), Some(450 | 501 | 550 | 553)) => {
                tree.missing = true;
                return Ok(tree);
            }
            Err(error) if depth == 0 || error.code().is_none() => return Err(error),
            Err(error) => {
                tree.doubts.push(format!("{}: {error}", printable(&folder)));
                continue;
            }
        };
        if listing.is_doubtful() {
            let shown = if folder.is_empty() { ".".to_owned() } else { printable(&folder) };
            tree.doubts.push(format!("{shown}: the listing was not wholly understood"));
        }
        tree.by_zone |= listing.zone.is_some();
        for entry in listing.entries {
            if Name::new(&entry.name).is_none() {
                tree.doubts.push(format!(
                    "{}: the server names it {:?}",
                    printable(&folder),
                    printable(&entry.name)
                ));
                continue;
            }
            let path = join(&folder, &entry.name);
            let is_part = Name::new(&entry.name).is_some_and(|name| name.is_part());
            if is_part || !(how.wanted)(&path, entry.is_directory()) {
                tree.keep(&folder);
                continue;
            }
            if entry.is_directory() && depth == DEPTH_MAX {
                tree.doubts.push(format!("{}: too deep", printable(&path)));
            } else if entry.is_directory() {
                left.push_back((path.clone(), depth + 1));
            }
            if tree.nodes.len() == ENTRIES_MAX {
                return Err(Error::Strange(format!("there are more than {ENTRIES_MAX} files and folders")));
            }
            let node =
                Node { kind: entry.kind, size: entry.size, modified: entry.modified, mode: entry.mode };
            tree.nodes.insert(path, node);
        }
    }
}

/// That of this side. In between others have their turn: listings of the server come meanwhile.
pub(super) async fn local(how: &Mirroring<'_>) -> Result<Tree> {
    let mut tree = Tree::default();
    let wrong = |error: std::io::Error| Error::Local(format!("{}: {error}", how.local.display()));
    let top = match Folder::open(how.local) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            tree.missing = true;
            return Ok(tree);
        }
        top => top.map_err(wrong)?,
    };
    let mut left = vec![(Vec::new(), 0)];
    while let Some((path, depth)) = left.pop() {
        // One at a time is open, however many there are.
        match top.beneath(&path) {
            Ok(folder) => walk(&mut tree, &folder, &path, how, &mut left, depth),
            Err(error) => tree.doubts.push(format!("{}: {error}", printable(&path))),
        }
        tokio::task::yield_now().await;
    }
    Ok(tree)
}

/// Takes what is in one folder; those in it are still to be walked.
fn walk(
    tree: &mut Tree,
    folder: &Folder,
    path: &[u8],
    how: &Mirroring<'_>,
    left: &mut Vec<(Vec<u8>, usize)>,
    depth: usize,
) {
    let names = match folder.names() {
        Ok(names) => names,
        Err(error) => return tree.doubts.push(format!("{}: {error}", printable(path))),
    };
    for name in names {
        let below = join(path, name.as_path().as_os_str().as_bytes());
        let found = match folder.find(&name) {
            Ok(found) => found,
            // It has gone meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                tree.doubts.push(format!("{}: {error}", printable(&below)));
                continue;
            }
        };
        let is_directory = found.kind == Kind::Directory;
        // What is not whole yet belongs to nobody's tree.
        if name.is_part() || !(how.wanted)(&below, is_directory) {
            tree.keep(path);
            continue;
        }
        let (seconds, nanoseconds) = found.modified;
        let time = Timestamp::from_unix(seconds, nanoseconds);
        let modified = Some(Modified { time, precision: Precision::Second, utc: true });
        let node = Node { kind: found.kind, size: Some(found.size), modified, mode: Some(found.mode) };
        tree.nodes.insert(below.clone(), node);
        if is_directory && depth < DEPTH_MAX {
            left.push((below, depth + 1));
        }
    }
}
