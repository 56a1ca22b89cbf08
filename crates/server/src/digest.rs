//! Checksums of files.

use portolan_vfs::{Error, ReadFile, Result};
use portolan_wire::hash::Algorithm;
use sha2::Digest;
use std::fmt::Write;
use std::ops::Range;

/// Bytes of one reading.
const BUFFER: usize = 1 << 20;

/// A checksum that is being computed.
enum State {
    Crc32(crc32fast::Hasher),
    Md5(md5::Md5),
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
}

impl State {
    fn new(algorithm: Algorithm) -> State {
        match algorithm {
            Algorithm::Crc32 => State::Crc32(crc32fast::Hasher::new()),
            Algorithm::Md5 => State::Md5(md5::Md5::new()),
            Algorithm::Sha1 => State::Sha1(sha1::Sha1::new()),
            Algorithm::Sha256 => State::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => State::Sha512(sha2::Sha512::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            State::Crc32(state) => state.update(bytes),
            State::Md5(state) => state.update(bytes),
            State::Sha1(state) => state.update(bytes),
            State::Sha256(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            State::Crc32(state) => state.finalize().to_be_bytes().to_vec(),
            State::Md5(state) => state.finalize().to_vec(),
            State::Sha1(state) => state.finalize().to_vec(),
            State::Sha256(state) => state.finalize().to_vec(),
            State::Sha512(state) => state.finalize().to_vec(),
        }
    }
}

/// The checksum of a range of a file, in lower-case hexadecimal. It is computed on threads that may
/// be kept busy.
pub(crate) async fn of_file(
    file: &mut dyn ReadFile,
    algorithm: Algorithm,
    range: Range<u64>,
) -> Result<String> {
    let mut state = State::new(algorithm);
    let mut at = range.start;
    while at < range.end {
        let length = usize::try_from(range.end - at).unwrap_or(BUFFER).min(BUFFER);
        let bytes = file.read_at(at, length).await?;
        if bytes.is_empty() {
            return Err(Error::Local);
        }
        at += bytes.len() as u64;
        let busy = tokio::task::spawn_blocking(move || {
            state.update(&bytes);
            state
        });
        state = busy.await.map_err(|_| Error::Local)?;
    }
    let mut text = String::new();
    for byte in state.finish() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
