//! Replies as servers send them: read leniently, and bounded.
//!
//! RFC 959 §4.2 says how a reply of several lines ends; what servers make of it is wider: lines that end with LF alone,
//! a last line of nothing but the code, codes in the lines between, bytes of any charset, Telnet in the middle. What this
//! module is not: it does not know what was asked.

/// Bytes of one line that are kept; the rest of it is skipped.
pub const LINE_MAX: usize = 8 << 10;
/// Bytes of one reply that are kept; lines after that are skipped.
pub const REPLY_MAX: usize = 256 << 10;
/// Bytes of one reply after which its sender is given up.
pub const ENDLESS: usize = 4 << 20;
/// Bytes of lines between replies, which belong to none, after which their sender is given up.
pub const NOISE_MAX: usize = 64 << 10;

const SE: u8 = 240;
const LOWEST_COMMAND: u8 = 236;
const SB: u8 = 250;
const WILL: u8 = 251;
const DO: u8 = 253;
const DONT: u8 = 254;
const IAC: u8 = 255;

/// A reply as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Received {
    /// Its number, 100 to 699, whether or not any RFC has it.
    pub number: u16,
    /// Its lines without the code where they have it, at least one.
    pub lines: Vec<Vec<u8>>,
}

impl Received {
    /// True for 1xx: another reply follows.
    pub fn is_preliminary(&self) -> bool {
        self.number < 200
    }

    /// True for 2xx: it was done.
    pub fn is_done(&self) -> bool {
        (200..300).contains(&self.number)
    }

    /// True for 3xx: more is needed.
    pub fn wants_more(&self) -> bool {
        (300..400).contains(&self.number)
    }

    /// True for 4xx: it may be done another time.
    pub fn is_transient(&self) -> bool {
        (400..500).contains(&self.number)
    }

    /// The first line, as text; control bytes in it are shown as `?`.
    pub fn text(&self) -> String {
        printable(self.lines.first().map_or(&[][..], Vec::as_slice))
    }
}

impl std::fmt::Display for Received {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.number)?;
        let text = self.text();
        if text.is_empty() { Ok(()) } else { write!(f, " {text}") }
    }
}

impl std::fmt::Debug for Received {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<String> = self.lines.iter().map(|line| printable(line)).collect();
        f.debug_tuple("Received").field(&self.number).field(&lines).finish()
    }
}

/// Bytes as text that can be shown: UTF-8 where they are, and no control characters.
pub fn printable(bytes: &[u8]) -> String {
    let shown = |character: char| if character.is_control() && character != '\t' { '?' } else { character };
    String::from_utf8_lossy(bytes).chars().map(shown).collect()
}

/// What is wrong with what a server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// A reply does not end.
    #[error("a reply does not end")]
    Endless,
    /// It speaks SSH.
    #[error("an SSH server answers there; for SFTP another program is needed")]
    Ssh,
    /// It speaks HTTP.
    #[error("an HTTP server answers there")]
    Http,
    /// Nothing that it says is a reply.
    #[error("what answers there does not speak FTP")]
    NotFtp,
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

/// Takes bytes in any pieces and gives replies. What waits in it is bounded; see the constants of this module.
#[derive(Debug, Default)]
pub struct ReplyReader {
    telnet: Telnet,
    answers: Vec<u8>,
    line: Vec<u8>,
    /// The reply whose last line has not come, and its bytes so far.
    begun: Option<(Received, usize)>,
    whole: std::collections::VecDeque<Received>,
    noise: usize,
    heard: bool,
    error: Option<ReplyError>,
}

impl ReplyReader {
    /// Takes bytes as they came from the connection. What comes after an error is thrown away.
    pub fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.error.is_some() {
                return;
            }
            self.telnet = match self.telnet {
                Telnet::Text if *byte == IAC => Telnet::Command,
                Telnet::Text => self.take(*byte),
                Telnet::Command => match *byte {
                    SB => Telnet::Subnegotiation,
                    WILL..=DONT => Telnet::Option(*byte),
                    LOWEST_COMMAND..SB => Telnet::Text,
                    // A byte 255 of text, doubled or not.
                    IAC => self.take(IAC),
                    other => {
                        self.take(IAC);
                        self.take(other)
                    }
                },
                Telnet::Option(verb) => {
                    // WILL is answered with DONT, DO with WONT (RFC 854); answers to those need none.
                    if matches!(verb, WILL | DO) && self.answers.len() < LINE_MAX {
                        let answer = if verb == WILL { DONT } else { WILL + 1 };
                        self.answers.extend_from_slice(&[IAC, answer, *byte]);
                    }
                    Telnet::Text
                }
                Telnet::Subnegotiation if *byte == IAC => Telnet::SubnegotiationCommand,
                Telnet::SubnegotiationCommand if *byte == SE => Telnet::Text,
                Telnet::Subnegotiation | Telnet::SubnegotiationCommand => Telnet::Subnegotiation,
            };
        }
    }

    /// The next reply, if a whole one is there.
    ///
    /// # Errors
    /// [`ReplyError`] once everything before was taken, and from then on: nothing sensible will follow.
    pub fn next_reply(&mut self) -> Result<Option<Received>, ReplyError> {
        match (self.whole.pop_front(), self.error) {
            (Some(reply), _) => Ok(Some(reply)),
            (None, Some(error)) => Err(error),
            (None, None) => Ok(None),
        }
    }

    /// Refusals of Telnet options, to be sent to the server.
    pub fn take_answers(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.answers)
    }

    /// True when nothing waits, not even the beginning of a reply.
    pub fn is_empty(&self) -> bool {
        self.line.is_empty() && self.begun.is_none() && self.whole.is_empty()
    }

    fn take(&mut self, byte: u8) -> Telnet {
        if byte == b'\n' {
            let mut line = std::mem::take(&mut self.line);
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            self.end_line(&line);
        } else {
            self.count(1);
            if self.line.len() < LINE_MAX {
                self.line.push(byte);
            }
        }
        Telnet::Text
    }

    /// Everything counts, kept or not.
    fn count(&mut self, bytes: usize) {
        match &mut self.begun {
            Some((_, length)) => {
                *length += bytes;
                if *length > ENDLESS {
                    self.error = Some(ReplyError::Endless);
                }
            }
            None => {
                self.noise += bytes;
                if self.noise > NOISE_MAX {
                    self.error = Some(if self.heard { ReplyError::Endless } else { ReplyError::NotFtp });
                }
            }
        }
    }

    fn end_line(&mut self, line: &[u8]) {
        self.count(1);
        let code = code(line);
        if let Some((reply, length)) = &mut self.begun {
            let last = code.is_some_and(|(number, more)| number == reply.number && !more);
            if *length <= REPLY_MAX || last {
                reply.lines.push(if last { text(line) } else { without_code(reply.number, line) });
            }
            if last && let Some((reply, _)) = self.begun.take() {
                self.whole.push_back(reply);
            }
            return;
        }
        match code {
            Some((number, more)) => {
                let reply = Received { number, lines: vec![text(line)] };
                (self.heard, self.noise) = (true, 0);
                if more {
                    self.begun = Some((reply, line.len()));
                } else {
                    self.whole.push_back(reply);
                }
            }
            None if !self.heard && line.starts_with(b"SSH-") => self.error = Some(ReplyError::Ssh),
            None if !self.heard && line.starts_with(b"HTTP/") => self.error = Some(ReplyError::Http),
            None => {}
        }
    }
}

/// The code that a line begins with, and whether more lines follow.
fn code(line: &[u8]) -> Option<(u16, bool)> {
    let (digits, rest) = line.split_at_checked(3)?;
    let [hundreds @ b'1'..=b'6', tens @ b'0'..=b'9', ones @ b'0'..=b'9'] = digits else { return None };
    let number =
        [hundreds, tens, ones].iter().fold(0, |number, digit| number * 10 + u16::from(**digit - b'0'));
    match rest.first() {
        None | Some(b' ') => Some((number, false)),
        Some(b'-') => Some((number, true)),
        Some(_) => None,
    }
}

fn text(line: &[u8]) -> Vec<u8> {
    line.get(4..).unwrap_or_default().to_vec()
}

/// Some servers begin each line with the code and a dash.
fn without_code(number: u16, line: &[u8]) -> Vec<u8> {
    if code(line) == Some((number, true)) { text(line) } else { line.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn replies(bytes: &[u8]) -> Vec<(u16, Vec<String>)> {
        let mut reader = ReplyReader::default();
        reader.push(bytes);
        let shown =
            |reply: Received| (reply.number, reply.lines.iter().map(|line| printable(line)).collect());
        std::iter::from_fn(|| reader.next_reply().unwrap()).map(shown).collect()
    }

    fn one(number: u16, lines: &[&str]) -> Vec<(u16, Vec<String>)> {
        vec![(number, lines.iter().map(|line| (*line).to_owned()).collect())]
    }

    #[test]
    fn replies_end_as_servers_end_them() {
        assert_eq!(replies(b"220 Hello\r\n"), one(220, &["Hello"]));
        assert_eq!(replies(b"220 Hello\n"), one(220, &["Hello"]));
        assert_eq!(replies(b"226\r\n"), one(226, &[""]));
        assert_eq!(replies(b"200\xff\xff \r\n"), []);
        assert_eq!(replies(b"230-a\r\n230-b\r\n230 c\r\n"), one(230, &["a", "b", "c"]));
        assert_eq!(
            replies(b"230-a\r\n226 no end\r\n 230 c\r\n230 d\n"),
            one(230, &["a", "226 no end", " 230 c", "d"])
        );
        assert_eq!(replies(b"211-\r\n MDTM\r\n211\r\n"), one(211, &["", " MDTM", ""]));
        assert_eq!(replies(b"\r\n# noise\r\n220 x\r\n"), one(220, &["x"]));
        assert_eq!(replies(b"220 \xe9t\xe9 \x1b[1m\r\n"), one(220, &["\u{fffd}t\u{fffd} ?[1m"]));
    }

    #[test]
    fn telnet_is_taken_out_and_refused() {
        let mut reader = ReplyReader::default();
        reader.push(&[b"22".as_slice(), &[IAC, DO, 1, IAC, WILL, 3, IAC, 241], b"0 a\xff\xffb\r\n"].concat());
        assert_eq!(reader.next_reply().unwrap().unwrap().lines, [b"a\xffb"]);
        assert_eq!(reader.take_answers(), [IAC, 252, 1, IAC, 254, 3]);
    }

    #[test]
    fn what_does_not_end_is_given_up_and_takes_little_room() {
        let mut reader = ReplyReader::default();
        reader.push(b"220-begin\r\n");
        for _ in 0..=ENDLESS / 1024 {
            reader.push(&[&[b'x'; 1022][..], b"\r\n"].concat());
        }
        assert_eq!(reader.next_reply(), Err(ReplyError::Endless));
        let kept: usize = reader.begun.unwrap().0.lines.iter().map(Vec::len).sum();
        assert!(kept <= REPLY_MAX + LINE_MAX);
        let mut reader = ReplyReader::default();
        reader.push(&vec![b'x'; NOISE_MAX + 1]);
        assert_eq!(reader.next_reply(), Err(ReplyError::NotFtp));
        assert!(reader.line.len() <= LINE_MAX);
        let mut reader = ReplyReader::default();
        reader.push(&[b"220 ".as_slice(), &vec![b'x'; NOISE_MAX / 2], b"\r\n200 ok\r\n"].concat());
        assert_eq!(reader.next_reply().unwrap().unwrap().lines[0].len(), LINE_MAX - 4);
        assert_eq!(reader.next_reply().unwrap().unwrap().number, 200);
    }

    #[test]
    fn other_protocols_are_known() {
        for (banner, error) in
            [("SSH-2.0-OpenSSH_9.2\r\n", ReplyError::Ssh), ("HTTP/1.1 400 Bad Request\r\n", ReplyError::Http)]
        {
            let mut reader = ReplyReader::default();
            reader.push(banner.as_bytes());
            assert_eq!(reader.next_reply(), Err(error));
        }
    }

    proptest! {
        #[test]
        fn the_split_does_not_matter(bytes in proptest::collection::vec(
            prop_oneof![Just(b'2'), Just(b'0'), Just(b'-'), Just(b' '), Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200
        ), at: prop::sample::Index) {
            let at = at.index(bytes.len() + 1);
            let (mut whole, mut split) = (ReplyReader::default(), ReplyReader::default());
            whole.push(&bytes);
            split.push(&bytes[..at]);
            split.push(&bytes[at..]);
            prop_assert_eq!(&whole.whole, &split.whole);
            prop_assert_eq!(whole.line, split.line);
        }

        #[test]
        fn what_our_server_writes_is_read(first in "[^\r\n\0]*", between in "[^\r\n\0]*", last in "[^\r\n\0]*") {
            let reply = crate::Reply::lines(crate::ReplyCode::SystemStatus, first, vec![between.into_bytes()], last);
            let mut reader = ReplyReader::default();
            reader.push(&reply.encode());
            let read = reader.next_reply().unwrap().unwrap();
            prop_assert_eq!((read.number, read.lines.len()), (211, 3));
            prop_assert!(reader.is_empty());
        }
    }
}
