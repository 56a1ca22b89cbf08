//! What the system has of a file in memory: that needs no other thread, since nobody has to wait for it.

use rustix::io::ReadWriteFlags;
use std::fs::File;
use std::io::IoSliceMut;
use std::ops::Range;

/// The number that `statfs` gives of tmpfs.
const TMPFS: rustix::fs::FsWord = 0x0102_1994;

/// Bytes that are sent at a stretch of a file that is always in memory.
const PIECE: u64 = 1 << 20;

/// The same of any other file, where only the ends of a piece are looked at. The system reads ahead in pieces of about
/// that length.
const LOOKED_AT: u64 = 256 << 10;

/// A file, and what is in memory of it.
pub(super) struct Cached<'a> {
    file: &'a File,
    /// All of it is, always.
    whole: bool,
}

impl Cached<'_> {
    pub(super) fn new(file: &File) -> Cached<'_> {
        Cached { file, whole: rustix::fs::fstatfs(file).is_ok_and(|disk| disk.f_type == TMPFS) }
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
