//! `LIST` and `NLST`: the options that clients send, and the lines that they understand.
//!
//! The lines are those of Unix `ls -l`, since every client reads that form; but for some there are others. Times are UTC.

use crate::digits::{put, put_left};
use crate::entry::{Entry, Kind};
use crate::time::Timestamp;

/// How to order a listing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// By name.
    #[default]
    Name,
    /// Newest first (`-t`).
    Time,
    /// Largest first (`-S`).
    Size,
}

/// The form of long lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// That of Unix.
    #[default]
    Unix,
    /// That of Unix when files had no group to be listed.
    OldUnix,
    /// That of DOS, as servers of Microsoft have it.
    Dos,
}

/// The options before the path of `LIST` and `NLST`, in the letters of `ls`. Names with a leading
/// dot are always listed: a client that does not ask for them would else never know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// `-l`: long lines, for `NLST` too.
    pub long: bool,
    /// `-R`: with all that lies beneath.
    pub recursive: bool,
    /// `-d`: the directory itself rather than what is in it.
    pub directory: bool,
    /// `-r`: the other way round.
    pub reverse: bool,
    /// `-t`, `-S`.
    pub order: Order,
    /// What the client can read; no option says so.
    pub form: Form,
}

impl Options {
    /// Parts the argument into options and path. Words with a leading dash are options while all
    /// their letters are; the first other word begins the path, as does what follows `--`.
    pub fn parse(argument: &[u8]) -> (Options, &[u8]) {
        let mut options = Options::default();
        let mut rest = argument;
        while rest.starts_with(b"-") {
            let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
            let word = &rest[..end];
            let after = rest.get(end + 1..).unwrap_or_default();
            if word == b"--" {
                return (options, after);
            }
            let Some(more) = options.with(&word[1..]) else { break };
            options = more;
            rest = after;
        }
        (options, rest)
    }

    fn with(mut self, letters: &[u8]) -> Option<Options> {
        if letters.is_empty() {
            return None;
        }
        for letter in letters {
            match letter {
                b'l' => self.long = true,
                b'R' => self.recursive = true,
                b'd' => self.directory = true,
                b'r' => self.reverse = true,
                b't' => self.order = Order::Time,
                b'S' => self.order = Order::Size,
                b'a' | b'A' | b'1' | b'C' | b'F' | b'L' | b'h' | b'n' | b'q' | b'T' => {}
                _ => return None,
            }
        }
        Some(self)
    }

    /// Sorts entries as the options say.
    pub fn sort(&self, entries: &mut [Entry]) {
        entries.sort_unstable_by(|a, b| {
            let first = match self.order {
                Order::Name => std::cmp::Ordering::Equal,
                Order::Time => b.modified.cmp(&a.modified),
                Order::Size => b.size.cmp(&a.size),
            };
            let order = first.then_with(|| a.name.cmp(&b.name));
            if self.reverse { order.reverse() } else { order }
        });
    }
}

/// Writes one long line without its end. `name` is what to call it, with a path before it if need be.
pub fn write_long(entry: &Entry, name: &[u8], form: Form, now: Timestamp, line: &mut Vec<u8>) {
    if form == Form::Dos {
        entry.modified.put_dos(line);
        if entry.is_directory() {
            line.extend_from_slice(b"       <DIR>          ");
        } else {
            line.push(b' ');
            put::<10>(entry.size, 20, b' ', line);
            line.push(b' ');
        }
        return write_name(name, line);
    }
    put_mode(entry, line);
    line.push(b' ');
    put::<10>(entry.links, 4, b' ', line);
    line.push(b' ');
    put_left(entry.owner.into(), 8, line);
    line.push(b' ');
    if form == Form::Unix {
        put_left(entry.group.into(), 8, line);
        line.push(b' ');
    }
    put::<10>(entry.size, 12, b' ', line);
    line.push(b' ');
    entry.modified.put_listing(now, line);
    line.push(b' ');
    write_name(name, line);
    if let Some(target) = &entry.target {
        line.extend_from_slice(b" -> ");
        write_name(target, line);
    }
}

/// Writes a name so that it cannot end its line: CR, LF and NUL become `?`.
pub fn write_name(name: &[u8], line: &mut Vec<u8>) {
    line.extend(name.iter().map(|byte| if matches!(byte, 0 | b'\r' | b'\n') { b'?' } else { *byte }));
}

fn put_mode(entry: &Entry, line: &mut Vec<u8>) {
    line.push(match entry.kind {
        Kind::File => b'-',
        Kind::Directory => b'd',
        Kind::Symlink => b'l',
        Kind::Other => b's',
    });
    line.extend((0..9).map(|bit| if entry.mode >> (8 - bit) & 1 == 1 { b"rwx"[bit % 3] } else { b'-' }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permissions::Permissions;
    use proptest::prelude::*;

    #[test]
    fn options_end_where_the_path_begins() {
        let parsed = |text: &'static str| {
            let (options, path) = Options::parse(text.as_bytes());
            (options.long, options.recursive, std::str::from_utf8(path).unwrap())
        };
        assert_eq!(parsed("-la"), (true, false, ""));
        assert_eq!(parsed("-a -R  two spaces"), (false, true, " two spaces"));
        assert_eq!(parsed("-a -- -l"), (false, false, "-l"));
        assert_eq!(parsed("-notes.txt"), (false, false, "-notes.txt"));
        assert_eq!(parsed("-"), (false, false, "-"));
        assert_eq!(parsed("dir -l"), (false, false, "dir -l"));
    }

    #[test]
    fn a_long_line_has_the_columns_of_ls() {
        let entry = Entry {
            name: b"x".to_vec(),
            kind: Kind::Symlink,
            size: 7,
            modified: Timestamp::EPOCH,
            created: None,
            mode: 0o754,
            links: 1,
            owner: 0,
            group: 50,
            identity: (0, 0),
            target: Some(b"y\r\nz".to_vec()),
            permissions: Permissions::all(Kind::Symlink),
        };
        let mut line = Vec::new();
        write_long(&entry, b"x", Form::Unix, Timestamp::EPOCH, &mut line);
        assert_eq!(
            String::from_utf8(line).unwrap(),
            "lrwxr-xr--    1 0        50                  7 Jan  1 00:00 x -> y??z"
        );
    }

    proptest! {
        #[test]
        fn t18_no_option_letters_panic(argument: Vec<u8>) {
            let (_, path) = Options::parse(&argument);
            prop_assert!(argument.ends_with(path));
        }
    }
}
