//! Large files.

use super::client::{Client, Door};
use crate::files::MIB;
use rustix::net::RecvFlags;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;

/// Bytes of one reading.
const PIECE: usize = 1 << 20;

/// Downloads a file, and gives its size in bytes.
pub(crate) fn download(door: &Door, path: &str, active: bool) -> io::Result<u64> {
    let mut client = Client::ready(door)?;
    let listener = if active { Some(client.active()?) } else { None };
    let passive = if active { None } else { Some(client.passive()?) };
    client.ask(&format!("RETR {path}"), "1")?;
    let data = match (passive, listener) {
        (Some(data), _) => data,
        (None, Some(listener)) => listener.accept()?.0,
        (None, None) => unreachable!("one of both was made"),
    };
    let size = match &door.tls {
        None => {
            let size = discard(&data)?;
            // Some wait for it before they say that all is well.
            drop(data);
            size
        }
        Some(tls) => {
            let mut data = tls.wrap(data)?;
            let (mut piece, mut size) = (vec![0; PIECE], 0);
            loop {
                match data.read(&mut piece) {
                    Ok(0) => break size,
                    Ok(count) => size += count as u64,
                    // Some end without saying so.
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break size,
                    Err(error) => return Err(error),
                }
            }
        }
    };
    client.expect("226")?;
    Ok(size)
}

/// Throws away what comes, without looking at it; gives how much it was.
pub(crate) fn discard(data: &TcpStream) -> io::Result<u64> {
    let mut piece = vec![0; PIECE];
    let mut size = 0;
    loop {
        // The system copies nothing.
        match rustix::net::recv(data, &mut piece, RecvFlags::TRUNC)? {
            (_, 0) => return Ok(size),
            (_, count) => size += count as u64,
        }
    }
}

/// Uploads a file, and gives its size in bytes.
pub(crate) fn upload(door: &Door, from: &Path, path: &str) -> io::Result<u64> {
    let mut client = Client::ready(door)?;
    let data = client.passive()?;
    client.ask(&format!("STOR {path}"), "1")?;
    let mut file = File::open(from)?;
    let size = file.metadata()?.len();
    match &door.tls {
        None => {
            let (data, mut at) = (data, 0);
            while at < size {
                rustix::fs::sendfile(&data, &file, Some(&mut at), 64 * MIB as usize)?;
            }
        }
        Some(tls) => {
            let mut data = tls.wrap(data)?;
            let mut piece = vec![0; PIECE];
            loop {
                match file.read(&mut piece)? {
                    0 => break,
                    count => data.write_all(&piece[..count])?,
                }
            }
            data.conn.send_close_notify();
            data.flush()?;
            data.sock.shutdown(Shutdown::Write)?;
            // What the server still has to say, so that nothing is thrown away.
            let _ = io::copy(&mut data.sock, &mut io::sink());
        }
    }
    client.expect("226")?;
    Ok(size)
}
