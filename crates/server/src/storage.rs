//! Storage requests of a session, done on a tree.

use crate::digest;
use crate::listing::Lister;
use portolan_events::{What, text};
use portolan_proto::server::{Failure, Listing, Outcome, Storage};
use portolan_vfs::{Error, ReadFile, Result, Right, Vfs, Write, WriteFile};
use portolan_wire::{Kind, VirtualPath};

/// Objects that one request walks over at the most.
const OBJECTS_MAX: usize = 1_000_000;

/// Lines of a listing on the control connection.
const LINES_MAX: usize = 1_000;

/// Bytes of one reading.
const BUFFER: usize = 1 << 20;

/// Does what a session asks of its storage.
pub async fn run(tree: &dyn Vfs, request: Storage) -> Outcome {
    try_run(tree, request).await.unwrap_or_else(|error| Outcome::Failed(failure(error)))
}

/// What has happened when a request is done, if it is worth to be told.
pub(crate) fn event(request: &Storage) -> Option<What> {
    let text = |path: &VirtualPath| text(path.as_bytes());
    match request {
        Storage::Delete(path) => Some(What::Delete { path: text(path) }),
        Storage::Rename { from, to } => Some(What::Rename { from: text(from), to: text(to) }),
        Storage::MakeDirectory(path) => Some(What::MakeFolder { path: text(path) }),
        Storage::RemoveDirectory(path) | Storage::RemoveTree(path) => {
            Some(What::RemoveFolder { path: text(path) })
        }
        _ => None,
    }
}

/// What an error of storage means to a session.
pub fn failure(error: Error) -> Failure {
    match error {
        Error::NotFound => Failure::NotFound,
        Error::Exists => Failure::Exists,
        Error::NotDirectory => Failure::NotDirectory,
        Error::NotFile => Failure::NotFile,
        Error::NotEmpty => Failure::NotEmpty,
        Error::Denied => Failure::Denied,
        Error::Forbidden(right) => Failure::Forbidden(right.action()),
        Error::Apart => Failure::Apart,
        Error::Outside => Failure::Outside,
        Error::BadName => Failure::BadName,
        Error::NoSpace => Failure::NoSpace,
        Error::QuotaExceeded => Failure::Quota,
        Error::Busy => Failure::Busy,
        Error::BadOffset => Failure::BadOffset,
        Error::NotOffered => Failure::NotOffered,
        Error::Local => Failure::Local,
    }
}

async fn try_run(tree: &dyn Vfs, request: Storage) -> Result<Outcome> {
    match request {
        Storage::Describe(path) => return Ok(Outcome::Described(tree.describe(&path, true).await?)),
        Storage::DescribeLink(path) => return Ok(Outcome::Described(tree.describe(&path, false).await?)),
        Storage::Space(path) => return Ok(Outcome::Number(tree.space(&path).await?)),
        Storage::Usage(path) => return usage(tree, path).await,
        Storage::Lines { path, options } => {
            return Ok(lines(tree, &path, Listing::Long(options)).await.unwrap_or_else(Outcome::Failed));
        }
        Storage::Digest { path, algorithm, range } => {
            let mut file = tree.read(&path).await?;
            let range = range.start.min(file.size())..range.end.min(file.size());
            let text = digest::of_file(&mut *file, algorithm, range.clone()).await?;
            return Ok(Outcome::Digest { text, range });
        }
        Storage::Enter(path) => tree.enter(&path).await?,
        Storage::MakeDirectory(path) => tree.make_directory(&path).await?,
        Storage::RemoveDirectory(path) => tree.remove_directory(&path).await?,
        Storage::Delete(path) => tree.delete(&path).await?,
        Storage::Rename { from, to } => tree.rename(&from, &to).await?,
        Storage::SetFacts { path, modified, mode } => tree.set_facts(&path, modified, mode).await?,
        Storage::Link { target, path } => tree.link(&target, &path).await?,
        Storage::RemoveTree(path) => return remove_tree(tree, path).await,
        Storage::Combine { target, sources } => combine(tree, &target, &sources).await?,
    }
    Ok(Outcome::Done)
}

/// Removes a directory from its leaves up. Links are removed, not followed.
async fn remove_tree(tree: &dyn Vfs, path: VirtualPath) -> Result<Outcome> {
    // What is refused is refused before half of it is gone.
    if tree.is_fixed(&path) {
        return Err(Error::Forbidden(Right::RemoveFolders));
    }
    allow(tree, &path.parent(), &[Right::RemoveFolders])?;
    allow(tree, &path, &[Right::List, Right::Delete, Right::RemoveFolders])?;
    if !tree.describe(&path, false).await?.is_directory() {
        return Err(Error::NotDirectory);
    }
    let mut stack = vec![(path, false)];
    let mut seen = 0;
    while let Some((directory, emptied)) = stack.pop() {
        if emptied {
            tree.remove_directory(&directory).await?;
            continue;
        }
        stack.push((directory.clone(), true));
        let mut entries = tree.list(&directory).await?;
        loop {
            let batch = entries.next_batch().await?;
            if batch.is_empty() {
                break;
            }
            seen += batch.len();
            if seen > OBJECTS_MAX {
                return Ok(Outcome::Failed(Failure::TooMuch));
            }
            for entry in batch {
                let child = directory.child(&entry.name).ok_or(Error::BadName)?;
                if entry.kind == Kind::Directory {
                    stack.push((child, false));
                } else {
                    tree.delete(&child).await?;
                }
            }
        }
    }
    Ok(Outcome::Done)
}

/// Sees that all these rights are there.
fn allow(tree: &dyn Vfs, directory: &VirtualPath, rights: &[Right]) -> Result<()> {
    let own = tree.rights(directory);
    rights.iter().find(|right| !own.contains(**right)).map_or(Ok(()), |right| Err(Error::Forbidden(*right)))
}

async fn usage(tree: &dyn Vfs, path: VirtualPath) -> Result<Outcome> {
    let top = tree.describe(&path, true).await?;
    if !top.is_directory() {
        return Ok(Outcome::Number(top.size));
    }
    let mut stack = vec![path];
    let (mut bytes, mut seen) = (0u64, 0);
    while let Some(directory) = stack.pop() {
        let mut entries = match tree.list(&directory).await {
            // As in a listing of all: what may not be seen is passed over.
            Err(Error::Forbidden(_)) if seen > 0 => continue,
            entries => entries?,
        };
        loop {
            let batch = entries.next_batch().await?;
            if batch.is_empty() {
                break;
            }
            seen += batch.len();
            if seen > OBJECTS_MAX {
                return Ok(Outcome::Failed(Failure::TooMuch));
            }
            for entry in batch {
                match entry.kind {
                    Kind::File => bytes = bytes.saturating_add(entry.size),
                    Kind::Directory => stack.extend(directory.child(&entry.name)),
                    Kind::Symlink | Kind::Other => {}
                }
            }
        }
    }
    Ok(Outcome::Number(bytes))
}

async fn combine(tree: &dyn Vfs, target: &VirtualPath, sources: &[VirtualPath]) -> Result<()> {
    for source in sources {
        allow(tree, &source.parent(), &[Right::Read, Right::Delete])?;
    }
    // Should it go wrong, what was appended is taken back.
    allow(tree, &target.parent(), &[Right::Append, Right::Write])?;
    let own = match tree.describe(target, true).await {
        Err(Error::NotFound) => None,
        own => Some(own?),
    };
    // All of them are opened before anything changes; none may be the target under another name.
    let mut files = Vec::new();
    for source in sources {
        let entry = tree.describe(source, true).await?;
        if own.as_ref().is_some_and(|own| own.identity == entry.identity) {
            return Err(Error::Exists);
        }
        files.push(tree.read(source).await?);
    }
    let mut whole = tree.write(target, Write::End).await?;
    whole.begin().await?;
    let before = whole.position();
    if let Err(error) = append(&mut *whole, files).await {
        whole.keep().await?;
        // The sources are still there, so that what was appended would be there twice.
        tree.write(target, Write::At(before)).await?.begin().await?;
        return Err(error);
    }
    whole.commit().await?;
    for source in sources {
        tree.delete(source).await?;
    }
    Ok(())
}

async fn append(whole: &mut dyn WriteFile, files: Vec<Box<dyn ReadFile>>) -> Result<()> {
    for mut file in files {
        let mut offset = 0;
        while offset < file.size() {
            let bytes = file.read_at(offset, BUFFER).await?;
            if bytes.is_empty() {
                return Err(Error::Local);
            }
            offset += bytes.len() as u64;
            whole.write(bytes).await?;
        }
    }
    Ok(())
}

async fn lines(
    tree: &dyn Vfs,
    path: &VirtualPath,
    listing: Listing,
) -> std::result::Result<Outcome, Failure> {
    let mut lister = Lister::open(tree, path, listing).await?;
    let directory = lister.is_directory();
    let (mut lines, mut more) = (Vec::new(), false);
    loop {
        let text = lister.next_text(tree).await.map_err(failure)?;
        if text.is_empty() {
            break;
        }
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            lines.push(line.trim_ascii_end().to_vec());
        }
        if lines.len() > LINES_MAX {
            lines.truncate(LINES_MAX);
            more = true;
            break;
        }
    }
    Ok(Outcome::Lines { lines, more, directory })
}
