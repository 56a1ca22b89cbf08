//! Lines out of the bytes of a control connection, bounded, with Telnet taken out.
//!
//! FTP's control connection speaks Telnet (RFC 959 §2.3, RFC 1123 §4.1.2.12): options are refused,
//! other Telnet commands are skipped, a doubled byte 255 is one byte 255. A bare LF ends a line
//! too, since many clients send it. What this module is not: it does not parse commands.

use std::collections::VecDeque;

/// Longest line in bytes, its end not counted.
pub const LINE_MAX: usize = 4096;

/// Most bytes of one overlong line that are skipped before the peer is given up.
pub const SKIPPED_MAX: usize = 1 << 20;

/// Most bytes that wait in a buffer; [`LineBuffer::free`] says how many more it takes.
pub const BUFFERED_MAX: usize = 8192;

const SE: u8 = 240;
const LOWEST_COMMAND: u8 = 236;
const SB: u8 = 250;
const WILL: u8 = 251;
const WONT: u8 = 252;
const DO: u8 = 253;
const DONT: u8 = 254;
const IAC: u8 = 255;

/// What came out of the buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A line without its end.
    Line(Vec<u8>),
    /// A line longer than [`LINE_MAX`]; it was skipped.
    TooLong,
    /// A line with a NUL, or with a byte 255 that begins no Telnet command; it was skipped.
    Malformed,
    /// More than [`SKIPPED_MAX`] bytes without an end: nothing sensible will follow.
    Endless,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Telnet {
    #[default]
    Text,
    Command,
    Option(u8),
    Subnegotiation,
    SubnegotiationCommand,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Health {
    #[default]
    Sound,
    Malformed,
    TooLong,
}

/// Takes bytes in any pieces and gives lines. Holds no memory while it is empty.
#[derive(Debug, Default)]
pub struct LineBuffer {
    /// The text of the waiting lines, end to end, then that of the unfinished line.
    text: VecDeque<u8>,
    /// Length and health of each waiting line.
    heads: VecDeque<(u16, Health)>,
    unfinished: usize,
    health: Health,
    skipped: usize,
    telnet: Telnet,
    answers: Vec<u8>,
}

impl LineBuffer {
    /// How many bytes [`push`](Self::push) may be given now, 0 to [`BUFFERED_MAX`]. While it is 0
    /// the connection is not to be read, so that a peer who sends much waits.
    pub fn free(&self) -> usize {
        // Each waiting line counts for more than its text, so that a flood of empty ones is bounded.
        BUFFERED_MAX.saturating_sub(self.text.len() + self.heads.len() * 4)
    }

    /// Takes bytes as they came from the connection.
    pub fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.telnet = match self.telnet {
                Telnet::Text if *byte == IAC => Telnet::Command,
                Telnet::Text => self.take(*byte),
                Telnet::Command => self.take_telnet(*byte),
                Telnet::Option(verb) => self.refuse(verb, *byte),
                Telnet::Subnegotiation => {
                    self.skip_one();
                    if *byte == IAC { Telnet::SubnegotiationCommand } else { Telnet::Subnegotiation }
                }
                Telnet::SubnegotiationCommand if *byte == SE => Telnet::Text,
                Telnet::SubnegotiationCommand => Telnet::Subnegotiation,
            };
        }
    }

    /// The next line, if a whole one is there.
    pub fn next_frame(&mut self) -> Option<Frame> {
        let Some((length, health)) = self.heads.pop_front() else {
            return (self.skipped > SKIPPED_MAX).then_some(Frame::Endless);
        };
        let line: Vec<u8> = self.text.drain(..usize::from(length)).collect();
        if self.text.is_empty() && self.heads.is_empty() {
            (self.text, self.heads) = Default::default();
        }
        Some(match health {
            Health::Sound => Frame::Line(line),
            Health::Malformed => Frame::Malformed,
            Health::TooLong => Frame::TooLong,
        })
    }

    /// The line that comes next, if it is whole and sound; it stays where it is.
    pub fn first_line(&self) -> Option<Vec<u8>> {
        let (length, health) = self.heads.front()?;
        (*health == Health::Sound).then(|| self.text.range(..usize::from(*length)).copied().collect())
    }

    /// True when a waiting line satisfies `wanted`; nothing is taken out.
    pub fn any_line(&self, wanted: impl Fn(&[u8]) -> bool) -> bool {
        let mut start = 0;
        self.heads.iter().any(|(length, _)| {
            let line: Vec<u8> = self.text.range(start..start + usize::from(*length)).copied().collect();
            start += line.len();
            wanted(&line)
        })
    }

    /// Refusals of Telnet options, to be sent to the peer.
    pub fn take_answers(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.answers)
    }

    /// True when nothing waits, not even the beginning of a line.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
            && self.heads.is_empty()
            && self.health == Health::Sound
            && self.telnet == Telnet::Text
    }

    /// Forgets everything that waits, as `AUTH` must (RFC 4217 §4).
    pub fn clear(&mut self) {
        *self = LineBuffer::default();
    }

    fn take(&mut self, byte: u8) -> Telnet {
        match byte {
            b'\n' => self.end_line(),
            _ if self.health != Health::Sound => self.skip_one(),
            0 => self.spoil(Health::Malformed),
            // One more than the limit is let in, since it may be the CR of the line's end.
            _ if self.unfinished > LINE_MAX => self.spoil(Health::TooLong),
            _ => {
                self.text.push_back(byte);
                self.unfinished += 1;
            }
        }
        Telnet::Text
    }

    fn take_telnet(&mut self, byte: u8) -> Telnet {
        match byte {
            IAC => self.take(IAC),
            SB => Telnet::Subnegotiation,
            WILL | WONT | DO | DONT => Telnet::Option(byte),
            // Interrupt, Data Mark and the like: the command that follows says what is wanted.
            LOWEST_COMMAND..=249 => {
                self.skip_one();
                Telnet::Text
            }
            // A byte 255 that was not doubled, in a name for instance.
            _ => {
                if self.health == Health::Sound {
                    self.spoil(Health::Malformed);
                }
                self.take(byte)
            }
        }
    }

    fn refuse(&mut self, verb: u8, option: u8) -> Telnet {
        self.skip_one();
        match verb {
            WILL => self.answers.extend_from_slice(&[IAC, DONT, option]),
            DO => self.answers.extend_from_slice(&[IAC, WONT, option]),
            _ => {}
        }
        Telnet::Text
    }

    fn spoil(&mut self, health: Health) {
        self.health = health;
        self.text.truncate(self.text.len() - self.unfinished);
        self.skipped += self.unfinished;
        self.unfinished = 0;
        self.skip_one();
    }

    fn skip_one(&mut self) {
        self.skipped = self.skipped.saturating_add(1);
    }

    fn end_line(&mut self) {
        if self.skipped > SKIPPED_MAX {
            return;
        }
        if self.unfinished > 0 && self.text.back() == Some(&b'\r') {
            self.text.pop_back();
            self.unfinished -= 1;
        }
        if self.unfinished > LINE_MAX {
            self.spoil(Health::TooLong);
        }
        self.heads.push_back((self.unfinished as u16, self.health));
        (self.unfinished, self.health, self.skipped) = Default::default();
    }
}

/// Appends `text` to `line` with each byte 255 doubled, as Telnet wants it.
pub(crate) fn escape(text: &[u8], line: &mut Vec<u8>) {
    for byte in text {
        if *byte == IAC {
            line.push(IAC);
        }
        line.push(*byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames(bytes: &[u8]) -> Vec<Frame> {
        let mut buffer = LineBuffer::default();
        buffer.push(bytes);
        std::iter::from_fn(|| buffer.next_frame()).take(10_000).collect()
    }

    fn line(text: &[u8]) -> Frame {
        Frame::Line(text.to_vec())
    }

    #[test]
    fn lines_end_with_crlf_or_lf() {
        assert_eq!(frames(b"NOOP\r\nPWD\nX"), [line(b"NOOP"), line(b"PWD")]);
    }

    #[test]
    fn t07_an_overlong_line_is_one_frame_and_never_two_commands() {
        let mut bytes = vec![b'A'; LINE_MAX + 1];
        bytes.extend_from_slice(b"DELE x\r\nNOOP\r\n");
        assert_eq!(frames(&bytes), [Frame::TooLong, line(b"NOOP")]);
        let longest = vec![b'A'; LINE_MAX];
        assert_eq!(frames(&[&longest[..], b"\r\n"].concat()), [line(&longest)]);
        assert_eq!(frames(&[&longest[..], b"B\r\n"].concat()), [Frame::TooLong]);
        assert_eq!(frames(&[&longest[..], b"B\n"].concat()), [Frame::TooLong]);
    }

    #[test]
    fn t08_an_endless_line_takes_no_memory_and_ends() {
        for byte in [b'A', 0, IAC, b'\r'] {
            let mut buffer = LineBuffer::default();
            for _ in 0..(SKIPPED_MAX * 3 / 4096) {
                buffer.push(&[byte; 4096]);
                assert!(buffer.text.len() <= LINE_MAX + 1);
            }
            assert_eq!(buffer.next_frame(), Some(Frame::Endless), "byte {byte}");
        }
    }

    #[test]
    fn t09_telnet_is_taken_out_wherever_it_is_split() {
        let bytes = [
            b"A".as_slice(),
            &[IAC, DO, 1, IAC, 244, IAC, 242],
            b"BOR\r\n",
            &[IAC, SB, 1, 2, IAC, IAC, IAC, SE],
            b"RETR ",
            &[IAC, IAC],
            b"\r\n",
        ]
        .concat();
        for at in 0..bytes.len() {
            let mut buffer = LineBuffer::default();
            buffer.push(&bytes[..at]);
            buffer.push(&bytes[at..]);
            assert_eq!(buffer.next_frame(), Some(line(b"ABOR")));
            assert_eq!(buffer.next_frame(), Some(line(&[b"RETR ".as_slice(), &[IAC]].concat())));
            assert_eq!(buffer.take_answers(), [IAC, WONT, 1]);
        }
    }

    #[test]
    fn a_byte_255_that_is_not_doubled_spoils_its_line_only() {
        assert_eq!(frames(b"RETR \xffname\r\nNOOP\r\n"), [Frame::Malformed, line(b"NOOP")]);
        assert_eq!(frames(b"RETR \xff\r\nNOOP\r\n"), [Frame::Malformed, line(b"NOOP")]);
    }

    #[test]
    fn an_empty_buffer_holds_no_memory() {
        let mut buffer = LineBuffer::default();
        buffer.push(b"NOOP\r\n");
        buffer.next_frame();
        assert_eq!((buffer.text.capacity(), buffer.heads.capacity()), (0, 0));
    }

    #[test]
    fn a_flood_of_empty_lines_stops_the_reading() {
        let mut buffer = LineBuffer::default();
        buffer.push(&[b'\n'; BUFFERED_MAX / 4]);
        assert_eq!(buffer.free(), 0);
    }

    proptest! {
        #[test]
        fn the_split_does_not_matter(bytes: Vec<u8>, at: prop::sample::Index) {
            let at = at.index(bytes.len() + 1);
            let mut buffer = LineBuffer::default();
            buffer.push(&bytes[..at]);
            buffer.push(&bytes[at..]);
            let split: Vec<Frame> = std::iter::from_fn(|| buffer.next_frame()).collect();
            prop_assert_eq!(split, frames(&bytes));
        }
    }
}
