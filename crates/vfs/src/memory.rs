//! A tree in memory, for tests and simulations. It has no links and no permissions.

use crate::{Entries, Error, ReadFile, Result, Vfs, Write, WriteFile};
use async_trait::async_trait;
use portolan_wire::permissions::Permissions;
use portolan_wire::{Entry, Kind, Timestamp, VirtualPath};
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Clone)]
enum Node {
    Directory { modified: Timestamp, mode: u32 },
    File { bytes: Arc<Vec<u8>>, modified: Timestamp, mode: u32 },
}

#[derive(Debug, Default)]
struct Tree {
    nodes: BTreeMap<VirtualPath, Node>,
    /// Files that are being written in place.
    locked: HashSet<VirtualPath>,
    handles: usize,
}

/// A tree in memory. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    tree: Arc<Mutex<Tree>>,
}

impl Memory {
    /// A tree with nothing but its root.
    pub fn new() -> Memory {
        Memory::default()
    }

    /// Handles that are open now.
    pub fn open_handles(&self) -> usize {
        self.tree().handles
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tree {
    fn get(&self, path: &VirtualPath) -> Result<Node> {
        if path.is_root() {
            return Ok(Node::Directory { modified: Timestamp::EPOCH, mode: 0o755 });
        }
        self.in_directory(path)?;
        self.nodes.get(path).cloned().ok_or(Error::NotFound)
    }

    /// Checks that what holds `path` is a directory.
    fn in_directory(&self, path: &VirtualPath) -> Result<()> {
        match self.get(&path.parent())? {
            Node::Directory { .. } => Ok(()),
            Node::File { .. } => Err(Error::NotDirectory),
        }
    }

    fn has_children(&self, path: &VirtualPath) -> bool {
        self.nodes.keys().any(|other| other != path && other.is_within(path))
    }

    fn put_bytes(&mut self, path: &VirtualPath, bytes: Vec<u8>) {
        let mode = match self.nodes.get(path) {
            Some(Node::File { mode, .. }) => *mode,
            _ => 0o644,
        };
        self.nodes
            .insert(path.clone(), Node::File { bytes: Arc::new(bytes), modified: Timestamp::EPOCH, mode });
    }
}

fn describe(path: &VirtualPath, node: &Node) -> Entry {
    let (kind, size, modified, mode) = match node {
        Node::Directory { modified, mode } => (Kind::Directory, 0, *modified, *mode),
        Node::File { bytes, modified, mode } => (Kind::File, bytes.len() as u64, *modified, *mode),
    };
    Entry {
        name: path.name().to_vec(),
        kind,
        size,
        modified,
        created: None,
        mode,
        links: 1,
        owner: 0,
        group: 0,
        identity: (0, identity(path)),
        target: None,
        permissions: Permissions::all(kind),
    }
}

/// A number that tells paths apart.
fn identity(path: &VirtualPath) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

#[async_trait]
impl Vfs for Memory {
    async fn describe(&self, path: &VirtualPath, _follow: bool) -> Result<Entry> {
        Ok(describe(path, &self.tree().get(path)?))
    }

    async fn list(&self, path: &VirtualPath) -> Result<Box<dyn Entries>> {
        let tree = self.tree();
        if let Node::File { .. } = tree.get(path)? {
            return Err(Error::NotDirectory);
        }
        let children = tree.nodes.iter().filter(|(other, _)| !other.is_root() && other.parent() == *path);
        Ok(Box::new(Batch(children.map(|(path, node)| describe(path, node)).collect())))
    }

    async fn make_directory(&self, path: &VirtualPath) -> Result<()> {
        let mut tree = self.tree();
        match tree.get(path) {
            Ok(_) => Err(Error::Exists),
            Err(Error::NotFound) => {
                tree.in_directory(path)?;
                tree.nodes.insert(path.clone(), Node::Directory { modified: Timestamp::EPOCH, mode: 0o755 });
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn remove_directory(&self, path: &VirtualPath) -> Result<()> {
        let mut tree = self.tree();
        match tree.get(path)? {
            Node::File { .. } => Err(Error::NotDirectory),
            Node::Directory { .. } if tree.has_children(path) => Err(Error::NotEmpty),
            Node::Directory { .. } => {
                tree.nodes.remove(path);
                Ok(())
            }
        }
    }

    async fn delete(&self, path: &VirtualPath) -> Result<()> {
        let mut tree = self.tree();
        match tree.get(path)? {
            Node::Directory { .. } => Err(Error::NotFile),
            Node::File { .. } => {
                tree.nodes.remove(path);
                Ok(())
            }
        }
    }

    async fn rename(&self, from: &VirtualPath, to: &VirtualPath) -> Result<()> {
        let mut tree = self.tree();
        let node = tree.get(from)?;
        tree.in_directory(to)?;
        if to != from && to.is_within(from) {
            return Err(Error::BadName);
        }
        match (&node, tree.get(to)) {
            (Node::File { .. }, Ok(Node::Directory { .. })) => return Err(Error::NotFile),
            (Node::Directory { .. }, Ok(Node::File { .. })) => return Err(Error::NotDirectory),
            (Node::Directory { .. }, Ok(_)) if tree.has_children(to) => return Err(Error::NotEmpty),
            _ => {}
        }
        let moved: Vec<VirtualPath> =
            tree.nodes.keys().filter(|path| path.is_within(from)).cloned().collect();
        for old in moved {
            let rest = &old.as_bytes()[from.as_bytes().len()..];
            let new =
                VirtualPath::root().join(&[to.as_bytes(), rest].concat()).map_err(|_| Error::BadName)?;
            if let Some(node) = tree.nodes.remove(&old) {
                tree.nodes.insert(new, node);
            }
        }
        Ok(())
    }

    async fn set_facts(&self, path: &VirtualPath, time: Option<Timestamp>, bits: Option<u32>) -> Result<()> {
        let mut tree = self.tree();
        tree.get(path)?;
        if let Some(Node::Directory { modified, mode } | Node::File { modified, mode, .. }) =
            tree.nodes.get_mut(path)
        {
            *modified = time.unwrap_or(*modified);
            *mode = bits.unwrap_or(*mode);
        }
        Ok(())
    }

    async fn link(&self, _target: &VirtualPath, _path: &VirtualPath) -> Result<()> {
        Err(Error::NotOffered)
    }

    async fn space(&self, path: &VirtualPath) -> Result<u64> {
        self.tree().get(path).map(|_| 1 << 40)
    }

    async fn read(&self, path: &VirtualPath) -> Result<Box<dyn ReadFile>> {
        let mut tree = self.tree();
        let Node::File { bytes, .. } = tree.get(path)? else { return Err(Error::NotFile) };
        tree.handles += 1;
        Ok(Box::new(Reader { bytes, memory: self.clone() }))
    }

    async fn write(&self, path: &VirtualPath, how: Write) -> Result<Box<dyn WriteFile>> {
        let mut tree = self.tree();
        tree.in_directory(path)?;
        let mut path = path.clone();
        let old = match tree.get(&path) {
            Ok(Node::Directory { .. }) if how != Write::Unique => return Err(Error::NotFile),
            Ok(Node::File { bytes, .. }) => Some(bytes),
            _ => None,
        };
        if tree.locked.contains(&path) && how != Write::Unique {
            return Err(Error::Busy);
        }
        let bytes = match how {
            Write::New => Vec::new(),
            Write::Unique => {
                path = unique(&tree, &path)?;
                tree.put_bytes(&path, Vec::new());
                Vec::new()
            }
            Write::At(offset) => {
                let mut bytes = Vec::clone(&*old.clone().ok_or(Error::NotFound)?);
                let offset = usize::try_from(offset).ok().filter(|offset| *offset <= bytes.len());
                bytes.truncate(offset.ok_or(Error::BadOffset)?);
                bytes
            }
            Write::End => old.as_deref().cloned().unwrap_or_default(),
        };
        let in_place = how != Write::New;
        if in_place {
            tree.locked.insert(path.clone());
        }
        tree.handles += 1;
        let replaces = how == Write::New && old.is_some();
        let writer =
            Writer { memory: self.clone(), path, bytes, in_place, replaces, begun: false, settled: false };
        Ok(Box::new(writer))
    }
}

fn unique(tree: &Tree, path: &VirtualPath) -> Result<VirtualPath> {
    let names = (0..1000).map(|number| match number {
        0 => path.name().to_vec(),
        _ => [path.name(), format!(".{number}").as_bytes()].concat(),
    });
    let mut paths = names.filter_map(|name| path.parent().child(&name));
    paths.find(|path| tree.get(path) == Err(Error::NotFound)).ok_or(Error::Exists)
}

impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        matches!(
            (self, other),
            (Node::File { .. }, Node::File { .. }) | (Node::Directory { .. }, Node::Directory { .. })
        )
    }
}

struct Batch(Vec<Entry>);

#[async_trait]
impl Entries for Batch {
    async fn next_batch(&mut self) -> Result<Vec<Entry>> {
        Ok(std::mem::take(&mut self.0))
    }
}

struct Reader {
    bytes: Arc<Vec<u8>>,
    memory: Memory,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.memory.tree().handles -= 1;
    }
}

#[async_trait]
impl ReadFile for Reader {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn descriptor(&self) -> Option<Arc<File>> {
        None
    }

    async fn read_at(&mut self, offset: u64, length: usize) -> Result<Vec<u8>> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.bytes.len());
        Ok(self.bytes[start..self.bytes.len().min(start.saturating_add(length))].to_vec())
    }
}

struct Writer {
    memory: Memory,
    path: VirtualPath,
    bytes: Vec<u8>,
    in_place: bool,
    replaces: bool,
    begun: bool,
    settled: bool,
}

impl Writer {
    fn settle(&mut self, whole: bool) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        let mut tree = self.memory.tree();
        if whole || (self.begun && !self.replaces && !self.bytes.is_empty()) {
            let bytes = std::mem::take(&mut self.bytes);
            tree.put_bytes(&self.path, bytes);
        }
        if self.in_place {
            tree.locked.remove(&self.path);
        }
        tree.handles -= 1;
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.settle(false);
    }
}

#[async_trait]
impl WriteFile for Writer {
    fn name(&self) -> &[u8] {
        self.path.name()
    }

    fn position(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn is_in_place(&self) -> bool {
        // What is written is there when it is put there.
        false
    }

    async fn begin(&mut self) -> Result<()> {
        self.begun = true;
        Ok(())
    }

    fn descriptor(&self) -> Option<Arc<File>> {
        None
    }

    async fn write(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        self.bytes.extend_from_slice(&bytes);
        Ok(bytes)
    }

    async fn commit(mut self: Box<Self>) -> Result<()> {
        self.settle(true);
        Ok(())
    }

    async fn keep(mut self: Box<Self>) -> Result<()> {
        self.settle(false);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn the_battery() {
        crate::battery::run(|| Ok(super::Memory::new())).await.unwrap();
    }
}
