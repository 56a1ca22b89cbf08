//! Transfer parameters: representation type, file structure, transfer mode.

/// Representation type (RFC 959 §3.1.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Representation {
    /// Text in ASCII with CRLF at line ends: the default that the RFC demands.
    #[default]
    Ascii,
    /// Text in EBCDIC with NL at line ends.
    Ebcdic,
    /// Bytes as they are. `L 8` is the same.
    Image,
}

/// File structure (RFC 959 §3.1.2). Pages are not offered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Structure {
    /// No structure: the default.
    #[default]
    File,
    /// A sequence of records; on this side, lines.
    Record,
}

/// Transfer mode (RFC 959 §3.4). Its compressed mode is not offered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// A stream of bytes: the default.
    #[default]
    Stream,
    /// Blocks with headers and restart markers.
    Block,
    /// A stream that is deflated (draft-preston-ftpext-deflate).
    Deflate(Level),
}

/// How hard deflating tries: 0, not at all, to 9. By default 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(u8);

impl Default for Level {
    fn default() -> Level {
        Level(6)
    }
}

impl Level {
    /// Reads a level.
    pub fn parse(text: &[u8]) -> Option<Level> {
        match text {
            [digit @ b'0'..=b'9'] => Some(Level(digit - b'0')),
            _ => None,
        }
    }

    /// The number, 0 to 9.
    pub fn number(self) -> u8 {
        self.0
    }
}

/// Why a parameter is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// No such parameter exists.
    #[error("no such parameter exists")]
    Unknown,
    /// It exists, but is not offered.
    #[error("the parameter is not offered")]
    NotOffered,
}

fn words(argument: &[u8]) -> Vec<Vec<u8>> {
    argument
        .split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty())
        .map(<[u8]>::to_ascii_uppercase)
        .collect()
}

impl Representation {
    /// Reads the argument of `TYPE`. The format controls N, T and C are taken alike, as RFC 1123
    /// §4.1.2.2 has it for hosts that do not tell them apart.
    ///
    /// # Errors
    /// See [`ParameterError`].
    pub fn parse(argument: &[u8]) -> Result<Representation, ParameterError> {
        let words = words(argument);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        match words[..] {
            [b"A"] | [b"A", b"N" | b"T" | b"C"] => Ok(Representation::Ascii),
            [b"E"] | [b"E", b"N" | b"T" | b"C"] => Ok(Representation::Ebcdic),
            [b"I"] | [b"I", b"N"] | [b"L", b"8"] | [b"L8"] => Ok(Representation::Image),
            [b"L"] | [b"L", _] => Err(ParameterError::NotOffered),
            _ => Err(ParameterError::Unknown),
        }
    }

    /// The type in the words of `STAT`.
    pub fn name(self) -> &'static str {
        match self {
            Representation::Ascii => "ASCII",
            Representation::Ebcdic => "EBCDIC",
            Representation::Image => "Image",
        }
    }
}

impl Structure {
    /// Reads the argument of `STRU`.
    ///
    /// # Errors
    /// See [`ParameterError`].
    pub fn parse(argument: &[u8]) -> Result<Structure, ParameterError> {
        match argument {
            b"F" | b"f" => Ok(Structure::File),
            b"R" | b"r" => Ok(Structure::Record),
            b"P" | b"p" => Err(ParameterError::NotOffered),
            _ => Err(ParameterError::Unknown),
        }
    }
}

impl Mode {
    /// Reads the argument of `MODE`.
    ///
    /// # Errors
    /// See [`ParameterError`].
    pub fn parse(argument: &[u8]) -> Result<Mode, ParameterError> {
        match argument {
            b"S" | b"s" => Ok(Mode::Stream),
            b"B" | b"b" => Ok(Mode::Block),
            b"Z" | b"z" => Ok(Mode::Deflate(Level::default())),
            b"C" | b"c" => Err(ParameterError::NotOffered),
            _ => Err(ParameterError::Unknown),
        }
    }

    /// The mode in the words of `STAT`.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Stream => "Stream",
            Mode::Block => "Block",
            Mode::Deflate(_) => "Deflate",
        }
    }
}

/// How a file travels over a data connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Parameters {
    /// `TYPE`.
    pub representation: Representation,
    /// `STRU`.
    pub structure: Structure,
    /// `MODE`.
    pub mode: Mode,
}

impl Parameters {
    /// True when the bytes of the file are the bytes on the wire.
    pub fn is_plain(self) -> bool {
        self.representation == Representation::Image
            && self.structure == Structure::File
            && self.mode == Mode::Stream
    }
}
