//! Folders that clients fetch or send as a whole.

use super::Files;
use rand::Rng;
use std::fs::{self, File};
use std::io::{self, Read};
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
        let file = "2G".to_owned();
        let source = self.root().join(&file);
        self.once("large".to_owned(), vec![file], |folder| fs::hard_link(source, folder.path.join("2G")))
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

/// Makes sure that all that is in one folder is in the other, byte for byte.
pub(crate) fn must_be_in(original: &Path, copy: &Path) -> io::Result<()> {
    for entry in fs::read_dir(original)? {
        let entry = entry?;
        let there = copy.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            must_be_in(&entry.path(), &there)?;
        } else if !is_same(&entry.path(), &there)? {
            return Err(io::Error::other(format!("{} has other bytes", there.display())));
        }
    }
    Ok(())
}

fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    const PIECE: u64 = 1 << 20;
    let missing = |error| io::Error::other(format!("{}: {error}", other.display()));
    let (mut one, mut other) = (File::open(one)?, File::open(other).map_err(missing)?);
    let (mut here, mut there) = (Vec::new(), Vec::new());
    loop {
        here.clear();
        there.clear();
        one.by_ref().take(PIECE).read_to_end(&mut here)?;
        other.by_ref().take(PIECE).read_to_end(&mut there)?;
        if here != there {
            return Ok(false);
        }
        if here.is_empty() {
            return Ok(true);
        }
    }
}
