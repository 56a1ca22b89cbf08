//! The words of a line, with their places.

/// A word and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) text: &'a [u8],
    pub(super) start: usize,
}

impl Word<'_> {
    /// Where what follows it begins.
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    pub(super) fn number(&self) -> Option<u64> {
        number(self.text)
    }
}

/// Words of one line that are looked at.
const WORDS_MAX: usize = 64;

/// The words of a line, parted by spaces.
pub(super) fn words(line: &[u8]) -> Vec<Word<'_>> {
    let (mut found, mut start) = (Vec::new(), 0);
    for part in line.split(|byte| *byte == b' ') {
        if !part.is_empty() && found.len() < WORDS_MAX {
            found.push(Word { text: part, start });
        }
        start += part.len() + 1;
    }
    found
}

/// Digits only.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

/// Spaces away from the front.
pub(super) fn trim_start(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| **byte == b' ').count();
    &text[blanks..]
}

/// What comes after one space, if there is one.
pub(super) fn after_space(line: &[u8], at: usize) -> Option<&[u8]> {
    line.get(at..)?.strip_prefix(b" ")
}
