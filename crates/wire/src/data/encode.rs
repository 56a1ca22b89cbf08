//! File to wire.

use super::deflate::Deflater;
use super::{block, ebcdic, record};
use crate::parameters::{Mode, Parameters, Representation, Structure};

/// Turns the bytes of a file into those of the wire.
#[derive(Debug)]
pub struct Encoder {
    parameters: Parameters,
    /// The last byte of the file seen, for CRLF that is there already.
    last: u8,
    /// Bytes of the file that were encoded, the restart offset included.
    position: u64,
    next_marker: u64,
    record_open: bool,
    deflater: Option<Box<Deflater>>,
}

impl Encoder {
    /// An encoder that begins at byte `offset` of the file.
    pub fn new(parameters: Parameters, offset: u64) -> Encoder {
        Encoder {
            parameters,
            last: 0,
            position: offset,
            next_marker: offset + block::MARKER_EVERY,
            record_open: false,
            deflater: match parameters.mode {
                Mode::Deflate(level) => Some(Box::new(Deflater::new(level))),
                Mode::Stream | Mode::Block => None,
            },
        }
    }

    /// Encodes the next bytes of the file onto the end of `wire`.
    pub fn encode(&mut self, file: &[u8], wire: &mut Vec<u8>) {
        let Some(mut deflater) = self.deflater.take() else { return self.encode_plain(file, wire) };
        let mut plain = Vec::new();
        self.encode_plain(file, &mut plain);
        deflater.deflate(&plain, false, wire);
        self.deflater = Some(deflater);
    }

    /// Encodes the end of the file.
    pub fn finish(&mut self, wire: &mut Vec<u8>) {
        let Some(mut deflater) = self.deflater.take() else { return self.finish_plain(wire) };
        let mut plain = Vec::new();
        self.finish_plain(&mut plain);
        deflater.deflate(&plain, true, wire);
    }

    fn encode_plain(&mut self, file: &[u8], wire: &mut Vec<u8>) {
        self.position += file.len() as u64;
        match self.parameters.structure {
            Structure::File => {
                let text = self.represent(file);
                match self.parameters.mode {
                    Mode::Stream | Mode::Deflate(_) => wire.extend_from_slice(&text),
                    Mode::Block => block::write_data(&text, 0, wire),
                }
            }
            Structure::Record => self.encode_records(file, wire),
        }
        if self.parameters.mode == Mode::Block
            && self.parameters.representation == Representation::Image
            && self.parameters.structure == Structure::File
            && self.position >= self.next_marker
        {
            block::write_marker(self.position, wire);
            self.next_marker = self.position + block::MARKER_EVERY;
        }
    }

    fn finish_plain(&mut self, wire: &mut Vec<u8>) {
        let record = self.parameters.structure == Structure::Record;
        match self.parameters.mode {
            Mode::Stream | Mode::Deflate(_) if record => {
                if self.record_open {
                    record::write_end(wire);
                }
                record::write_end_of_file(wire);
            }
            Mode::Stream | Mode::Deflate(_) => {}
            Mode::Block => {
                if self.record_open {
                    block::write_data(&[], block::END_OF_RECORD, wire);
                }
                block::write_data(&[], block::END_OF_FILE, wire);
            }
        }
    }

    /// Characters and line ends.
    fn represent(&mut self, file: &[u8]) -> Vec<u8> {
        match self.parameters.representation {
            Representation::Image => file.to_vec(),
            Representation::Ascii => {
                let mut text = Vec::with_capacity(file.len() + file.len() / 16);
                for byte in file {
                    // A file that has CRLF already is sent as it is, not with CRCRLF.
                    if *byte == b'\n' && self.last != b'\r' {
                        text.push(b'\r');
                    }
                    text.push(*byte);
                    self.last = *byte;
                }
                text
            }
            Representation::Ebcdic => file.iter().map(|byte| ebcdic::from_ascii(*byte)).collect(),
        }
    }

    /// Lines become records; their ends are not sent as characters.
    fn encode_records(&mut self, file: &[u8], wire: &mut Vec<u8>) {
        let mut lines = file.split(|byte| *byte == b'\n').peekable();
        while let Some(line) = lines.next() {
            let ended = lines.peek().is_some();
            if line.is_empty() && !ended {
                break;
            }
            let text = match self.parameters.representation {
                Representation::Ebcdic => line.iter().map(|byte| ebcdic::from_ascii(*byte)).collect(),
                Representation::Ascii | Representation::Image => line.to_vec(),
            };
            match self.parameters.mode {
                Mode::Stream | Mode::Deflate(_) => {
                    record::write_text(&text, wire);
                    if ended {
                        record::write_end(wire);
                    }
                }
                Mode::Block => block::write_data(&text, if ended { block::END_OF_RECORD } else { 0 }, wire),
            }
            self.record_open = !ended;
        }
    }
}
