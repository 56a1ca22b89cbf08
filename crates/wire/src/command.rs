//! A command: a verb and its argument.

use crate::verb::Verb;

/// A verb and its argument. The argument holds no CR, LF or NUL: the constructors refuse them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    verb: Verb,
    argument: Option<Vec<u8>>,
}

/// Why a line is not a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The line has no first word.
    #[error("the line is empty")]
    Empty,
    /// The first word is no verb that Portolan knows.
    #[error("the verb is unknown")]
    Unknown,
    /// The argument has a CR, an LF or a NUL in it.
    #[error("the argument has a CR, LF or NUL in it")]
    ForbiddenByte,
}

impl Command {
    /// A command to send. `None` as argument leaves out the space too.
    ///
    /// # Errors
    /// [`CommandError::ForbiddenByte`]: the one place where such bytes are kept off the wire.
    pub fn new(verb: Verb, argument: Option<&[u8]>) -> Result<Command, CommandError> {
        if argument.is_some_and(|bytes| bytes.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'))) {
            return Err(CommandError::ForbiddenByte);
        }
        Ok(Command { verb, argument: argument.map(<[u8]>::to_vec) })
    }

    /// Reads a line without its end. One space parts verb and argument; every further space
    /// belongs to the argument, since names may begin and end with spaces (RFC 959 §5.3.1).
    ///
    /// # Errors
    /// See [`CommandError`].
    pub fn parse(line: &[u8]) -> Result<Command, CommandError> {
        let mut parts = line.splitn(2, |byte| *byte == b' ');
        let word = parts.next().unwrap_or_default();
        if word.is_empty() {
            return Err(CommandError::Empty);
        }
        let verb = Verb::parse(word).ok_or(CommandError::Unknown)?;
        Command::new(verb, parts.next())
    }

    /// The verb.
    pub fn verb(&self) -> Verb {
        self.verb
    }

    /// The argument; an absent one is empty.
    pub fn argument(&self) -> &[u8] {
        self.argument.as_deref().unwrap_or_default()
    }

    /// The line without its end.
    pub fn line(&self) -> Vec<u8> {
        let mut line = self.verb.as_str().as_bytes().to_vec();
        if let Some(argument) = &self.argument {
            line.push(b' ');
            line.extend_from_slice(argument);
        }
        line
    }

    /// The line to send, with CRLF. A byte 255 is doubled, as Telnet wants it.
    pub fn encode(&self) -> Vec<u8> {
        let mut line = self.verb.as_str().as_bytes().to_vec();
        if let Some(argument) = &self.argument {
            line.push(b' ');
            crate::line::escape(argument, &mut line);
        }
        line.extend_from_slice(b"\r\n");
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_space_parts_and_the_rest_is_the_argument() {
        let command = Command::parse(b"retr  two spaces ").unwrap();
        assert_eq!((command.verb(), command.argument()), (Verb::Retr, &b" two spaces "[..]));
    }

    #[test]
    fn t26_nul_cr_and_lf_never_travel_in_an_argument() {
        for bytes in [&b"a\0b"[..], b"a\rb", b"a\nb"] {
            assert_eq!(Command::new(Verb::User, Some(bytes)), Err(CommandError::ForbiddenByte));
        }
        assert_eq!(Command::parse(b"USER anonymous\0]]"), Err(CommandError::ForbiddenByte));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_command_or_an_error(line: Vec<u8>) {
            if let Ok(command) = Command::parse(&line) {
                let mut again = crate::LineBuffer::default();
                again.push(&command.encode());
                let Some(crate::Frame::Line(line)) = again.next_frame() else { panic!("no line") };
                prop_assert_eq!(Command::parse(&line).unwrap(), command);
            }
        }
    }
}
