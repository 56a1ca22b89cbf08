//! What is counted, and for whom.

use super::count::{self, Counts, Most};
use super::exceeded;
use crate::{Result, Vfs};
use futures_util::lock::{Mutex as Turns, MutexGuard as Turn};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// After how long a folder is counted anew, at the least.
const GOOD_FOR: Duration = Duration::from_secs(15 * 60);

/// That, as a multiple of what the counting takes.
const WORTH: u32 = 200;

/// After how long an upload that was dropped has become what it becomes.
const SETTLED_AFTER: Duration = Duration::from_secs(10);

/// The folders that somebody counts, by a name of the caller's.
#[derive(Default)]
pub struct Ledger(Mutex<HashMap<String, Weak<Folder>>>);

impl Ledger {
    /// The folder of this name, which is the same for everybody who asks for it.
    pub fn folder(&self, name: &str, storage: Arc<dyn Vfs>) -> Arc<Folder> {
        let mut folders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = folders.get(name).and_then(Weak::upgrade) {
            // There may be another one in its place.
            *folder.storage.lock().unwrap_or_else(PoisonError::into_inner) = storage;
            folder.numbers().doubtful = true;
            return folder;
        }
        folders.retain(|_, folder| folder.strong_count() > 0);
        let (own, turns, numbers) = (name.to_owned(), Turns::new(()), Mutex::default());
        let folder = Arc::new(Folder { name: own, storage: Mutex::new(storage), turns, numbers });
        folders.insert(name.to_owned(), Arc::downgrade(&folder));
        folder
    }
}

/// A folder, and what is in it.
pub struct Folder {
    name: String,
    /// What is counted.
    storage: Mutex<Arc<dyn Vfs>>,
    /// Who looks at something, changes it, and counts the difference, is alone meanwhile.
    turns: Turns<()>,
    numbers: Mutex<Numbers>,
}

#[derive(Default)]
struct Numbers {
    counts: Counts,
    /// What uploads are about to add.
    reserved: Counts,
    /// Uploads that are open, and those of them that write to files which are seen.
    writers: usize,
    in_place: usize,
    /// Until when the counts are good; before they are first counted they never are.
    good_until: Option<Instant>,
    /// Something happened that could not be followed.
    doubtful: bool,
    /// Something of that kind goes on, until then at the latest.
    unsettled_until: Option<Instant>,
}

impl Folder {
    fn storage(&self) -> Arc<dyn Vfs> {
        Arc::clone(&self.storage.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) async fn turn(&self) -> Turn<'_, ()> {
        self.turns.lock().await
    }

    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what is there, if that is not known.
    async fn count(&self) -> Result<()> {
        let is_good = || {
            let numbers = self.numbers();
            // While somebody writes, what they have reserved would be counted twice.
            let may_wait = numbers.writers > 0 && numbers.good_until.is_some();
            may_wait || (!numbers.doubtful && numbers.good_until.is_some_and(|until| Instant::now() < until))
        };
        if is_good() {
            return Ok(());
        }
        let _turn = self.turn().await;
        // Somebody else may have done it meanwhile.
        if is_good() {
            return Ok(());
        }
        let begun = Instant::now();
        let counts = count::all(&*self.storage()).await?;
        let mut numbers = self.numbers();
        numbers.counts = counts;
        numbers.doubtful = false;
        let now = Instant::now();
        let good_until = now + GOOD_FOR.max(begun.elapsed() * WORTH);
        let unsettled = numbers.unsettled_until.take().filter(|until| *until > now);
        numbers.good_until = Some(unsettled.map_or(good_until, |until| until.min(good_until)));
        Ok(())
    }

    /// Something that was so much is so much now.
    pub(super) fn change(&self, before: Counts, after: Counts) {
        let mut numbers = self.numbers();
        numbers.counts = numbers.counts.plus(after).minus(before);
    }

    pub(super) fn release(&self, reserved: Counts) {
        let mut numbers = self.numbers();
        numbers.reserved = numbers.reserved.minus(reserved);
    }

    pub(super) fn begin_writing(&self, in_place: bool) {
        let mut numbers = self.numbers();
        numbers.writers += 1;
        numbers.in_place += usize::from(in_place);
    }

    pub(super) fn end_writing(&self, in_place: bool) {
        let mut numbers = self.numbers();
        numbers.writers -= 1;
        numbers.in_place -= usize::from(in_place);
    }

    /// Something has gone, or has another name. If somebody was writing to it, the counts may be wrong now.
    pub(super) fn note_gone(&self) {
        let mut numbers = self.numbers();
        numbers.doubtful |= numbers.in_place > 0;
    }

    /// The counts are wrong, and will be so again: an upload was dropped, and becomes something some time.
    pub(super) fn doubt_for_a_while(&self) {
        let mut numbers = self.numbers();
        numbers.doubtful = true;
        numbers.unsettled_until = Some(Instant::now() + SETTLED_AFTER);
    }

    /// True when something happened that could not be followed.
    pub(super) fn is_doubtful(&self) -> bool {
        self.numbers().doubtful
    }
}

/// What an account may have, in which folders.
pub struct Allowance {
    most: Most,
    /// In the order of their names, in which they are locked.
    folders: Vec<Arc<Folder>>,
}

impl Allowance {
    /// An account that may have so much in these folders together. None of them lies in another.
    pub fn new(most: Most, mut folders: Vec<Arc<Folder>>) -> Allowance {
        folders.sort_by(|left, right| left.name.cmp(&right.name));
        folders.dedup_by(|left, right| Arc::ptr_eq(left, right));
        Allowance { most, folders }
    }

    /// How much there may be.
    pub fn most(&self) -> Most {
        self.most
    }

    /// How much there is, with what uploads that run have reserved.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub async fn used(&self) -> Result<Counts> {
        self.count().await?;
        Ok(self.total())
    }

    pub(super) async fn count(&self) -> Result<()> {
        for folder in &self.folders {
            folder.count().await?;
        }
        Ok(())
    }

    fn total(&self) -> Counts {
        let numbers = self.folders.iter().map(|folder| folder.numbers());
        numbers.fold(Counts::default(), |sum, numbers| sum.plus(numbers.counts).plus(numbers.reserved))
    }

    pub(super) fn bytes_left(&self) -> Option<u64> {
        self.most.bytes.map(|most| most.saturating_sub(self.total().bytes))
    }

    /// Reserves that much more in this folder. `credit` is about to go in return.
    ///
    /// # Errors
    /// When the account would have more than it may have.
    pub(super) fn reserve(&self, folder: &Folder, more: Counts, credit: Counts) -> Result<()> {
        // All at once: two uploads to two folders must not both get the last of it.
        let mut all: Vec<_> = self.folders.iter().map(|folder| folder.numbers()).collect();
        let used = all.iter().fold(Counts::default(), |sum, one| sum.plus(one.counts).plus(one.reserved));
        exceeded(self.most.allows(used.plus(more).minus(credit)))?;
        let own = self.folders.iter().position(|other| std::ptr::eq(&**other, folder));
        let own = own.and_then(|own| all.get_mut(own)).ok_or(crate::Error::Local)?;
        own.reserved = own.reserved.plus(more);
        Ok(())
    }

    /// Sees that there is no more than there may be when an upload, whose bytes are reserved, takes the place of that,
    /// which may be nothing.
    ///
    /// # Errors
    /// When there is.
    pub(super) fn check(&self, old: Counts) -> Result<()> {
        let one = Counts { bytes: 0, files: 1 };
        exceeded(self.most.allows(self.total().plus(one).minus(old)))
    }
}
