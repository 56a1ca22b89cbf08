//! Wire to file.

use super::deflate::Inflater;
use super::{block, ebcdic, record};
use crate::data::Marker;
use crate::parameters::{Mode, Parameters, Representation, Structure};

/// Bytes of deflated data that are decoded at once: a mebibyte may come of them.
const DEFLATED_PIECE: usize = 1 << 10;

/// Why what came over the wire is not a whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The connection ended before the end of file was marked.
    #[error("the data ended before the end of the file was marked")]
    Truncated,
    /// Bytes that the structure or the mode does not allow.
    #[error("the data does not have the structure or the mode that was agreed")]
    Invalid,
    /// So little data does not become so much by honest means.
    #[error("the data expands too much")]
    Expands,
}

/// Turns the bytes of the wire into those of a file.
#[derive(Debug)]
pub struct Decoder {
    parameters: Parameters,
    blocks: block::Reader,
    records: record::Reader,
    carriage_return: bool,
    written: u64,
    markers: Vec<Marker>,
    ended: bool,
    inflater: Option<Box<Inflater>>,
}

impl Decoder {
    /// A decoder whose file begins at byte `offset`, which restart markers count from.
    pub fn new(parameters: Parameters, offset: u64) -> Decoder {
        Decoder {
            parameters,
            blocks: block::Reader::default(),
            records: record::Reader::default(),
            carriage_return: false,
            written: offset,
            markers: Vec::new(),
            ended: false,
            inflater: match parameters.mode {
                Mode::Deflate(_) => Some(Box::new(Inflater::new())),
                Mode::Stream | Mode::Block => None,
            },
        }
    }

    /// How many bytes should be decoded at once, so that not too many come of them.
    pub fn piece(&self) -> usize {
        if self.inflater.is_some() { DEFLATED_PIECE } else { usize::MAX }
    }

    /// Decodes the next bytes of the wire onto the end of `file`.
    ///
    /// # Errors
    /// [`DecodeError::Invalid`] or [`DecodeError::Expands`].
    pub fn decode(&mut self, wire: &[u8], file: &mut Vec<u8>) -> Result<(), DecodeError> {
        let before = file.len();
        match self.parameters.mode {
            Mode::Stream => self.decode_stream(wire, file)?,
            Mode::Deflate(_) => self.decode_deflated(wire, file)?,
            Mode::Block => self.decode_blocks(wire, file)?,
        }
        self.written += (file.len() - before) as u64;
        Ok(())
    }

    /// Decodes the end of the connection: what was held back follows.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] where the mode or the structure marks the end and the mark is missing.
    pub fn finish(&mut self, file: &mut Vec<u8>) -> Result<(), DecodeError> {
        if self.carriage_return {
            file.push(b'\r');
            self.carriage_return = false;
        }
        if self.inflater.as_ref().is_some_and(|inflater| !inflater.is_ended()) {
            return Err(DecodeError::Truncated);
        }
        let marked = self.parameters.mode == Mode::Block || self.parameters.structure == Structure::Record;
        if marked && !self.ended { Err(DecodeError::Truncated) } else { Ok(()) }
    }

    /// True when the end of file was marked: nothing may follow.
    pub fn is_ended(&self) -> bool {
        // What is deflated has an end of its own, behind which nothing may come either.
        self.ended && self.inflater.is_none()
    }

    /// The restart markers that came since the last call, each with the file's length at it.
    pub fn take_markers(&mut self) -> Vec<Marker> {
        std::mem::take(&mut self.markers)
    }

    fn decode_stream(&mut self, wire: &[u8], file: &mut Vec<u8>) -> Result<(), DecodeError> {
        if self.parameters.structure == Structure::File {
            self.represent(wire, file);
            return Ok(());
        }
        for byte in wire {
            if self.ended {
                return Err(DecodeError::Invalid);
            }
            match self.records.next(*byte)? {
                record::Item::Nothing => {}
                record::Item::Byte(byte) => self.represent(&[byte], file),
                record::Item::EndOfRecord => file.push(b'\n'),
                record::Item::EndOfFile => self.ended = true,
                record::Item::EndOfBoth => {
                    file.push(b'\n');
                    self.ended = true;
                }
            }
        }
        Ok(())
    }

    fn decode_deflated(&mut self, mut wire: &[u8], file: &mut Vec<u8>) -> Result<(), DecodeError> {
        let Some(mut inflater) = self.inflater.take() else { return Err(DecodeError::Invalid) };
        let mut plain = Vec::new();
        let done = loop {
            match inflater.inflate(wire, &mut plain) {
                Ok(rest) => wire = rest,
                Err(error) => break Err(error),
            }
            if plain.is_empty() && (wire.is_empty() || !inflater.is_ended()) {
                break Ok(());
            }
            if let Err(error) = self.decode_stream(&plain, file) {
                break Err(error);
            }
        };
        self.inflater = Some(inflater);
        done
    }

    fn decode_blocks(&mut self, mut wire: &[u8], file: &mut Vec<u8>) -> Result<(), DecodeError> {
        let start = file.len();
        while !wire.is_empty() || self.blocks.has_end() {
            if self.ended {
                return Err(DecodeError::Invalid);
            }
            let (item, rest) = self.blocks.next(wire);
            wire = rest;
            match item {
                block::Item::Nothing => {}
                block::Item::Data(data) => self.represent(data, file),
                block::Item::Marker(text) => {
                    if self.markers.len() < block::MARKERS_MAX {
                        let position = self.written + (file.len() - start) as u64;
                        self.markers.push(Marker { text, position });
                    }
                }
                block::Item::End { record, file: end_of_file } => {
                    if record && self.parameters.structure == Structure::Record {
                        file.push(b'\n');
                    }
                    self.ended = end_of_file;
                }
            }
        }
        Ok(())
    }

    fn represent(&mut self, wire: &[u8], file: &mut Vec<u8>) {
        match self.parameters.representation {
            Representation::Image => file.extend_from_slice(wire),
            Representation::Ebcdic => file.extend(wire.iter().map(|byte| ebcdic::to_ascii(*byte))),
            Representation::Ascii if self.parameters.structure == Structure::Record => {
                file.extend_from_slice(wire);
            }
            Representation::Ascii => {
                for byte in wire {
                    if self.carriage_return && *byte != b'\n' {
                        file.push(b'\r');
                    }
                    self.carriage_return = *byte == b'\r';
                    if !self.carriage_return {
                        file.push(*byte);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Encoder;
    use super::*;
    use crate::parameters::Level;
    use proptest::prelude::*;

    fn parameters(representation: Representation, structure: Structure, mode: Mode) -> Parameters {
        Parameters { representation, structure, mode }
    }

    fn travel(parameters: Parameters, file: &[u8], piece: usize) -> Vec<u8> {
        let mut encoder = Encoder::new(parameters, 0);
        let mut wire = Vec::new();
        file.chunks(piece).for_each(|piece| encoder.encode(piece, &mut wire));
        encoder.finish(&mut wire);
        let mut decoder = Decoder::new(parameters, 0);
        let mut back = Vec::new();
        for piece in wire.chunks(piece) {
            decoder.decode(piece, &mut back).unwrap();
        }
        decoder.finish(&mut back).unwrap();
        back
    }

    #[test]
    fn ascii_adds_the_carriage_return_once() {
        let mut wire = Vec::new();
        Encoder::new(Parameters::default(), 0).encode(b"a\nb\r\nc", &mut wire);
        assert_eq!(wire, b"a\r\nb\r\nc");
    }

    #[test]
    fn ascii_keeps_carriage_returns_that_end_no_line() {
        let mut decoder = Decoder::new(Parameters::default(), 0);
        let mut file = Vec::new();
        for piece in [&b"a\r"[..], b"\nb\r", b"c\r", b"\r\n\r"] {
            decoder.decode(piece, &mut file).unwrap();
        }
        decoder.finish(&mut file).unwrap();
        assert_eq!(file, b"a\nb\rc\r\n\r");
    }

    #[test]
    fn a_block_that_ends_early_is_an_error() {
        let image = parameters(Representation::Image, Structure::File, Mode::Block);
        let mut decoder = Decoder::new(image, 0);
        decoder.decode(&[0, 0, 5, b'a', b'b'], &mut Vec::new()).unwrap();
        assert_eq!(decoder.finish(&mut Vec::new()), Err(DecodeError::Truncated));
    }

    #[test]
    fn markers_tell_the_length_of_the_file_at_them() {
        let image = parameters(Representation::Image, Structure::File, Mode::Block);
        let mut decoder = Decoder::new(image, 100);
        decoder
            .decode(&[0, 0, 2, b'a', b'b', 16, 0, 1, b'M', 0, 0, 1, b'c', 64, 0, 0], &mut Vec::new())
            .unwrap();
        assert_eq!(decoder.take_markers(), [Marker { text: b"M".to_vec(), position: 102 }]);
        assert!(decoder.is_ended());
    }

    fn deflated(file: &[u8]) -> (Parameters, Vec<u8>) {
        let parameters =
            parameters(Representation::Image, Structure::File, Mode::Deflate(Level::parse(b"9").unwrap()));
        let (mut encoder, mut wire) = (Encoder::new(parameters, 0), Vec::new());
        file.chunks(1 << 20).for_each(|piece| encoder.encode(piece, &mut wire));
        encoder.finish(&mut wire);
        (parameters, wire)
    }

    #[test]
    fn t42_what_is_cut_off_or_followed_by_something_is_not_whole() {
        let (parameters, wire) = deflated(b"some text that is some text");
        for end in 0..wire.len() {
            let (mut decoder, mut file) = (Decoder::new(parameters, 0), Vec::new());
            decoder.decode(&wire[..end], &mut file).unwrap();
            assert_eq!(decoder.finish(&mut file), Err(DecodeError::Truncated), "{end}");
        }
        let (mut decoder, mut file) = (Decoder::new(parameters, 0), Vec::new());
        assert_eq!(decoder.decode(&[&wire[..], b"x"].concat(), &mut file), Err(DecodeError::Invalid));
        let (mut decoder, mut file) = (Decoder::new(parameters, 0), Vec::new());
        decoder.decode(&wire, &mut file).unwrap();
        assert_eq!(decoder.decode(b"x", &mut file), Err(DecodeError::Invalid));
        assert_eq!(file, b"some text that is some text");
    }

    #[test]
    fn t42_a_bomb_does_not_go_off() {
        let (parameters, wire) = deflated(&vec![0; 400 << 20]);
        assert!(wire.len() < 1 << 20);
        let (mut decoder, mut made, mut largest) = (Decoder::new(parameters, 0), 0, 0);
        let all = wire.chunks(decoder.piece()).try_for_each(|piece| {
            let mut file = Vec::new();
            let done = decoder.decode(piece, &mut file);
            (made, largest) = (made + file.len(), largest.max(file.len()));
            done
        });
        assert_eq!(all, Err(DecodeError::Expands));
        assert!(made < 400 << 20 && largest <= 2 << 20, "{made} {largest}");
    }

    #[test]
    fn one_block_can_hold_data_and_end_the_file() {
        let lines = parameters(Representation::Ascii, Structure::Record, Mode::Block);
        let mut decoder = Decoder::new(lines, 0);
        let mut file = Vec::new();
        decoder.decode(&[128 + 64, 0, 2, b'a', b'b'], &mut file).unwrap();
        assert_eq!((decoder.finish(&mut file), file.as_slice()), (Ok(()), &b"ab\n"[..]));
    }

    proptest! {
        #[test]
        fn every_way_of_travelling_gives_the_file_back(
            file: Vec<u8>, piece in 1usize..50, mode in 0..3u8, record: bool,
        ) {
            let mode = [Mode::Stream, Mode::Block, Mode::Deflate(Level::default())][usize::from(mode)];
            let structure = if record { Structure::Record } else { Structure::File };
            let mut expected = file.clone();
            if record && !file.is_empty() && !file.ends_with(b"\n") {
                expected.push(b'\n');
            }
            prop_assert_eq!(travel(parameters(Representation::Image, structure, mode), &file, piece), expected);
            let text: Vec<u8> = file.iter().map(|byte| byte & 0x7f).filter(|byte| *byte != b'\r').collect();
            prop_assert_eq!(&travel(parameters(Representation::Ascii, Structure::File, mode), &text, piece), &text);
            prop_assert_eq!(travel(parameters(Representation::Ebcdic, Structure::File, mode), &text, piece), text);
        }

        #[test]
        fn no_bytes_panic(wire: Vec<Vec<u8>>, mode in 0..3u8, record: bool, ascii: bool) {
            let mode = [Mode::Stream, Mode::Block, Mode::Deflate(Level::default())][usize::from(mode)];
            let structure = if record { Structure::Record } else { Structure::File };
            let representation = if ascii { Representation::Ascii } else { Representation::Ebcdic };
            let mut decoder = Decoder::new(parameters(representation, structure, mode), 0);
            let mut file = Vec::new();
            for piece in &wire {
                if decoder.decode(piece, &mut file).is_err() { break }
            }
            let _ = decoder.finish(&mut file);
        }
    }
}
