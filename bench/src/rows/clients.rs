//! Clients, side by side: what they need for files that somebody else's server has, or Portolan's.

mod contest;

use super::turns::{Turn, take};
use super::{Figure, Head, Measured, QUIET, absolute, most};
use crate::clients::{Client, Place, Towards, Way};
use crate::files::Files;
use crate::link::{self, Link};
use crate::servers::{Kind, Needs, Server};
use contest::Contest;
use std::io;
use std::net::Ipv4Addr;

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
