//! Names of servers that are not UTF-8. On this side all names are; they change where commands are made, and where listings
//! and 257 are read.
//!
//! No two names become one. What only resembles a name of the charset, since it has a second spelling there or none at all, is
//! left as the bytes it is; those are not UTF-8, so that they are told from all others. Where they happen to be UTF-8 all the
//! same, the entry is one that is not understood.

use crate::error::{Error, Result};
use encoding_rs::{Encoding, UTF_8};
use portolan_wire::listing::{Line, Listed};
use portolan_wire::received::printable;

/// The charset of names on a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charset(&'static Encoding);

impl Charset {
    /// The charset of that name in the list of the Encoding Standard (WHATWG), where `latin1` is windows-1252; nothing for
    /// those in which ASCII is not ASCII.
    pub fn named(label: &str) -> Option<Charset> {
        Encoding::for_label(label.as_bytes()).filter(|encoding| encoding.is_ascii_compatible()).map(Charset)
    }

    pub(crate) fn is_utf_8(self) -> bool {
        self.0 == UTF_8
    }

    /// What a command says, in this charset.
    pub(crate) fn encode(self, argument: &[u8]) -> Result<Vec<u8>> {
        let parts = argument.split(|byte| *byte == b'/').map(|part| self.encode_part(part));
        Ok(parts.collect::<Result<Vec<_>>>()?.join(&b'/'))
    }

    fn encode_part(self, part: &[u8]) -> Result<Vec<u8>> {
        let wrong = |why: &str| Error::Charset(format!("{}: {why}", printable(part)));
        let Ok(text) = std::str::from_utf8(part) else {
            // It was listed so.
            let own = self.decode(part).is_none().then(|| part.to_vec());
            return own.ok_or_else(|| wrong("the name is not UTF-8, as all names here are with a charset"));
        };
        self.exactly(text).ok_or_else(|| {
            let exists = |character: &char| self.exactly(character.encode_utf8(&mut [0; 4])).is_some();
            let missing = text.chars().find(|character| !exists(character));
            wrong(&format!("{:?} does not exist in {}", missing.unwrap_or_default(), self.0.name()))
        })
    }

    /// Text in this charset, if it can be read again as it was: some charsets have one byte for two characters.
    fn exactly(self, text: &str) -> Option<Vec<u8>> {
        let (bytes, _, replaced) = self.0.encode(text);
        let read = self.0.decode_without_bom_handling_and_without_replacement(&bytes);
        (!replaced && read.is_some_and(|read| read == text)).then(|| bytes.into_owned())
    }

    /// Bytes of this charset as UTF-8, if they can be written again as they were: some have two spellings for one character.
    fn decode(self, bytes: &[u8]) -> Option<Vec<u8>> {
        let text = self.0.decode_without_bom_handling_and_without_replacement(bytes)?;
        (*self.0.encode(&text).0 == *bytes).then(|| text.into_owned().into_bytes())
    }

    /// What a name or a path of the server is called here; nothing if that would be the name of something else.
    pub(crate) fn name(self, bytes: &[u8]) -> Option<Vec<u8>> {
        let part = |part: &[u8]| {
            let as_it_is = || std::str::from_utf8(part).is_err().then(|| part.to_vec());
            self.decode(part).or_else(as_it_is)
        };
        Some(bytes.split(|byte| *byte == b'/').map(part).collect::<Option<Vec<_>>>()?.join(&b'/'))
    }

    /// Reads a line of a listing. As a whole, since bytes of a character may look like others; what is wrong in one may be in
    /// its owner, and then the name has to do by itself.
    pub(crate) fn read(self, line: &[u8], mut parse: impl FnMut(&[u8]) -> Line) -> Line {
        match self.decode(line) {
            Some(text) => parse(&text),
            None => match parse(line) {
                Line::Entry(entry) => match self.name(&entry.name) {
                    Some(name) => {
                        let target = entry.target.and_then(|target| self.name(&target));
                        Line::Entry(Listed { name, target, ..entry })
                    }
                    None => Line::Unknown,
                },
                other => other,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn charset(label: &str) -> Charset {
        Charset::named(label).unwrap()
    }

    const LABELS: [&str; 8] =
        ["latin1", "koi8-r", "shift_jis", "gb18030", "big5", "euc-kr", "euc-jp", "utf-8"];

    #[test]
    fn names_are_those_of_the_charset() {
        for (label, name, bytes) in [
            ("latin1", "d/été", &b"d/\xe9t\xe9"[..]),
            ("windows-1252", "5 €", b"5 \x80"),
            ("koi8-r", "мир", b"\xcd\xc9\xd2"),
            // Its second byte is a backslash.
            ("shift_jis", "表/ソ", b"\x95\x5c/\x83\x5c"),
            ("gb18030", "中文", b"\xd6\xd0\xce\xc4"),
            ("utf-8", "é", "é".as_bytes()),
        ] {
            assert_eq!(charset(label).encode(name.as_bytes()).unwrap(), bytes, "{label}");
            assert_eq!(charset(label).name(bytes).unwrap(), name.as_bytes(), "{label}");
        }
        for label in ["utf-16le", "iso-2022-jp", "nonsense", ""] {
            assert_eq!(Charset::named(label), None, "{label}");
        }
    }

    #[test]
    fn what_does_not_exist_there_is_said() {
        let said = |label: &str, name: &[u8]| charset(label).encode(name).unwrap_err().to_string();
        assert_eq!(said("latin1", "d/日本".as_bytes()), "日本: '日' does not exist in windows-1252");
        // It would be a backslash.
        assert_eq!(said("shift_jis", "¥".as_bytes()), "¥: '¥' does not exist in Shift_JIS");
        assert!(said("latin1", b"caf\xe9").contains("is not UTF-8"));
    }

    #[test]
    fn what_is_no_name_there_stays_as_it_is() {
        let japanese = charset("shift_jis");
        assert_eq!(japanese.name(b"a\xff").unwrap(), b"a\xff");
        assert_eq!(japanese.encode(b"d/a\xff").unwrap(), b"d/a\xff");
        // It would be taken for another.
        assert_eq!(japanese.name("à".as_bytes()), None);
    }

    proptest! {
        #[test]
        fn no_two_names_become_one(bytes: Vec<u8>, label in prop::sample::select(&LABELS[..])) {
            let charset = charset(label);
            let name = charset.name(&bytes);
            if let Some(name) = name {
                prop_assert_eq!(charset.encode(&name).unwrap(), bytes);
            }
        }

        #[test]
        fn what_is_sent_is_listed_as_it_was(text: String, label in prop::sample::select(&LABELS[..])) {
            let charset = charset(label);
            if let Ok(bytes) = charset.encode(text.as_bytes()) {
                prop_assert_eq!(charset.name(&bytes).unwrap(), text.as_bytes());
            }
        }
    }
}
