//! The process beside the server that opens holes. It keeps one capability and one socket, and knows one
//! question.

use super::table::Table;
use super::{Hole, LONGEST, QUESTION};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs};
use std::io::{self, Read, Write};
use std::ops::RangeInclusive;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

/// Answers questions that come by its standard input, which is a socket, until that ends. Holes can only be
/// asked for within `ports`.
///
/// # Errors
/// When the socket breaks. That the table cannot be made is the first answer.
pub fn run(name: &str, ports: &RangeInclusive<u16>) -> io::Result<()> {
    let mut server = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let made = confine().and_then(|()| Table::make(name, ports));
    answer(&mut server, made.as_ref().map(drop))?;
    let Ok(mut table) = made else { return Ok(()) };
    let mut question = [0; QUESTION];
    while read(&mut server, &mut question)? {
        let hole = Hole::decode(question).filter(|hole| ports.contains(&hole.port) && hole.time <= LONGEST);
        let opened = match hole {
            Some(hole) => table.open(hole),
            None => Err(io::Error::from_raw_os_error(22)),
        };
        answer(&mut server, opened.as_ref().map(drop))?;
    }
    Ok(())
}

/// False when the server is gone.
fn read(server: &mut UnixStream, question: &mut [u8]) -> io::Result<bool> {
    match server.read_exact(question) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn answer(server: &mut UnixStream, done: Result<(), &io::Error>) -> io::Result<()> {
    let number = done.err().map_or(0, |error| error.raw_os_error().unwrap_or(5));
    server.write_all(&number.to_ne_bytes())
}

/// Gives up every right but the one that is needed.
fn confine() -> io::Result<()> {
    set_no_new_privs(true)?;
    let only = CapabilitySet::NET_ADMIN;
    let sets = CapabilitySets { effective: only, permitted: only, inheritable: CapabilitySet::empty() };
    Ok(set_capabilities(None, sets)?)
}
