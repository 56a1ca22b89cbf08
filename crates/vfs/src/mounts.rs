//! A tree that is put together from others, each with what may be done in it. This is the one place where rights are
//! checked, for every verb alike: whatever a session does to files goes through here.
//!
//! Which rights count for something is decided by its path: those of the mount that it lies in, with nothing beneath
//! the top of one that does not reach into subfolders. Where two mounts lead to the same folder, each path has its own.
//! What an account may not see is refused before it is looked for, so that the answer does not tell whether it is there.
//!
//! Mounts themselves, and what leads to them, cannot be removed, renamed or replaced.

mod merged;

use crate::{Entries, Error, ReadFile, Result, Right, Rights, Vfs, Write, WriteFile};
use async_trait::async_trait;
use merged::Merged;
use portolan_wire::permissions::Permissions;
use portolan_wire::{Entry, Kind, Timestamp, VirtualPath};
use std::sync::Arc;

/// A tree, and where it is in another.
#[derive(Clone)]
pub struct Mount {
    /// Where its root is.
    pub at: VirtualPath,
    /// The tree.
    pub storage: Arc<dyn Vfs>,
    /// What may be done in it.
    pub rights: Rights,
    /// Whether that counts for its subfolders, too; else nothing may be done there.
    pub subfolders: bool,
}

impl Mount {
    /// True when its rights count for this directory in it.
    fn reaches(&self, inside: &VirtualPath) -> bool {
        self.subfolders || inside.is_root()
    }
}

/// A tree of mounts.
#[derive(Clone)]
pub struct Mounts {
    /// The deepest first.
    mounts: Arc<[Mount]>,
}

impl Mounts {
    /// A tree of these; of two at the same place, the first counts.
    pub fn new(mounts: impl IntoIterator<Item = Mount>) -> Mounts {
        let mut mounts: Vec<Mount> = mounts.into_iter().collect();
        mounts.sort_by_key(|mount| std::cmp::Reverse(mount.at.components().count()));
        Mounts { mounts: mounts.into() }
    }

    /// The mount that a path lies in, and the path there.
    fn within(&self, path: &VirtualPath) -> Result<(&Mount, VirtualPath)> {
        let found = self.mounts.iter().find_map(|mount| Some((mount, path.beneath(&mount.at)?)));
        found.ok_or(Error::NotFound)
    }

    /// The same, for something that is to be changed with this right.
    fn changing(&self, path: &VirtualPath, right: Right) -> Result<(&Mount, VirtualPath)> {
        self.allow(&path.parent(), right)?;
        if self.is_fixed(path) {
            return Err(Error::Forbidden(right));
        }
        self.within(path)
    }

    fn allow(&self, directory: &VirtualPath, right: Right) -> Result<()> {
        if self.rights(directory).contains(right) { Ok(()) } else { Err(Error::Forbidden(right)) }
    }

    /// Whether it may be seen what lies in a directory.
    fn allow_look(&self, directory: &VirtualPath) -> Result<()> {
        self.allow(directory, Right::Read).or_else(|_| self.allow(directory, Right::List))
    }

    /// Names in a directory that are there because something is mounted at them, or beneath.
    fn mounted_in(&self, directory: &VirtualPath) -> Vec<Vec<u8>> {
        let beneath = self.mounts.iter().filter_map(|mount| mount.at.beneath(directory));
        let mut names: Vec<Vec<u8>> =
            beneath.filter_map(|path| path.components().next().map(<[u8]>::to_vec)).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Describes what cannot be removed, since something is mounted there or beneath.
    async fn describe_fixed(&self, path: &VirtualPath) -> Entry {
        let there = match self.within(path) {
            Ok((mount, inside)) => mount.storage.describe(&inside, true).await.ok(),
            Err(_) => None,
        };
        // Beneath it something is mounted, whatever is there.
        let mut entry = there.filter(Entry::is_directory).unwrap_or_else(|| empty_directory(path));
        entry.name = path.name().to_vec();
        entry.permissions = Rights::NONE.permissions(self.rights(path), Kind::Directory);
        entry
    }

    /// Says in an entry of a directory what may be done with it.
    fn permit(&self, entry: &mut Entry, directory: &VirtualPath, rights: Rights) {
        let inside = match entry.kind {
            Kind::Directory => directory.child(&entry.name).map_or(Rights::NONE, |path| self.rights(&path)),
            Kind::File | Kind::Symlink | Kind::Other => Rights::NONE,
        };
        entry.permissions = entry.permissions.and(rights.permissions(inside, entry.kind));
    }
}

/// A directory that is nowhere but in the tree of mounts.
fn empty_directory(path: &VirtualPath) -> Entry {
    Entry {
        name: path.name().to_vec(),
        kind: Kind::Directory,
        size: 0,
        modified: Timestamp::EPOCH,
        created: None,
        mode: 0o555,
        links: 1,
        owner: 0,
        group: 0,
        identity: (0, 0),
        target: None,
        permissions: Permissions::all(Kind::Directory),
    }
}

#[async_trait]
impl Vfs for Mounts {
    fn rights(&self, directory: &VirtualPath) -> Rights {
        match self.within(directory) {
            Ok((mount, inside)) if mount.reaches(&inside) => mount.rights,
            // It leads to something.
            _ if self.is_fixed(directory) => Rights::of(&[Right::List]),
            _ => Rights::NONE,
        }
    }

    fn is_fixed(&self, path: &VirtualPath) -> bool {
        path.is_root() || self.mounts.iter().any(|mount| mount.at.is_within(path))
    }

    async fn describe(&self, path: &VirtualPath, follow: bool) -> Result<Entry> {
        if self.is_fixed(path) {
            return Ok(self.describe_fixed(path).await);
        }
        let directory = path.parent();
        self.allow_look(&directory)?;
        let (mount, inside) = self.within(path)?;
        let mut entry = mount.storage.describe(&inside, follow).await?;
        self.permit(&mut entry, &directory, self.rights(&directory));
        Ok(entry)
    }

    async fn enter(&self, path: &VirtualPath) -> Result<()> {
        if self.is_fixed(path) {
            return Ok(());
        }
        if self.rights(path).is_empty() {
            return Err(Error::Forbidden(Right::List));
        }
        let (mount, inside) = self.within(path)?;
        let entered = mount.storage.enter(&inside).await;
        // Who may not look is not told what it is instead.
        entered.map_err(|error| self.allow_look(&path.parent()).err().unwrap_or(error))
    }

    async fn list(&self, path: &VirtualPath) -> Result<Box<dyn Entries>> {
        self.allow(path, Right::List)?;
        let mounted = self.mounted_in(path);
        let there = match self.within(path) {
            Ok((mount, inside)) if mount.reaches(&inside) => match mount.storage.list(&inside).await {
                Err(Error::NotFound) if !mounted.is_empty() => None,
                entries => Some(entries?),
            },
            _ if self.is_fixed(path) => None,
            Ok(_) => return Err(Error::Forbidden(Right::List)),
            Err(error) => return Err(error),
        };
        let mut fixed = Vec::new();
        for path in mounted.iter().filter_map(|name| path.child(name)) {
            fixed.push(self.describe_fixed(&path).await);
        }
        Ok(Box::new(Merged { there, mounted, fixed, mounts: self.clone(), directory: path.clone() }))
    }

    async fn make_directory(&self, path: &VirtualPath) -> Result<()> {
        self.allow(&path.parent(), Right::MakeFolders)?;
        if self.is_fixed(path) {
            return Err(Error::Exists);
        }
        let (mount, inside) = self.within(path)?;
        mount.storage.make_directory(&inside).await
    }

    async fn remove_directory(&self, path: &VirtualPath) -> Result<()> {
        let (mount, inside) = self.changing(path, Right::RemoveFolders)?;
        mount.storage.remove_directory(&inside).await
    }

    async fn delete(&self, path: &VirtualPath) -> Result<()> {
        let (mount, inside) = self.changing(path, Right::Delete)?;
        mount.storage.delete(&inside).await
    }

    async fn rename(&self, from: &VirtualPath, to: &VirtualPath) -> Result<()> {
        // Whether it is there is only said to who could rename the one or the other.
        let either = self.changing(from, Right::Delete);
        let (source, old) =
            either.or_else(|error| self.changing(from, Right::RemoveFolders).map_err(|_| error))?;
        let (leave, come) = match source.storage.describe(&old, false).await?.kind {
            Kind::Directory => (Right::RemoveFolders, Right::MakeFolders),
            Kind::File | Kind::Symlink | Kind::Other => (Right::Delete, Right::Write),
        };
        self.allow(&from.parent(), leave)?;
        let (target, new) = self.changing(to, come)?;
        if !Arc::ptr_eq(&source.storage, &target.storage) {
            return Err(Error::Apart);
        }
        source.storage.rename(&old, &new).await
    }

    async fn set_facts(
        &self,
        path: &VirtualPath,
        modified: Option<Timestamp>,
        mode: Option<u32>,
    ) -> Result<()> {
        let (mount, inside) = self.changing(path, Right::Write)?;
        // It tells what is there.
        self.allow_look(&path.parent())?;
        mount.storage.set_facts(&inside, modified, mode).await
    }

    async fn link(&self, target: &VirtualPath, path: &VirtualPath) -> Result<()> {
        let (mount, inside) = self.changing(path, Right::Write)?;
        // What lies behind the link has the rights of the place where the link is.
        let no_more = |to: &VirtualPath, from: &VirtualPath| self.rights(to).contain(self.rights(from));
        if self.is_fixed(target) || !no_more(&target.parent(), &path.parent()) || !no_more(target, path) {
            return Err(Error::Forbidden(Right::Write));
        }
        let (other, target) = self.within(target)?;
        if !Arc::ptr_eq(&mount.storage, &other.storage) {
            return Err(Error::Apart);
        }
        mount.storage.link(&target, &inside).await
    }

    async fn space(&self, path: &VirtualPath) -> Result<u64> {
        let root = VirtualPath::root();
        if self.rights(path).is_empty() && self.rights(&path.parent()).is_empty() {
            return Err(Error::Forbidden(Right::Write));
        }
        let (mount, inside) = self.within(path)?;
        // Who may not look is not told whether it is there.
        let looks = self.allow_look(&path.parent()).is_ok();
        mount.storage.space(if looks { &inside } else { &root }).await
    }

    async fn read(&self, path: &VirtualPath) -> Result<Box<dyn ReadFile>> {
        self.allow(&path.parent(), Right::Read)?;
        if self.is_fixed(path) {
            return Err(Error::NotFile);
        }
        let (mount, inside) = self.within(path)?;
        mount.storage.read(&inside).await
    }

    async fn write(&self, path: &VirtualPath, how: Write) -> Result<Box<dyn WriteFile>> {
        let directory = path.parent();
        let rights = self.rights(&directory);
        match how {
            Write::New | Write::Unique => self.allow(&directory, Right::Write)?,
            Write::End => self.allow(&directory, Right::Append)?,
            // What is there may be overwritten by it.
            Write::At(_) => {
                self.allow(&directory, Right::Append).and(self.allow(&directory, Right::Write))?;
            }
        }
        if self.is_fixed(path) {
            return Err(Error::NotFile);
        }
        let (mount, inside) = self.within(path)?;
        if how == Write::End
            && !rights.contains(Right::Write)
            && mount.storage.describe(&inside, true).await == Err(Error::NotFound)
        {
            return Err(Error::Forbidden(Right::Write));
        }
        mount.storage.write(&inside, how).await
    }
}
