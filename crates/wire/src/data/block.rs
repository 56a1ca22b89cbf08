//! Block mode (RFC 959 §3.4.2): a descriptor byte, a count of two bytes, the data.

/// Descriptor: this block ends a record.
pub(super) const END_OF_RECORD: u8 = 128;
/// Descriptor: this block ends the file.
pub(super) const END_OF_FILE: u8 = 64;
const RESTART_MARKER: u8 = 16;

/// Bytes of the file between two restart markers that we send.
pub(super) const MARKER_EVERY: u64 = 4 << 20;
/// Longest marker that is read; a longer one is cut.
const MARKER_MAX: usize = 64;
/// Most markers that wait to be answered; more are left out.
pub(super) const MARKERS_MAX: usize = 64;

/// A restart marker of the sender (RFC 959 §3.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// What the sender calls the place. Printable ASCII.
    pub text: Vec<u8>,
    /// Length of the file here at that place, in bytes.
    pub position: u64,
}

/// Writes data in blocks; the last one carries `descriptor`. No data and no descriptor: nothing.
pub(super) fn write_data(data: &[u8], descriptor: u8, wire: &mut Vec<u8>) {
    if data.is_empty() && descriptor == 0 {
        return;
    }
    let mut rest = data;
    loop {
        let (block, after) = rest.split_at(rest.len().min(usize::from(u16::MAX)));
        let last = after.is_empty();
        wire.push(if last { descriptor } else { 0 });
        wire.extend_from_slice(&(block.len() as u16).to_be_bytes());
        wire.extend_from_slice(block);
        rest = after;
        if last {
            return;
        }
    }
}

/// Writes a restart marker that names a place by its offset in the file.
pub(super) fn write_marker(position: u64, wire: &mut Vec<u8>) {
    let text = position.to_string();
    wire.push(RESTART_MARKER);
    wire.extend_from_slice(&(text.len() as u16).to_be_bytes());
    wire.extend_from_slice(text.as_bytes());
}

/// What is read of a row of files in blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Bytes of the file; they can be none.
    Data(&'a [u8]),
    /// The end of the file. What follows is of the next one.
    End,
}

/// Reads and writes files in blocks that follow each other on one data connection.
#[derive(Debug, Default)]
pub struct Blocks(Reader);

impl Blocks {
    /// Writes bytes of a file onto the end of `wire`, and its end behind them if it `ends` there.
    pub fn write(data: &[u8], ends: bool, wire: &mut Vec<u8>) {
        write_data(data, if ends { END_OF_FILE } else { 0 }, wire);
    }

    /// Reads one piece off the front of `wire` and gives the rest. `None` when more of the wire is needed.
    pub fn next<'a>(&mut self, wire: &'a [u8]) -> Option<(Piece<'a>, &'a [u8])> {
        if wire.is_empty() && !self.0.has_end() {
            return None;
        }
        let (item, rest) = self.0.next(wire);
        let piece = match item {
            Item::Data(data) => Piece::Data(data),
            Item::End { file: true, .. } => Piece::End,
            Item::Nothing | Item::Marker(_) | Item::End { .. } => Piece::Data(&[]),
        };
        Some((piece, rest))
    }
}

pub(super) enum Item<'a> {
    Nothing,
    Data(&'a [u8]),
    Marker(Vec<u8>),
    End { record: bool, file: bool },
}

#[derive(Debug, Default)]
pub(super) struct Reader {
    header: Vec<u8>,
    left: usize,
    marker: Vec<u8>,
}

impl Reader {
    /// Reads one item off the front of `wire` and gives the rest. There is one while `wire` is not
    /// empty or [`has_end`](Self::has_end) says so.
    pub(super) fn next<'a>(&mut self, wire: &'a [u8]) -> (Item<'a>, &'a [u8]) {
        if self.has_end() {
            return (self.end(), wire);
        }
        if self.header.len() < 3 {
            self.header.push(wire[0]);
            if let [_, high, low] = self.header[..] {
                self.left = usize::from(u16::from_be_bytes([high, low]));
            }
            let ended = self.header.len() == 3 && self.left == 0;
            return (if ended { self.end() } else { Item::Nothing }, &wire[1..]);
        }
        let (data, rest) = wire.split_at(wire.len().min(self.left));
        self.left -= data.len();
        if self.header[0] & RESTART_MARKER != 0 {
            let room = MARKER_MAX.saturating_sub(self.marker.len());
            self.marker.extend(data.iter().filter(|byte| byte.is_ascii_graphic()).take(room));
            return (if self.left == 0 { self.end() } else { Item::Nothing }, rest);
        }
        if self.left == 0 && self.header[0] & (END_OF_RECORD | END_OF_FILE) == 0 {
            self.header.clear();
        }
        (Item::Data(data), rest)
    }

    fn end(&mut self) -> Item<'static> {
        let descriptor = self.header[0];
        self.header.clear();
        if descriptor & RESTART_MARKER != 0 {
            return Item::Marker(std::mem::take(&mut self.marker));
        }
        Item::End { record: descriptor & END_OF_RECORD != 0, file: descriptor & END_OF_FILE != 0 }
    }

    /// True when a block was read whole and only its end is still to be told.
    pub(super) fn has_end(&self) -> bool {
        self.header.len() == 3 && self.left == 0
    }
}
