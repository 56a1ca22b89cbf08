//! Clients, side by side: what they need for files that somebody else's server has, or Portolan's.
//!
//! A number counts only when all files are where they should be, byte for byte.

use super::turns::{Turn, take};
use super::{Figure, Head, Measured, QUIET, absolute, most};
use crate::clients::run::{Spent, run};
use crate::clients::{Client, Place, Task, Towards, Way};
use crate::files::{Files, Folder, must_be_in};
use crate::link::{self, Link};
use crate::servers::{Kind, Needs, Server};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What is measured.
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) what: &'static str,
    figure: Figure,
    server: Kind,
    how: How,
    ways: &'static [Way],
    /// Gives the figure of one run.
    measure: fn(&Contest<'_>) -> io::Result<f64>,
}

/// How client and server are joined.
#[derive(Debug, Clone, Copy)]
struct How {
    /// The long link is between them.
    far: bool,
    active: bool,
    tls: bool,
}

const NEAR: How = How { far: false, active: false, tls: false };
const FAR: How = How { far: true, active: false, tls: false };
const ACTIVE: How = How { active: true, ..FAR };
const TLS: How = How { tls: true, ..FAR };

/// Each with one session at a time for files.
const ONE_SESSION: &[Way] = &[
    Way::PortolanMirror(Some(1)),
    Way::Curl(1),
    Way::LftpFiles { sync: false },
    Way::LftpMirror { parallel: 1, sync: true },
    Way::LftpMirror { parallel: 1, sync: false },
    Way::Ncftp,
    Way::Wget,
    Way::Rclone(Some(1)),
];

/// Round trips for each file.
const fn small_files(id: &'static str, what: &'static str, most: f64, server: Kind, how: How) -> Row {
    let figure = absolute("round trips a file", most);
    Row { id, what, figure, server, how, ways: ONE_SESSION, measure: |contest| contest.round_trips() }
}

const fn seconds(target: f64) -> Figure {
    most("s", target)
}

/// All rows, in the order in which they are measured.
pub(crate) const ALL: &[Row] = &[
    small_files("k1", "1,000 bytes over 50 ms, one session, vsftpd", 2.2, Kind::Vsftpd, FAR),
    small_files("k1", "1,000 bytes over 50 ms, one session, vsftpd, active mode", 1.2, Kind::Vsftpd, ACTIVE),
    small_files("k1", "1,000 bytes over 50 ms, one session, ProFTPD", 2.2, Kind::Proftpd, FAR),
    small_files(
        "k1",
        "1,000 bytes over 50 ms, one session, ProFTPD, active mode",
        1.2,
        Kind::Proftpd,
        ACTIVE,
    ),
    small_files("k2", "1,000 bytes over 50 ms, one session, Pure-FTPd", 3.1, Kind::PureFtpd, FAR),
    small_files("k3", "1,000 bytes over 50 ms, one session, Portolan's server", 0.1, Kind::Portolan, FAR),
    small_files("k4", "1,000 bytes over 50 ms, one session, vsftpd, TLS", 4.0, Kind::Vsftpd, TLS),
    Row {
        id: "k5",
        what: "5,000 files of 4 KiB down, vsftpd",
        figure: seconds(0.8),
        server: Kind::Vsftpd,
        how: NEAR,
        ways: &[
            Way::PortolanMirror(None),
            Way::Curl(1),
            Way::Curl(16),
            Way::LftpMirror { parallel: 1, sync: true },
            Way::LftpMirror { parallel: 4, sync: true },
            Way::LftpMirror { parallel: 8, sync: false },
            Way::LftpMirror { parallel: 16, sync: true },
            Way::Ncftp,
            Way::Wget,
            Way::Rclone(None),
        ],
        measure: |contest| contest.wall(Towards::Here, 5_000),
    },
    Row {
        id: "k5'",
        what: "5,000 files of 4 KiB up, vsftpd",
        figure: seconds(0.8),
        server: Kind::Vsftpd,
        how: NEAR,
        ways: &[
            Way::PortolanMirror(None),
            Way::Curl(1),
            Way::Curl(16),
            Way::LftpMirror { parallel: 1, sync: true },
            Way::LftpMirror { parallel: 4, sync: true },
            Way::LftpMirror { parallel: 8, sync: false },
            Way::LftpMirror { parallel: 16, sync: true },
            Way::Ncftp,
            Way::Rclone(None),
        ],
        measure: |contest| contest.wall(Towards::There, 5_000),
    },
    Row {
        id: "k5''",
        what: "500 files of 4 KiB down over 50 ms, one session, vsftpd",
        figure: absolute("s", 55.0),
        server: Kind::Vsftpd,
        how: FAR,
        ways: &[Way::PortolanMirror(Some(1)), Way::Curl(1), Way::LftpFiles { sync: false }, Way::Ncftp],
        measure: |contest| contest.wall(Towards::Here, 500),
    },
    Row {
        id: "k5''",
        what: "500 files of 4 KiB down over 50 ms, 8 sessions, vsftpd",
        figure: absolute("s", 8.0),
        server: Kind::Vsftpd,
        how: FAR,
        ways: &[
            Way::PortolanMirror(Some(8)),
            Way::Curl(8),
            Way::LftpMirror { parallel: 8, sync: false },
            Way::Rclone(Some(8)),
        ],
        measure: |contest| contest.wall(Towards::Here, 500),
    },
    Row {
        id: "k5''",
        what: "500 files of 4 KiB down over 50 ms, 16 sessions, vsftpd",
        figure: absolute("s", 4.5),
        server: Kind::Vsftpd,
        how: FAR,
        ways: &[
            Way::PortolanMirror(Some(16)),
            Way::Curl(16),
            Way::LftpMirror { parallel: 16, sync: false },
            Way::Rclone(Some(16)),
        ],
        measure: |contest| contest.wall(Towards::Here, 500),
    },
    Row {
        id: "k5''",
        what: "500 files of 4 KiB down over 50 ms, as Portolan does it by itself, vsftpd",
        figure: absolute("s", 6.0),
        server: Kind::Vsftpd,
        how: FAR,
        ways: &[
            Way::PortolanMirror(None),
            Way::Curl(16),
            Way::LftpMirror { parallel: 8, sync: false },
            Way::Rclone(Some(16)),
        ],
        measure: |contest| contest.wall(Towards::Here, 500),
    },
    Row {
        id: "k6",
        what: "2 GiB down to a file, vsftpd",
        figure: most("CPU s", 0.9),
        server: Kind::Vsftpd,
        how: NEAR,
        ways: &[
            Way::PortolanFiles,
            Way::Curl(1),
            Way::LftpFiles { sync: true },
            Way::Ncftp,
            Way::Wget,
            Way::Rclone(None),
        ],
        measure: |contest| contest.used(Towards::Here),
    },
    Row {
        id: "k6",
        what: "2 GiB up from a file, vsftpd",
        figure: most("CPU s", 1.0),
        server: Kind::Vsftpd,
        how: NEAR,
        ways: &[
            Way::PortolanFiles,
            Way::Curl(1),
            Way::LftpFiles { sync: true },
            Way::Ncftp,
            Way::Rclone(None),
        ],
        measure: |contest| contest.used(Towards::There),
    },
    Row {
        id: "k7",
        what: "mirror of 20,000 files that are there already, vsftpd",
        figure: seconds(0.5),
        server: Kind::Vsftpd,
        how: NEAR,
        ways: &[
            Way::PortolanMirror(None),
            Way::LftpMirror { parallel: 1, sync: true },
            Way::LftpMirror { parallel: 8, sync: false },
            Way::Rclone(None),
        ],
        measure: |contest| contest.nothing_to_do(),
    },
];

/// A client in its turn, with a server that is there for it alone.
struct Contest<'a> {
    way: Way,
    place: Place,
    files: &'a Files,
    /// What is between them, if they are far from each other.
    link: Option<&'a Link>,
}

impl Contest<'_> {
    /// Round trips for each small file, where logging in and looking around do not count.
    fn round_trips(&self) -> io::Result<f64> {
        const SIZE: usize = 1_000;
        let link = self.link.ok_or(io::ErrorKind::InvalidInput)?;
        let (few, many) = (self.files.many(10, SIZE)?, self.files.many(30, SIZE)?);
        let round_trip = link.round_trip()?;
        let (few, many) =
            (self.transfer(Towards::Here, &few)?.wall, self.transfer(Towards::Here, &many)?.wall);
        Ok((many.as_secs_f64() - few.as_secs_f64()) / 20.0 / round_trip.as_secs_f64())
    }

    /// Seconds for so many files of 4 KiB.
    fn wall(&self, towards: Towards, count: usize) -> io::Result<f64> {
        let folder = self.files.many(count, 4 << 10)?;
        Ok(self.transfer(towards, &folder)?.wall.as_secs_f64())
    }

    /// Processor time for a large file.
    fn used(&self, towards: Towards) -> io::Result<f64> {
        let folder = self.files.large()?;
        self.files.warm(2 << 30)?;
        Ok(self.transfer(towards, &folder)?.used.as_secs_f64())
    }

    /// Seconds for a tree that the same client has fetched just before.
    fn nothing_to_do(&self) -> io::Result<f64> {
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

/// Measures a row.
pub(crate) fn measure(
    row: &'static Row,
    is_wanted: impl Fn(Client) -> bool,
    runs: u16,
    files: &Files,
    link: &Link,
) -> Measured {
    let able = |way: &&Way| match way.client() {
        Client::Rclone => !row.how.active,
        Client::Ncftp => !row.how.tls,
        _ => true,
    };
    let ways = row.ways.iter().filter(able).filter(|way| is_wanted(way.client()));
    let contestants: Vec<_> = ways.map(|way| (way.who(), *way)).collect();
    let head = Head { id: row.id, what: row.what, figures: std::slice::from_ref(&row.figure) };
    take(head, runs, &contestants, |way| {
        let number = once(row, *way, files, link);
        files.clear()?;
        Ok(Turn { numbers: vec![number?], share: None })
    })
}

/// What one client does.
fn once(row: &Row, way: Way, files: &Files, link: &Link) -> io::Result<f64> {
    let How { far, active, tls } = row.how;
    let address = if far { link::NEAR } else { Ipv4Addr::LOCALHOST };
    let _server = Server::start(row.server, files, Needs { address, direct: false, tls })?;
    std::thread::sleep(QUIET);
    let certificate = tls.then(|| files.certificate().0);
    let place = Place { server: row.server, address, active, certificate };
    (row.measure)(&Contest { way, place, files, link: far.then_some(link) })
}
