//! Folders that clients fetch or send as a whole.

use super::Files;
use rand::Rng;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A folder that is served.
pub(crate) struct Folder {
    /// Its name in what is served.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// Its files, for clients that have to be told; nothing where it has folders.
    pub(crate) files: Vec<String>,
}

impl Files {
    /// One with so many files of so many bytes, each with another content. It is made when it is asked for first.
    pub(crate) fn many(&self, count: usize, size: usize) -> io::Result<Folder> {
        let name = format!("{count}-of-{size}");
        let files: Vec<String> = (0..count).map(super::small).collect();
        self.once(name, files, |folder| fill(&folder.path, &folder.files, size))
    }

    /// One with a file of 2 GiB.
    pub(crate) fn large(&self) -> io::Result<Folder> {
        const NAME: &str = "2G";
        self.once("large".to_owned(), vec![NAME.to_owned()], |folder| {
            fs::hard_link(self.root().join(NAME), folder.path.join(NAME))
        })
    }

    /// One with 20,000 files in 200 folders.
    pub(crate) fn tree(&self) -> io::Result<Folder> {
        self.once("tree".to_owned(), Vec::new(), |folder| {
            let files: Vec<String> = (0..100).map(super::small).collect();
            (0..200).try_for_each(|number| {
                let path = folder.path.join(format!("folder-{number:03}"));
                fs::create_dir(&path)?;
                fill(&path, &files, 1_000)
            })
        })
    }

    fn once(
        &self,
        name: String,
        files: Vec<String>,
        make: impl FnOnce(&Folder) -> io::Result<()>,
    ) -> io::Result<Folder> {
        let folder = Folder { path: self.root().join(&name), name, files };
        if !folder.path.exists() {
            fs::create_dir(&folder.path)?;
            make(&folder)?;
        }
        Ok(folder)
    }
}

fn fill(folder: &Path, names: &[String], size: usize) -> io::Result<()> {
    let mut content = vec![0; size];
    names.iter().try_for_each(|name| {
        rand::rng().fill_bytes(&mut content);
        fs::write(folder.join(name), &content)
    })
}
