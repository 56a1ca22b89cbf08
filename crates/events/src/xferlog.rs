//! The transfer log as `xferlog(5)` of wu-ftpd has it, which many programs read.

use crate::event::{Direction, Transfer, What, Who};
use jiff::Zoned;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use tokio::sync::mpsc;

/// Lines that wait to be written; what comes then is lost, and said to be.
const WAITING: usize = 10_000;

/// Where transfers are written to. The file is opened for each batch of lines, so that another program can take it away.
#[derive(Debug)]
pub struct Xferlog(mpsc::Sender<String>);

impl Xferlog {
    /// Writes to the end of this file, which is made when it is missing. It needs a runtime.
    pub fn new(file: PathBuf) -> Xferlog {
        let (lines, waiting) = mpsc::channel(WAITING);
        tokio::spawn(write(file, waiting));
        Xferlog(lines)
    }

    pub(crate) fn write(&self, who: &Who, what: &What) {
        let (What::Upload(transfer)
        | What::Download(transfer)
        | What::TransferFailed { transfer, direction: Direction::Upload | Direction::Download }) = what
        else {
            return;
        };
        if self.0.try_send(line(who, transfer, &Zoned::now())).is_err() {
            tracing::warn!("a transfer is missing in the transfer log: it is not written fast enough");
        }
    }
}

async fn write(file: PathBuf, mut waiting: mpsc::Receiver<String>) {
    let mut failed = false;
    let mut lines = Vec::new();
    while waiting.recv_many(&mut lines, WAITING).await > 0 {
        let (text, place) = (lines.concat(), file.clone());
        lines.clear();
        let append = move || {
            let mut file = OpenOptions::new().append(true).create(true).open(place)?;
            file.write_all(text.as_bytes())
        };
        let done = tokio::task::spawn_blocking(append).await.unwrap_or_else(|error| Err(error.into()));
        match &done {
            // Once is enough.
            Err(error) if !failed => tracing::error!(%error, file = %file.display(), "no transfer log"),
            _ => {}
        }
        failed = done.is_err();
    }
}

fn line(who: &Who, transfer: &Transfer, now: &Zoned) -> String {
    let time = now.strftime("%a %b %e %H:%M:%S %Y");
    let seconds = transfer.seconds.round().max(1.0);
    let (host, bytes, path) = (who.peer.ip(), transfer.bytes, word(&transfer.path));
    let kind = if transfer.binary { 'b' } else { 'a' };
    let direction = if transfer.direction == Direction::Upload { 'i' } else { 'o' };
    let user = word(who.user.as_deref().unwrap_or("*"));
    let access = if user == "anonymous" { 'a' } else { 'r' };
    let status = if transfer.reason.is_some() { 'i' } else { 'c' };
    format!("{time} {seconds} {host} {bytes} {path} {kind} _ {direction} {access} {user} ftp 0 * {status}\n")
}

/// The text as one word: what would end it is `_`.
fn word(text: &str) -> String {
    let letter = |letter: char| if letter.is_whitespace() || letter.is_control() { '_' } else { letter };
    let word: String = text.chars().map(letter).collect();
    if word.is_empty() { "_".to_owned() } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn t37_a_name_never_makes_another_field_or_line(path in any::<String>(), user in any::<String>()) {
            let transfer = Transfer {
                direction: Direction::Upload,
                path,
                bytes: 7,
                seconds: 2.4,
                tls: "no",
                active: false,
                binary: false,
                reason: Some("aborted"),
            };
            let who = Who { session: 1, peer: "[2001:db8::1]:4".parse().unwrap(), user: Some(user) };
            let now: Zoned = "2026-09-04T08:00:00+00:00[UTC]".parse().unwrap();
            let line = line(&who, &transfer, &now);
            prop_assert!(line.starts_with("Fri Sep  4 08:00:00 2026 2 2001:db8::1 7 "), "{line}");
            prop_assert!(line.ends_with(" ftp 0 * i\n"));
            prop_assert_eq!(line.lines().count(), 1);
            prop_assert_eq!(line.split_whitespace().count(), 18);
        }
    }
}
