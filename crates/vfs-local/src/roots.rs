//! Root directories that are open.

use crate::root::Root;
use portolan_confine::Identity;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How long a path that meant an open directory is taken to mean it still. Where many log in, looking would be much
/// of the work.
const FRESH: Duration = Duration::from_secs(1);

/// In whose name something is done.
pub(crate) type Whose = Option<Arc<Identity>>;

/// Open root directories: those who are in the same one, in the same name, share its descriptor.
#[derive(Debug, Default)]
pub(crate) struct Roots(Mutex<HashMap<Whose, HashMap<PathBuf, Known>>>);

#[derive(Debug)]
struct Known {
    root: Weak<Root>,
    /// When its path meant it last.
    seen: Instant,
}

impl Roots {
    /// The directory, if it is open, and was the one that its path means just now. It waits for nothing.
    pub(crate) fn fresh(&self, directory: &Path, whose: &Whose) -> Option<Arc<Root>> {
        let roots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        roots.get(whose)?.get(directory).filter(|known| known.seen.elapsed() < FRESH)?.root.upgrade()
    }

    /// Opens the directory, unless it is open and is still the one that its path means.
    pub(crate) fn open(&self, directory: &Path, whose: Whose) -> io::Result<Arc<Root>> {
        let known =
            |roots: &HashMap<Whose, HashMap<_, Known>>| roots.get(&whose)?.get(directory)?.root.upgrade();
        let known = known(&self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let seen = Instant::now();
        let root = match known.filter(|root| root.is_at(directory)) {
            Some(root) => root,
            None => Arc::new(Root::open(directory, whose.clone())?),
        };
        let mut roots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        roots.retain(|_, roots| {
            roots.retain(|_, known| known.root.strong_count() > 0);
            !roots.is_empty()
        });
        roots
            .entry(whose)
            .or_default()
            .insert(directory.to_owned(), Known { root: Arc::downgrade(&root), seen });
        Ok(root)
    }
}
