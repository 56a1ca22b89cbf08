//! Root directories that are open.

use crate::root::Root;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How long a path that meant an open directory is taken to mean it still. Where many log in, looking would be much
/// of the work.
const FRESH: Duration = Duration::from_secs(1);

/// Open root directories: those who are in the same one share its descriptor.
#[derive(Debug, Default)]
pub(crate) struct Roots(Mutex<HashMap<PathBuf, Known>>);

#[derive(Debug)]
struct Known {
    root: Weak<Root>,
    /// When its path meant it last.
    seen: Instant,
}

impl Roots {
    /// The directory, if it is open, and was the one that its path means just now. It waits for nothing.
    pub(crate) fn fresh(&self, directory: &Path) -> Option<Arc<Root>> {
        let roots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        roots.get(directory).filter(|known| known.seen.elapsed() < FRESH)?.root.upgrade()
    }

    /// Opens the directory, unless it is open and is still the one that its path means.
    pub(crate) fn open(&self, directory: &Path) -> io::Result<Arc<Root>> {
        let known = |roots: &HashMap<PathBuf, Known>| roots.get(directory)?.root.upgrade();
        let known = known(&self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let seen = Instant::now();
        let root = match known.filter(|root| root.is_at(directory)) {
            Some(root) => root,
            None => Arc::new(Root::open(directory)?),
        };
        let mut roots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        roots.retain(|_, known| known.root.strong_count() > 0);
        roots.insert(directory.to_owned(), Known { root: Arc::downgrade(&root), seen });
        Ok(root)
    }
}
