//! The local disk as a [`Vfs`], opened beneath its root only.
//!
//! The kernel itself resolves every path, with `openat2` and `RESOLVE_BENEATH`: `..`, symbolic links
//! and races between a check and its use cannot lead out. Work that may wait for the disk runs on
//! the blocking threads of the runtime; what the kernel can do at once, because path or page are
//! cached, is done where it is asked for, and so is small work on a disk that keeps nobody waiting.
//!
//! What this crate is not: it knows no FTP, no users and no rights but those of the system.

mod errors;
mod list;
mod pace;
mod read;
mod root;
mod roots;
mod write;

use async_trait::async_trait;
use portolan_confine::Identity;
use portolan_vfs::{Entries, Error, ReadFile, Result, Vfs, Write, WriteFile};
use portolan_wire::{Entry, Timestamp, VirtualPath};
use root::{Root, Speed};
use roots::{Roots, Whose};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use write::Writer;

/// What an upload writes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Uploads {
    /// A file beside the target that takes its name in the end: who reads the target sees the old
    /// content or the new, whole. The default.
    #[default]
    Atomic,
    /// The target itself.
    Direct,
}

static ROOTS: LazyLock<Roots> = LazyLock::new(Roots::default);

/// A directory of the local disk and what is beneath it.
#[derive(Debug, Clone)]
pub struct Local {
    root: Arc<Root>,
    uploads: Uploads,
}

impl PartialEq for Local {
    /// True when both are in the same directory, which is open once.
    fn eq(&self, other: &Local) -> bool {
        Arc::ptr_eq(&self.root, &other.root) && self.uploads == other.uploads
    }
}

impl Local {
    /// Opens the directory. What is done there is the doing of `whose`, or else of this program. All who have opened it in
    /// the same name share one descriptor.
    ///
    /// # Errors
    /// When it cannot be opened, or is no directory; when this program may not act in that name.
    pub async fn open(
        directory: &Path,
        uploads: Uploads,
        whose: Option<Arc<Identity>>,
    ) -> std::io::Result<Local> {
        if let Some(root) = ROOTS.fresh(directory, &whose) {
            return Ok(Local { root, uploads });
        }
        let directory = directory.to_owned();
        tokio::task::spawn_blocking(move || Local::open_waiting(&directory, uploads, whose)).await?
    }

    /// The path of the directory without links, where the system says it.
    pub fn path(&self) -> Option<&Path> {
        self.root.path.as_deref()
    }

    fn open_waiting(directory: &Path, uploads: Uploads, whose: Whose) -> std::io::Result<Local> {
        Ok(Local { root: ROOTS.open(directory, whose)?, uploads })
    }

    /// Runs `work` where it may wait for the disk.
    async fn waiting<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Root>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let root = Arc::clone(&self.root);
        pace::waiting(move || {
            let _acting = root.act()?;
            work(&root)
        })
        .await
    }

    /// Does what waits for nothing.
    fn at_once<T>(&self, work: impl FnOnce(&Arc<Root>) -> Result<T>) -> Result<T> {
        let _acting = self.root.act()?;
        work(&self.root)
    }
}

#[async_trait]
impl Vfs for Local {
    async fn describe(&self, path: &VirtualPath, follow: bool) -> Result<Entry> {
        if let Some(done) = self.at_once(|root| root.describe(path, follow, Speed::AtOnce))? {
            return Ok(done);
        }
        let path = path.clone();
        self.waiting(move |root| root.describe(&path, follow, Speed::Waiting)?.ok_or(Error::Local)).await
    }

    async fn enter(&self, path: &VirtualPath) -> Result<()> {
        if self.at_once(|root| root.enter(path, Speed::AtOnce))?.is_some() {
            return Ok(());
        }
        let path = path.clone();
        self.waiting(move |root| root.enter(&path, Speed::Waiting)?.ok_or(Error::Local)).await
    }

    async fn list(&self, path: &VirtualPath) -> Result<Box<dyn Entries>> {
        let path = path.clone();
        self.waiting(move |root| Ok(Box::new(list::Directory::new(root, &path)?) as Box<dyn Entries>)).await
    }

    async fn make_directory(&self, path: &VirtualPath) -> Result<()> {
        let path = path.clone();
        self.waiting(move |root| root.make_directory(&path)).await
    }

    async fn remove_directory(&self, path: &VirtualPath) -> Result<()> {
        let path = path.clone();
        self.waiting(move |root| root.remove_directory(&path)).await
    }

    async fn delete(&self, path: &VirtualPath) -> Result<()> {
        let path = path.clone();
        self.waiting(move |root| root.delete(&path)).await
    }

    async fn rename(&self, from: &VirtualPath, to: &VirtualPath) -> Result<()> {
        let (from, to) = (from.clone(), to.clone());
        self.waiting(move |root| root.rename(&from, &to)).await
    }

    async fn set_facts(
        &self,
        path: &VirtualPath,
        modified: Option<Timestamp>,
        mode: Option<u32>,
    ) -> Result<()> {
        let path = path.clone();
        self.waiting(move |root| root.set_facts(&path, modified, mode)).await
    }

    async fn link(&self, target: &VirtualPath, path: &VirtualPath) -> Result<()> {
        let (target, path) = (target.clone(), path.clone());
        self.waiting(move |root| root.link(&target, &path)).await
    }

    async fn space(&self, path: &VirtualPath) -> Result<u64> {
        let path = path.clone();
        self.waiting(move |root| root.space(&path)).await
    }

    async fn read(&self, path: &VirtualPath) -> Result<Box<dyn ReadFile>> {
        let (file, size) = match self.at_once(|root| root.open_to_read(path, Speed::AtOnce))? {
            Some(file) => file,
            None => {
                let path = path.clone();
                self.waiting(move |root| root.open_to_read(&path, Speed::Waiting)?.ok_or(Error::Local))
                    .await?
            }
        };
        Ok(Box::new(read::Reader::new(file, size)))
    }

    async fn write(&self, path: &VirtualPath, how: Write) -> Result<Box<dyn WriteFile>> {
        let open = move |root: &Arc<Root>, path: &VirtualPath, uploads, speed| {
            Ok(Box::new(Writer::open(root, path, how, uploads, speed)?) as Box<dyn WriteFile>)
        };
        if self.root.pace.is_quick() {
            let work = || self.at_once(|root| open(root, path, self.uploads, Speed::Near));
            match self.root.pace.at_once(work) {
                // On another disk beneath it, or outside indeed.
                Err(Error::Outside) => {}
                done => return done,
            }
        }
        let (path, uploads) = (path.clone(), self.uploads);
        self.waiting(move |root| open(root, &path, uploads, Speed::Waiting)).await
    }
}

#[cfg(test)]
mod tests;
