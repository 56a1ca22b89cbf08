//! Root directories that are open.

use crate::root::Root;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Open root directories: those who are in the same one share its descriptor.
#[derive(Debug, Default)]
pub(crate) struct Roots(Mutex<HashMap<PathBuf, Weak<Root>>>);

impl Roots {
    /// Opens the directory, unless it is open and is still the one that its path means.
    pub(crate) fn open(&self, directory: &Path) -> io::Result<Arc<Root>> {
        let known = |roots: &HashMap<PathBuf, Weak<Root>>| roots.get(directory).and_then(Weak::upgrade);
        let known = known(&self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(root) = known.filter(|root| root.is_at(directory)) {
            return Ok(root);
        }
        let root = Arc::new(Root::open(directory)?);
        let mut roots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        roots.retain(|_, root| root.strong_count() > 0);
        roots.insert(directory.to_owned(), Arc::downgrade(&root));
        Ok(root)
    }
}
