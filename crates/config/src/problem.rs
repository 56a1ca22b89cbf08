//! What is wrong with a configuration file.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Something that is wrong with a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    path: PathBuf,
    /// Line and column, both from 1 on, where there is a place.
    place: Option<(usize, usize)>,
    message: String,
}

impl Problem {
    /// The file cannot be read.
    pub(crate) fn of_file(path: &Path, error: &std::io::Error) -> Problem {
        Problem { path: path.to_owned(), place: None, message: format!("cannot be read: {error}") }
    }

    /// Line and column, where there is a place.
    pub(crate) fn place(&self) -> Option<(usize, usize)> {
        self.place
    }

    /// Something at a place in the text.
    pub(crate) fn at(path: &Path, text: &str, span: Option<Range<usize>>, message: String) -> Problem {
        let place = span.map(|span| {
            let before = &text[..text.floor_char_boundary(span.start)];
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            (line, column)
        });
        Problem { path: path.to_owned(), place, message }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        if let Some((line, column)) = self.place {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {}", self.message)
    }
}
