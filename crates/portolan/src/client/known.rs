//! Servers whose keys somebody has seen and taken, in a file of lines `HOST:PORT FINGERPRINT`.

use crate::{Exit, state};
use portolan_client::tls::Fingerprint;
use std::io::{self, Write};
use std::path::PathBuf;

fn file() -> Option<PathBuf> {
    state::folder().map(|folder| folder.join("known-hosts"))
}

fn place(host: &str, port: u16) -> String {
    format!("{}:{port}", host.to_ascii_lowercase())
}

/// The keys that a server is known by.
///
/// # Errors
/// When the file is there and cannot be read: then nobody is known, and it does not say so.
pub(super) fn of(host: &str, port: u16) -> Result<Vec<Fingerprint>, Exit> {
    let Some(file) = file() else { return Ok(Vec::new()) };
    let text = match std::fs::read(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Exit { message: format!("{}: {error}", file.display()), code: 9 }),
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
    };
    let place = place(host, port);
    let key = |line: &str| {
        let (own, fingerprint) = line.split_once(' ')?;
        Fingerprint::parse(fingerprint.trim()).filter(|_| own == place)
    };
    Ok(text.lines().filter_map(key).collect())
}

/// Takes the key of a server.
pub(super) fn remember(host: &str, port: u16, fingerprint: Fingerprint) -> io::Result<()> {
    let file =
        file().ok_or_else(|| io::Error::other("there is no folder to keep it in; set XDG_STATE_HOME"))?;
    if let Some(folder) = file.parent() {
        state::make(folder)?;
    }
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file)?;
    file.write_all(format!("{} {fingerprint}\n", place(host, port)).as_bytes())
}
