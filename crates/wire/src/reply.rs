//! Replies: a code, its one meaning, and lines of text.

macro_rules! codes {
    ($($code:literal $name:ident $meaning:literal,)*) => {
        /// A reply code of RFC 959 or of one of its extensions. One code, one name, one meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum ReplyCode {
            $(#[doc = concat!(stringify!($code), ": ", $meaning, ".")] $name = $code,)*
        }

        impl ReplyCode {
            /// All codes, in order.
            pub const ALL: &[ReplyCode] = &[$(ReplyCode::$name,)*];

            /// What the code means, in a few words.
            pub const fn meaning(self) -> &'static str {
                match self { $(ReplyCode::$name => $meaning,)* }
            }
        }
    };
}

codes! {
    110 RestartMarker "Restart marker",
    120 ReadyLater "Service ready in some minutes",
    125 TransferStarting "Data connection already open, transfer starting",
    150 OpeningDataConnection "File status okay, about to open the data connection",
    200 Okay "Command okay",
    202 Superfluous "Command not needed here",
    211 SystemStatus "System status or feature list",
    212 DirectoryStatus "Directory status",
    213 FileStatus "File status",
    214 Help "Help",
    215 SystemType "System type",
    220 Ready "Ready for a new user",
    221 Closing "Closing the control connection",
    225 DataConnectionIdle "Data connection open, no transfer in progress",
    226 TransferComplete "Closing the data connection, the action succeeded",
    227 Passive "Entering passive mode",
    228 LongPassive "Entering long passive mode",
    229 ExtendedPassive "Entering extended passive mode",
    230 LoggedIn "Logged in",
    231 LoggedOut "Logged out",
    232 LoggedInByCertificate "Logged in by the security data exchange",
    234 SecurityAccepted "Security mechanism accepted",
    235 SecurityComplete "Security data exchange complete",
    250 FileActionOkay "File action completed",
    251 FileDigest "Digest of a file",
    257 PathName "Path name",
    331 NeedPassword "User name okay, password needed",
    332 NeedAccount "Account needed to log in",
    334 SecurityContinue "Security mechanism accepted, more data needed",
    350 Pending "Waiting for further information",
    421 ServiceUnavailable "Service not available, closing the control connection",
    425 NoDataConnection "Cannot open the data connection",
    426 TransferAborted "Data connection closed, transfer aborted",
    430 BadCredentials "User name or password wrong",
    431 SecurityUnavailable "Security resource not available",
    434 HostUnavailable "Requested host not available",
    450 FileBusy "File not available now",
    451 LocalError "Local error",
    452 NoSpace "Not enough space",
    500 SyntaxError "Command not understood",
    501 BadParameter "Syntax error in the parameter",
    502 NotImplemented "Command not offered",
    503 BadSequence "Wrong order of commands",
    504 ParameterNotImplemented "Parameter not offered",
    521 FamilyNotSupported "Address family or protection level not supported",
    522 ProtocolNotSupported "Network protocol not supported",
    530 NotLoggedIn "Not logged in",
    532 NeedAccountToStore "Account needed to store files",
    533 ProtectionDenied "Protection level denied for policy reasons",
    534 SecurityRefused "Request denied for policy reasons",
    536 ProtectionNotSupported "Protection level not supported by the mechanism",
    550 FileUnavailable "File not available",
    551 PageTypeUnknown "Page type unknown",
    552 QuotaExceeded "Storage allocation exceeded",
    553 NameNotAllowed "File name not allowed",
    554 BadRestartPoint "The file cannot be restarted there",
    555 TypeMismatch "Type or structure does not fit the restart",
}

impl ReplyCode {
    /// The number, 110 to 555.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// Finds the code of a number.
    pub fn from_number(number: u16) -> Option<ReplyCode> {
        ReplyCode::ALL.iter().copied().find(|code| code.number() == number)
    }

    /// True for 1xx: another reply follows.
    pub const fn is_preliminary(self) -> bool {
        self.number() < 200
    }
}

/// A reply: one code, at least one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    code: ReplyCode,
    lines: Vec<Vec<u8>>,
}

impl Reply {
    /// A reply of one line.
    pub fn new(code: ReplyCode, text: impl Into<Vec<u8>>) -> Reply {
        Reply { code, lines: vec![text.into()] }
    }

    /// A reply of several lines: the first, those between, the last.
    pub fn lines(
        code: ReplyCode,
        first: impl Into<Vec<u8>>,
        between: impl IntoIterator<Item = Vec<u8>>,
        last: impl Into<Vec<u8>>,
    ) -> Reply {
        let mut lines = vec![first.into()];
        lines.extend(between);
        lines.push(last.into());
        Reply { code, lines }
    }

    /// The code.
    pub fn code(&self) -> ReplyCode {
        self.code
    }

    /// The bytes to send, with CRLF (RFC 959 §4.2).
    ///
    /// Nothing in the text can end the line or begin a reply: CR, LF and NUL become `?`, each line
    /// between the first and the last begins with a space, and a byte 255 is doubled for Telnet.
    pub fn encode(&self) -> Vec<u8> {
        let number = self.code.number();
        let last = self.lines.len() - 1;
        let mut bytes = Vec::with_capacity(self.lines.iter().map(|line| line.len() + 8).sum());
        for (index, line) in self.lines.iter().enumerate() {
            match index {
                _ if index == last => bytes.extend_from_slice(format!("{number} ").as_bytes()),
                0 => bytes.extend_from_slice(format!("{number}-").as_bytes()),
                _ => bytes.push(b' '),
            }
            for byte in line {
                match byte {
                    0 | b'\r' | b'\n' => bytes.push(b'?'),
                    0xff => bytes.extend_from_slice(&[0xff, 0xff]),
                    _ => bytes.push(*byte),
                }
            }
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn codes_are_sorted_so_none_is_named_twice() {
        assert!(ReplyCode::ALL.windows(2).all(|pair| pair[0].number() < pair[1].number()));
    }

    #[test]
    fn t06_a_name_cannot_make_a_reply_line() {
        let reply = Reply::lines(ReplyCode::DirectoryStatus, "of x", [b"226 done\r\n226 x".to_vec()], "End");
        assert_eq!(reply.encode(), b"212-of x\r\n 226 done??226 x\r\n212 End\r\n");
    }

    proptest! {
        #[test]
        fn lines_stay_lines(between: Vec<Vec<u8>>, last: Vec<u8>) {
            let bytes = Reply::lines(ReplyCode::Help, "x", between.clone(), last).encode();
            let text: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
            prop_assert_eq!(text.len(), between.len() + 3);
            prop_assert!(text[1..=between.len()].iter().all(|line| line.starts_with(b" ")));
        }
    }
}
