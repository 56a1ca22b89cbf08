//! A directory that is being listed.

use crate::errors::from_errno;
use crate::pace::waiting;
use crate::root::{Root, entry};
use crate::write::{is_temporary, remove_if_abandoned};
use async_trait::async_trait;
use portolan_vfs::{Entries, Error, Result};
use portolan_wire::{Entry, VirtualPath};
use rustix::fs::RawDir;
use rustix::io::Errno;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// Bytes that one reading of the directory fills: about a thousand entries.
const BUFFER: usize = 32 * 1024;

/// Bytes of a name with what comes with it, about.
const NAME: usize = 48;

pub(crate) struct Directory {
    root: Arc<Root>,
    directory: Arc<OwnedFd>,
}

impl Directory {
    pub(crate) fn new(root: &Arc<Root>, path: &VirtualPath) -> Result<Directory> {
        Ok(Directory { root: Arc::clone(root), directory: Arc::new(root.directory(path)?) })
    }
}

#[async_trait]
impl Entries for Directory {
    async fn next_batch(&mut self) -> Result<Vec<Entry>> {
        let (root, directory) = (Arc::clone(&self.root), Arc::clone(&self.directory));
        waiting(move || {
            let _acting = root.act()?;
            read(&directory)
        })
        .await
    }
}

/// Reads until there is something to give, or the end.
fn read(directory: &OwnedFd) -> Result<Vec<Entry>> {
    let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
    let mut entries = Vec::with_capacity(BUFFER / NAME);
    let mut names = RawDir::new(directory, &mut buffer);
    while let Some(item) = names.next() {
        let item = item.map_err(from_errno)?;
        let name = item.file_name().to_bytes();
        if is_temporary(name) {
            // It is in no listing, so that nobody else could remove it.
            remove_if_abandoned(directory, item.file_name());
        } else if name != b"." && name != b".." {
            match entry(directory.as_fd(), name, name) {
                Ok(entry) => entries.push(entry),
                // It went away since.
                Err(Errno::NOENT) => {}
                Err(errno) => {
                    let error = from_errno(errno);
                    if error == Error::Local {
                        return Err(error);
                    }
                }
            }
        }
        if names.is_buffer_empty() && !entries.is_empty() {
            break;
        }
    }
    Ok(entries)
}
