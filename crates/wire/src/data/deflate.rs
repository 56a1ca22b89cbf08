//! Deflated data, as a stream of zlib (RFC 1950).

use super::decode::DecodeError;
use crate::parameters::Level;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// Bytes that are made at once.
const PIECE: usize = 64 << 10;

/// So many bytes may come of any data; of more than that, only
const FREE: u64 = 256 << 20;

/// so many for each byte that came. Deflating makes a thousand of one at the most, of what has nothing in it.
const EXPANSION: u64 = 200;

pub(super) struct Deflater(Compress);

impl Deflater {
    pub(super) fn new(level: Level) -> Deflater {
        Deflater(Compress::new(Compression::new(u32::from(level.number())), true))
    }

    /// Deflates bytes onto the end of `wire`; `last`: these are the last.
    pub(super) fn deflate(&mut self, mut bytes: &[u8], last: bool, wire: &mut Vec<u8>) {
        let flush = if last { FlushCompress::Finish } else { FlushCompress::None };
        loop {
            wire.reserve(PIECE);
            let before = (self.0.total_in(), self.0.total_out());
            let status = self.0.compress_vec(bytes, wire, flush);
            let taken = usize::try_from(self.0.total_in() - before.0).unwrap_or(usize::MAX);
            bytes = bytes.get(taken..).unwrap_or_default();
            let made = self.0.total_out() > before.1;
            let over = matches!(status, Ok(Status::StreamEnd)) || (!last && bytes.is_empty());
            // It always goes on, or has nothing more to do.
            if over || (taken == 0 && !made) {
                return;
            }
        }
    }
}

impl std::fmt::Debug for Deflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deflater").finish_non_exhaustive()
    }
}

pub(super) struct Inflater {
    stream: Decompress,
    ended: bool,
}

impl Inflater {
    pub(super) fn new() -> Inflater {
        Inflater { stream: Decompress::new(true), ended: false }
    }

    /// True when the stream has said its end.
    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Inflates some of the bytes into `plain`, in place of what it had; the bytes that are left. With nothing left and
    /// nothing made, it wants more.
    pub(super) fn inflate<'a>(
        &mut self,
        wire: &'a [u8],
        plain: &mut Vec<u8>,
    ) -> Result<&'a [u8], DecodeError> {
        plain.clear();
        if self.ended {
            return if wire.is_empty() { Ok(wire) } else { Err(DecodeError::Invalid) };
        }
        plain.reserve(PIECE);
        let before = self.stream.total_in();
        let status = self.stream.decompress_vec(wire, plain, FlushDecompress::None);
        let taken = usize::try_from(self.stream.total_in() - before).unwrap_or(usize::MAX);
        match status {
            Ok(Status::StreamEnd) => self.ended = true,
            Ok(Status::Ok | Status::BufError) => {}
            Err(_) => return Err(DecodeError::Invalid),
        }
        let most = FREE.saturating_add(self.stream.total_in().saturating_mul(EXPANSION));
        if self.stream.total_out() > most {
            return Err(DecodeError::Expands);
        }
        Ok(wire.get(taken..).unwrap_or_default())
    }
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflater").field("ended", &self.ended).finish_non_exhaustive()
    }
}
