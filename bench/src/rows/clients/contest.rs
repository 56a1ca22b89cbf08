//! What a client is measured at. A number counts only when all files are where they should be, byte for byte.

use crate::clients::run::{Spent, run};
use crate::clients::{Place, Task, Towards, Way};
use crate::files::{Files, Folder, must_be_in};
use crate::link::Link;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A client in its turn, with a server that is there for it alone.
pub(super) struct Contest<'a> {
    pub(super) way: Way,
    pub(super) place: Place,
    pub(super) files: &'a Files,
    /// What is between them, if they are far from each other.
    pub(super) link: Option<&'a Link>,
}

impl Contest<'_> {
    /// Round trips for each small file, where logging in and looking around do not count.
    pub(super) fn round_trips(&self) -> io::Result<f64> {
        const SIZE: usize = 1_000;
        let link = self.link.ok_or(io::ErrorKind::InvalidInput)?;
        let (few, many) = (self.files.many(10, SIZE)?, self.files.many(30, SIZE)?);
        let round_trip = link.round_trip()?;
        let (few, many) =
            (self.transfer(Towards::Here, &few)?.wall, self.transfer(Towards::Here, &many)?.wall);
        Ok((many.as_secs_f64() - few.as_secs_f64()) / 20.0 / round_trip.as_secs_f64())
    }

    /// Seconds for so many files of 4 KiB.
    pub(super) fn wall(&self, towards: Towards, count: usize) -> io::Result<f64> {
        let folder = self.files.many(count, 4 << 10)?;
        Ok(self.transfer(towards, &folder)?.wall.as_secs_f64())
    }

    /// Processor time for a large file.
    pub(super) fn used(&self, towards: Towards) -> io::Result<f64> {
        let folder = self.files.large()?;
        self.files.warm(2 << 30)?;
        Ok(self.transfer(towards, &folder)?.used.as_secs_f64())
    }

    /// Seconds for a tree that the same client has fetched just before.
    pub(super) fn nothing_to_do(&self) -> io::Result<f64> {
        let (tree, here) = (self.files.tree()?, self.files.of_client()?);
        self.run(Towards::Here, &tree, here.path())?;
        must_be_in(&tree.path, here.path())?;
        let before = states(here.path())?;
        let spent = self.run(Towards::Here, &tree, here.path())?;
        if states(here.path())? != before {
            return Err(io::Error::other("it fetched what was there"));
        }
        Ok(spent.wall.as_secs_f64())
    }

    /// Has all files of a folder brought over, and looks whether they are there.
    fn transfer(&self, towards: Towards, folder: &Folder) -> io::Result<Spent> {
        let here = self.files.of_client()?;
        let (local, into) = match towards {
            Towards::Here => (here.path(), here.path().to_owned()),
            Towards::There => (folder.path.as_path(), self.files.uploads()),
        };
        let spent = self.run(towards, folder, local)?;
        must_be_in(&folder.path, &into)?;
        Ok(spent)
    }

    fn run(&self, towards: Towards, folder: &Folder, local: &Path) -> io::Result<Spent> {
        let remote = if towards == Towards::Here { &folder.name } else { "up" };
        let task = Task { place: &self.place, towards, remote, local, files: &folder.files };
        // Whoever remembers something must not be better off the second time.
        let home = self.files.of_client()?;
        run(&self.way.line(&task)?, home.path(), self.link.map(|link| &link.far))
    }
}

/// Which files there are, and when each was changed in any way.
fn states(folder: &Path) -> io::Result<BTreeMap<PathBuf, (u64, i64, i64)>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let (path, about) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)))?;
            if about.is_dir() {
                folders.push(path);
            } else {
                found.insert(path, (about.ino(), about.ctime(), about.ctime_nsec()));
            }
        }
    }
    Ok(found)
}
