//! Checksums: that of a server beside that of this side.
//!
//! What this module is not: a check of who sent a file. Whoever can change it on its way can change the checksum, too.

use crate::client::Client;
use crate::connection::Connection;
use crate::error::{Error, Result};
use portolan_proto::client::Problem;
use portolan_wire::{Received, Verb};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;

/// Bytes of one reading.
const BUFFER: usize = 1 << 20;

/// Files of more bytes are not asked about: it would take a server longer than it may be silent.
const SIZE_MAX: u64 = 1 << 30;

/// A checksum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Digest {
    /// SHA-256.
    Sha256([u8; 32]),
    /// CRC-32 as in zip.
    Crc32(u32),
}

/// How a server is asked for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    /// `HASH` (draft-bryan-ftpext-hash), by SHA-256; true when that has to be chosen first.
    Hash {
        choose: bool,
    },
    Sha256,
    Crc32,
}

fn question(connection: &Connection) -> Option<Question> {
    let features = connection.features();
    let algorithms = features.details("HASH").unwrap_or_default();
    let sha256 = algorithms.split(';').map(str::trim).find(|name| name.trim_end_matches('*') == "SHA-256");
    match sha256 {
        Some(name) => Some(Question::Hash { choose: !name.ends_with('*') }),
        None if features.offers("XSHA256") => Some(Question::Sha256),
        None if features.offers("XCRC") => Some(Question::Crc32),
        None => None,
    }
}

/// The first word that is a number of so many hexadecimal digits.
fn hexadecimal(text: &str, digits: usize) -> Option<&str> {
    let is_number = |word: &&str| word.len() == digits && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split_ascii_whitespace().find(is_number)
}

fn read(question: Question, reply: &Received) -> Option<Digest> {
    if !reply.is_done() {
        return None;
    }
    let text = reply.lines.first().map(|line| String::from_utf8_lossy(line).into_owned())?;
    if question == Question::Crc32 {
        // Not all write its zeros at the front.
        let word = (1..=8).rev().find_map(|digits| hexadecimal(&text, digits))?;
        return u32::from_str_radix(word, 16).ok().map(Digest::Crc32);
    }
    let word = hexadecimal(&text, 64)?;
    let mut bytes = [0; 32];
    for (byte, digits) in bytes.iter_mut().zip(word.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(Digest::Sha256(bytes))
}

impl Connection {
    /// The checksum of a file, as the server computes it; nothing where it offers none that is known here, or says none.
    ///
    /// # Errors
    /// When the connection is over.
    pub async fn digest(&self, path: &[u8]) -> Result<Option<Digest>> {
        let Some(question) = question(self) else { return Ok(None) };
        let there = self.there(path).await?;
        let (chosen, asked) = {
            let gate = self.gate();
            let chosen = match question {
                Question::Hash { choose: true } => {
                    Some(self.post(&gate, Verb::Opts, Some(b"HASH SHA-256"))?)
                }
                _ => None,
            };
            let verb = match question {
                Question::Hash { .. } => Verb::Hash,
                Question::Sha256 => Verb::Xsha256,
                Question::Crc32 => Verb::Xcrc,
            };
            (chosen, self.post(&gate, verb, Some(there.name()))?)
        };
        drop(there);
        if let Some(chosen) = chosen {
            self.answer(chosen).await?;
        }
        Ok(read(question, &self.answer(asked).await?))
    }
}

impl Client {
    /// False when the server's checksum of a file is another than that of this side; true when it is the same, or there is
    /// none.
    pub(crate) async fn has_same(&self, connection: &Connection, path: &[u8], file: &File) -> Result<bool> {
        let size = file.metadata().map_err(|error| Error::local(&error))?.len();
        if size > SIZE_MAX || self.without_digests.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let theirs = connection.digest(path).await.inspect_err(|error| {
            // It is at it for too long, and would be the next time.
            let silent = matches!(error, Error::Session(error) if matches!(error.problem, Problem::Silent));
            self.without_digests.fetch_or(silent, Ordering::Relaxed);
        })?;
        let Some(theirs) = theirs else { return Ok(true) };
        let file = file.try_clone().map_err(|error| Error::local(&error))?;
        let sha256 = matches!(theirs, Digest::Sha256(_));
        let own = tokio::task::spawn_blocking(move || of_file(&file, sha256)).await;
        let own = own.map_err(|error| Error::Local(error.to_string()))?;
        Ok(own.map_err(|error| Error::local(&error))? == theirs)
    }
}

fn of_file(file: &File, sha256: bool) -> io::Result<Digest> {
    let (mut hash, mut crc, mut at) = (Sha256::new(), crc32fast::Hasher::new(), 0);
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = file.read_at(&mut buffer, at)?;
        if count == 0 {
            break;
        }
        match sha256 {
            true => hash.update(&buffer[..count]),
            false => crc.update(&buffer[..count]),
        }
        at += count as u64;
    }
    Ok(if sha256 { Digest::Sha256(hash.finalize().into()) } else { Digest::Crc32(crc.finalize()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(number: u16, text: &str) -> Received {
        Received { number, lines: vec![text.as_bytes().to_vec()] }
    }

    #[test]
    fn checksums_are_found_in_replies() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let hash = Question::Hash { choose: false };
        let own = Some(Digest::Sha256(Sha256::digest(b"").into()));
        assert_eq!(read(hash, &said(213, &format!("SHA-256 0-0 {empty} a name"))), own);
        assert_eq!(read(Question::Sha256, &said(250, empty)), own);
        assert_eq!(read(hash, &said(550, empty)), None);
        assert_eq!(read(hash, &said(213, "SHA-256 0-0 abc")), None);
        for text in ["352441C2", "XCRC 352441C2", "352441c2"] {
            assert_eq!(read(Question::Crc32, &said(250, text)), Some(Digest::Crc32(0x3524_41C2)));
        }
        assert_eq!(read(Question::Crc32, &said(250, "not now")), None);
    }
}
