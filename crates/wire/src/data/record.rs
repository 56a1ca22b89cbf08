//! Record structure in stream mode (RFC 959 §3.4.1): an escape byte 255 and a code.

use super::DecodeError;

const ESCAPE: u8 = 255;

/// Writes text with each escape byte doubled.
pub(super) fn write_text(text: &[u8], wire: &mut Vec<u8>) {
    for byte in text {
        if *byte == ESCAPE {
            wire.push(ESCAPE);
        }
        wire.push(*byte);
    }
}

/// Writes the end of a record.
pub(super) fn write_end(wire: &mut Vec<u8>) {
    wire.extend_from_slice(&[ESCAPE, 1]);
}

/// Writes the end of the file.
pub(super) fn write_end_of_file(wire: &mut Vec<u8>) {
    wire.extend_from_slice(&[ESCAPE, 2]);
}

pub(super) enum Item {
    Nothing,
    Byte(u8),
    EndOfRecord,
    EndOfFile,
    EndOfBoth,
}

#[derive(Debug, Default)]
pub(super) struct Reader {
    escaped: bool,
}

impl Reader {
    pub(super) fn next(&mut self, byte: u8) -> Result<Item, DecodeError> {
        if !self.escaped {
            self.escaped = byte == ESCAPE;
            return Ok(if self.escaped { Item::Nothing } else { Item::Byte(byte) });
        }
        self.escaped = false;
        match byte {
            ESCAPE => Ok(Item::Byte(ESCAPE)),
            1 => Ok(Item::EndOfRecord),
            2 => Ok(Item::EndOfFile),
            3 => Ok(Item::EndOfBoth),
            _ => Err(DecodeError::Invalid),
        }
    }
}
