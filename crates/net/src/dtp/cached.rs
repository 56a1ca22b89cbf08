//! What the system has of a file in memory: that needs no other thread, since nobody has to wait for it. At least most
//! often: of a large piece only the ends are looked at.

use rustix::io::ReadWriteFlags;
use std::fs::File;
use std::io::IoSliceMut;
use std::ops::Range;

/// Bytes that are sent at a stretch of a file that is always in memory.
const PIECE: u64 = 1 << 20;

/// The same of any other file, where only the ends of a piece are looked at. The system reads ahead in pieces of about
/// that length.
const LOOKED_AT: u64 = 256 << 10;

/// A file, and what is in memory of it.
pub(super) struct Cached<'a> {
    file: &'a File,
    /// All of it is, as long as the system does not swap.
    whole: bool,
}

impl Cached<'_> {
    pub(super) fn new(file: &File) -> Cached<'_> {
        // Only files of systems in memory can be sealed. To ask of what system they are could take as long as the
        // answer of another machine.
        Cached { file, whole: rustix::fs::fcntl_get_seals(file).is_ok() }
    }

    /// Reads what is in memory.
    pub(super) fn read(&self, bytes: &mut [u8], offset: u64) -> rustix::io::Result<usize> {
        if self.whole {
            return rustix::io::pread(self.file, bytes, offset);
        }
        rustix::io::preadv2(self.file, &mut [IoSliceMut::new(bytes)], offset, ReadWriteFlags::NOWAIT)
    }

    /// How much of the beginning of this range can be sent without waiting, as far as that can be known.
    pub(super) fn ready(&self, range: &Range<u64>) -> u64 {
        let left = range.end - range.start;
        if self.whole {
            return left.min(PIECE);
        }
        let piece = left.min(LOOKED_AT);
        let is_there = |offset| self.read(&mut [0], offset) == Ok(1);
        let ready = piece > 0 && is_there(range.start) && is_there(range.start + piece - 1);
        if ready { piece } else { 0 }
    }
}
