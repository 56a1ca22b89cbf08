//! An upload that is counted.

use super::count::{Counts, measure, measure_link};
use super::ledger::{Allowance, Folder};
use crate::{Error, Result, Vfs, WriteFile};
use async_trait::async_trait;
use portolan_wire::VirtualPath;
use std::fs::File;
use std::sync::Arc;

pub(super) struct Counted {
    /// Until it is settled.
    pub(super) file: Option<Box<dyn WriteFile>>,
    pub(super) storage: Arc<dyn Vfs>,
    pub(super) folder: Arc<Folder>,
    pub(super) allowance: Arc<Allowance>,
    pub(super) path: VirtualPath,
    pub(super) in_place: bool,
    /// What is counted of a file that is written in place.
    pub(super) there: Counts,
    /// The file takes the place of an old one, which goes then,
    pub(super) replaces: bool,
    /// and makes room for that much.
    pub(super) credit: Counts,
    /// What is not counted yet, and is there, or is about to be.
    pub(super) reserved: Counts,
}

impl Counted {
    fn file(&mut self) -> Result<&mut Box<dyn WriteFile>> {
        self.file.as_mut().ok_or(Error::Local)
    }

    /// Puts it in its place, or keeps what came of it, and counts what has come of that.
    async fn settle(&mut self, whole: bool) -> Result<()> {
        let file = self.file.take().ok_or(Error::Local)?;
        let (folder, in_place) = (Arc::clone(&self.folder), self.in_place);
        let _turn = folder.turn().await;
        // In place means where a link leads; else the link itself goes.
        let now = || async {
            let (storage, path) = (&*self.storage, &self.path);
            if in_place { measure(storage, path).await } else { measure_link(storage, path).await }
        };
        let before = if in_place { self.there } else { now().await };
        // The old file may have been renamed since, and does not go then.
        let fits = if whole && self.replaces { self.allowance.check(before) } else { Ok(()) };
        let done = match (whole, &fits) {
            (true, Ok(())) => file.commit().await,
            _ => file.keep().await,
        };
        let after = now().await;
        if !in_place && before.files > 0 {
            folder.note_gone();
        }
        if in_place && folder.is_doubtful() {
            // What was written to may not be what is there now. Until it is counted, rather too much than too little.
            folder.change(Counts::default(), self.reserved);
        } else {
            folder.change(before, after);
        }
        folder.release(std::mem::take(&mut self.reserved));
        folder.end_writing(in_place);
        fits.and(done)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            // What becomes of it is not waited for.
            drop(file);
            self.folder.release(self.reserved);
            self.folder.doubt_for_a_while();
            self.folder.end_writing(self.in_place);
        }
    }
}

#[async_trait]
impl WriteFile for Counted {
    fn name(&self) -> &[u8] {
        self.path.name()
    }

    fn position(&self) -> u64 {
        self.file.as_ref().map_or(0, |file| file.position())
    }

    fn is_in_place(&self) -> bool {
        self.in_place
    }

    async fn begin(&mut self) -> Result<()> {
        let folder = Arc::clone(&self.folder);
        let _turn = folder.turn().await;
        self.file()?.begin().await?;
        if self.in_place {
            // What lay behind the position has gone.
            let after = measure(&*self.storage, &self.path).await;
            folder.change(self.there, after);
            self.there = after;
        }
        Ok(())
    }

    fn descriptor(&self) -> Option<Arc<File>> {
        // What goes there directly could not be stopped in time.
        None
    }

    async fn write(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        let more = Counts { bytes: bytes.len() as u64, files: 0 };
        self.allowance.reserve(&self.folder, more, self.credit)?;
        self.reserved = self.reserved.plus(more);
        self.file()?.write(bytes).await
    }

    async fn commit(mut self: Box<Self>) -> Result<()> {
        self.settle(true).await
    }

    async fn keep(mut self: Box<Self>) -> Result<()> {
        self.settle(false).await
    }
}
