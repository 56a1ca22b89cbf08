//! Servers under a load.

use super::turns::{Turn, take};
use super::{Figure, Head, Measured, QUIET, Share, absolute, most, rate};
use crate::files::{Files, SMALL};
use crate::load::client::{Door, Tls};
use crate::load::small::Way;
use crate::load::{bulk, listing, logins, many, small};
use crate::machine;
use crate::servers::{Kind, Needs, Server};
use std::io;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// What is measured.
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) what: &'static str,
    pub(crate) figures: &'static [Figure],
    needs: Needs,
    /// The bare loop can do it too.
    raw: bool,
    /// Gives the figures of one run.
    measure: fn(&Server, &Door, &Files) -> io::Result<Vec<f64>>,
}

const PLAIN: Needs = Needs { address: Ipv4Addr::LOCALHOST, direct: true, tls: false };
const TLS: Needs = Needs { tls: true, ..PLAIN };
const ATOMIC: Needs = Needs { direct: false, ..PLAIN };

const fn cpu(target: f64) -> Figure {
    most("CPU s/GiB", target)
}

/// All rows, in the order in which they are measured.
pub(crate) const ALL: &[Row] = &[
    Row {
        id: "a",
        what: "RETR 2 GiB",
        figures: &[cpu(1.0)],
        needs: PLAIN,
        raw: true,
        measure: |server, door, _| per_gib(server, || bulk::download(door, &server.path("2G"), false)),
    },
    Row {
        id: "a'",
        what: "RETR 2 GiB, active mode",
        figures: &[cpu(1.0)],
        needs: PLAIN,
        raw: true,
        measure: |server, door, _| per_gib(server, || bulk::download(door, &server.path("2G"), true)),
    },
    Row {
        id: "b",
        what: "STOR 1 GiB",
        figures: &[cpu(1.0)],
        needs: PLAIN,
        raw: true,
        measure: |server, door, files| upload(server, door, files),
    },
    Row {
        id: "b'",
        what: "STOR 1 GiB, as Portolan does it by itself: seen when it is whole",
        figures: &[cpu(1.0)],
        needs: ATOMIC,
        raw: true,
        measure: |server, door, files| upload(server, door, files),
    },
    Row {
        id: "c",
        what: "RETR 1 GiB, TLS 1.3",
        figures: &[cpu(1.0)],
        needs: TLS,
        raw: true,
        measure: |server, door, _| per_gib(server, || bulk::download(door, &server.path("1G"), false)),
    },
    Row {
        id: "d",
        what: "STOR 1 GiB, TLS 1.3",
        figures: &[cpu(0.95)],
        needs: TLS,
        raw: true,
        measure: |server, door, files| upload(server, door, files),
    },
    Row {
        id: "e1",
        what: "5,000 RETRs of 4 KiB, one session",
        figures: &[rate("files/s", 1.2)],
        needs: PLAIN,
        raw: true,
        measure: |server, door, _| small_files(server, door, 1, Way::Down),
    },
    Row {
        id: "e2",
        what: "5,000 RETRs of 4 KiB, 16 sessions",
        figures: &[rate("files/s", 1.3)],
        needs: PLAIN,
        raw: true,
        measure: |server, door, _| small_files(server, door, 16, Way::Down),
    },
    Row {
        id: "e3",
        what: "5,000 STORs of 4 KiB, one session",
        figures: &[rate("files/s", 1.2)],
        needs: PLAIN,
        raw: true,
        measure: |server, door, _| small_files(server, door, 1, Way::Up),
    },
    Row {
        id: "e4",
        what: "5,000 STORs of 4 KiB, 16 sessions",
        figures: &[rate("files/s", 1.3)],
        needs: PLAIN,
        raw: true,
        measure: |server, door, _| small_files(server, door, 16, Way::Up),
    },
    Row {
        id: "e4'",
        what: "5,000 STORs of 4 KiB, 16 sessions, seen when they are whole",
        figures: &[rate("files/s", 1.0)],
        needs: ATOMIC,
        raw: true,
        measure: |server, door, _| small_files(server, door, 16, Way::Up),
    },
    Row {
        id: "f1",
        what: "login, PWD, QUIT, 8 at a time",
        figures: &[rate("/s", 1.1)],
        needs: PLAIN,
        raw: true,
        measure: |_, door, _| sessions(door, 8, 2_000),
    },
    Row {
        id: "f2",
        what: "login, PWD, QUIT, 64 at a time",
        figures: &[rate("/s", 1.1)],
        needs: PLAIN,
        raw: true,
        measure: |_, door, _| sessions(door, 64, 2_000),
    },
    Row {
        id: "f3",
        what: "TLS handshake, login, PWD, QUIT, 64 at a time",
        figures: &[rate("/s", 1.1)],
        needs: TLS,
        raw: true,
        measure: |_, door, _| sessions(door, 64, 1_000),
    },
    Row {
        id: "g1",
        what: "1,000 idle sessions, memory of each",
        figures: &[absolute("KiB", 4.0)],
        needs: PLAIN,
        raw: true,
        measure: |server, door, _| idle_memory(server, door),
    },
    Row {
        id: "g1'",
        what: "1,000 idle sessions with TLS, memory of each",
        figures: &[absolute("KiB", 24.0)],
        needs: TLS,
        raw: true,
        measure: |server, door, _| idle_memory(server, door),
    },
    Row {
        id: "g2",
        what: "a login while 10,000 sessions are idle",
        figures: &[most("p50 ms", 1.0), most("p99 ms", 1.0)],
        needs: PLAIN,
        raw: true,
        measure: |_, door, _| {
            let idle = many::idle(door, 10_000)?;
            let times = many::log_in_times(door, 500)?;
            drop(idle);
            Ok([250, 495].map(|at| times[at].as_secs_f64() * 1e3).to_vec())
        },
    },
    Row {
        id: "h1",
        what: "LIST of 100,000 entries",
        figures: &[most("CPU s", 0.9), most("s to the first byte", 1.0)],
        needs: PLAIN,
        raw: false,
        measure: |server, door, _| list(server, door, &format!("LIST {}", server.path("long"))),
    },
    Row {
        id: "h2",
        what: "MLSD of 100,000 entries",
        figures: &[most("CPU s", 0.9), absolute("s to the first byte", 0.005)],
        needs: PLAIN,
        raw: false,
        measure: |server, door, _| list(server, door, &format!("MLSD {}", server.path("long"))),
    },
    Row {
        id: "i",
        what: "200 RETRs of 10 MiB at once",
        figures: &[
            rate("GiB/s", 1.0),
            most("CPU s", 1.0),
            absolute("MiB", 30.0),
            absolute("slowest/fastest", 1.5),
        ],
        needs: PLAIN,
        raw: true,
        measure: |server, door, _| {
            let done = many::download(door, 200, &server.path("10M"), &server.group)?;
            Ok(vec![
                done.bytes as f64 / f64::from(1 << 30) / done.all.as_secs_f64(),
                done.used.as_secs_f64(),
                done.memory as f64 / 1024.0,
                done.slowest.as_secs_f64() / done.fastest.as_secs_f64(),
            ])
        },
    },
];

/// Processor time for each GiB that is moved.
fn per_gib(server: &Server, moves: impl FnOnce() -> io::Result<u64>) -> io::Result<Vec<f64>> {
    let before = server.group.used()?;
    let size = moves()?;
    let used = server.group.used()?.saturating_sub(before);
    Ok(vec![used.as_secs_f64() / (size as f64 / f64::from(1 << 30))])
}

fn upload(server: &Server, door: &Door, files: &Files) -> io::Result<Vec<f64>> {
    files.warm(1 << 30)?;
    per_gib(server, || bulk::upload(door, &files.root().join("1G"), &server.path("up/big")))
}

fn small_files(server: &Server, door: &Door, sessions: usize, way: Way) -> io::Result<Vec<f64>> {
    let time = small::run(door, sessions, way, &|name| server.path(name))?;
    Ok(vec![SMALL.0 as f64 / time.as_secs_f64()])
}

fn sessions(door: &Door, at_a_time: usize, total: usize) -> io::Result<Vec<f64>> {
    Ok(vec![logins::run(door, at_a_time, total)?])
}

fn idle_memory(server: &Server, door: &Door) -> io::Result<Vec<f64>> {
    const SESSIONS: usize = 1_000;
    // What the server has from its first session on is no session's.
    drop(many::idle(door, 1)?);
    std::thread::sleep(QUIET);
    let before = server.group.memory()?;
    let idle = many::idle(door, SESSIONS)?;
    std::thread::sleep(QUIET);
    let after = server.group.memory()?;
    drop(idle);
    Ok(vec![after.saturating_sub(before) as f64 / SESSIONS as f64])
}

fn list(server: &Server, door: &Door, command: &str) -> io::Result<Vec<f64>> {
    let before = server.group.used()?;
    let first = listing::list(door, command)?;
    let used = server.group.used()?.saturating_sub(before);
    Ok(vec![used.as_secs_f64(), first.as_secs_f64()])
}

/// What was used up when.
struct Account {
    server: Duration,
    load: Duration,
    at: Instant,
}

impl Account {
    fn of(server: &Server) -> io::Result<Account> {
        Ok(Account { server: server.group.used()?, load: machine::own_time(), at: Instant::now() })
    }

    /// What was used since.
    fn share(&self, server: &Server) -> io::Result<Share> {
        let now = Account::of(server)?;
        let all = (now.at - self.at).as_secs_f64() * machine::cores() as f64;
        let part = |used: Duration| used.as_secs_f64() / all;
        Ok(Share {
            server: part(now.server.saturating_sub(self.server)),
            load: part(now.load.saturating_sub(self.load)),
        })
    }
}

/// Measures a row.
pub(crate) fn measure(row: &Row, kinds: &[Kind], runs: u16, files: &Files) -> Measured {
    let able = |kind: &&Kind| match kind {
        Kind::Raw => row.raw,
        // It is quick at logins. Five thousand files would take it minutes, each time.
        Kind::Unftp => row.id.starts_with(['f', 'g']),
        _ => true,
    };
    let contestants: Vec<_> = kinds.iter().filter(able).map(|kind| (kind.who(), *kind)).collect();
    let head = Head { id: row.id, what: row.what, figures: row.figures };
    take(head, runs, &contestants, |kind| {
        let turn = once(row, *kind, files);
        files.clear()?;
        turn
    })
}

/// What one server does.
fn once(row: &Row, kind: Kind, files: &Files) -> io::Result<Turn> {
    let server = Server::start(kind, files, row.needs)?;
    std::thread::sleep(QUIET);
    // Where handshakes are measured, each is a full one.
    let tls = row.needs.tls.then(|| Tls::new(&files.certificate().0, row.id != "f3")).transpose()?;
    let account = Account::of(&server)?;
    let numbers = (row.measure)(&server, &Door { user: kind.user(), tls }, files)?;
    Ok(Turn { numbers, share: Some(account.share(&server)?) })
}
