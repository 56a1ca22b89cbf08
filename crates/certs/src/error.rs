//! What can be wrong with certificates.

use std::io;
use std::path::{Path, PathBuf};

/// What can be wrong with certificates.
#[derive(Debug, thiserror::Error)]
pub enum CertError {
    /// A file cannot be read.
    #[error("{path}: {error}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// A file holds something else than it should.
    #[error("{path}: {wrong}", path = .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        wrong: String,
    },
    /// No certificate could be made.
    #[error("no certificate could be made: {0}")]
    Making(#[from] rcgen::Error),
}

impl CertError {
    /// True when it is this file that is wrong.
    pub fn is_about(&self, file: &Path) -> bool {
        match self {
            CertError::File { path, .. } | CertError::Content { path, .. } => path == file,
            CertError::Making(_) => false,
        }
    }

    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> CertError {
        move |error| CertError::File { path: path.to_owned(), error }
    }

    pub(crate) fn content(path: &Path, wrong: impl Into<String>) -> CertError {
        CertError::Content { path: path.to_owned(), wrong: wrong.into() }
    }
}
