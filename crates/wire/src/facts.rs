//! Facts of `MLST` and `MLSD` (RFC 3659 §7).

use crate::digits::put;
use crate::entry::{Entry, Kind};

macro_rules! facts {
    ($($(#[$doc:meta])* $name:ident $text:literal $default:literal,)*) => {
        /// A fact that a listing can carry.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Fact { $($(#[$doc])* $name,)* }

        impl Fact {
            /// All facts, in the order in which they are written.
            pub const ALL: &[Fact] = &[$(Fact::$name,)*];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Fact::$name => $text,)* }
            }

            const fn is_default(self) -> bool {
                match self { $(Fact::$name => $default,)* }
            }
        }
    };
}

facts! {
    /// `file`, `dir` or an `OS.` type.
    Type "type" true,
    /// Bytes of a file.
    Size "size" true,
    /// Time of the last change, UTC.
    Modify "modify" true,
    /// Time of creation, UTC, where known.
    Create "create" false,
    /// What this user may do with it.
    Perm "perm" true,
    /// What a file holds, by the ending of its name.
    MediaType "media-type" false,
    /// The same for two names of one object.
    Unique "unique" true,
    /// Permission bits in octal.
    UnixMode "UNIX.mode" true,
    /// Number of the owner.
    UnixOwner "UNIX.owner" true,
    /// Number of the group.
    UnixGroup "UNIX.group" true,
}

/// The facts that a session has chosen with `OPTS MLST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactSet(u16);

impl Default for FactSet {
    fn default() -> FactSet {
        FactSet::of(Fact::is_default)
    }
}

impl FactSet {
    fn of(chosen: impl Fn(Fact) -> bool) -> FactSet {
        FactSet(Fact::ALL.iter().filter(|fact| chosen(**fact)).map(|fact| 1 << *fact as u16).sum())
    }

    /// True when the fact is chosen.
    pub fn contains(self, fact: Fact) -> bool {
        self.0 & (1 << fact as u16) != 0
    }

    /// Reads `type;size;…;` of `OPTS MLST`. Unknown facts are left out (RFC 3659 §7.9).
    pub fn parse(text: &[u8]) -> FactSet {
        let names: Vec<&[u8]> = text.split(|byte| *byte == b';').collect();
        FactSet::of(|fact| names.iter().any(|name| name.eq_ignore_ascii_case(fact.as_str().as_bytes())))
    }

    /// The facts chosen, each with its semicolon: the answer to `OPTS MLST`.
    pub fn chosen(self) -> String {
        Fact::ALL
            .iter()
            .filter(|fact| self.contains(**fact))
            .map(|fact| format!("{};", fact.as_str()))
            .collect()
    }

    /// All facts, with a star at each chosen one: the line in `FEAT`.
    pub fn feature(self) -> String {
        let star = |fact: Fact| if self.contains(fact) { "*" } else { "" };
        Fact::ALL.iter().map(|fact| format!("{}{};", fact.as_str(), star(*fact))).collect()
    }
}

/// Writes the facts and the space behind them; the name follows.
pub fn write_facts(entry: &Entry, facts: FactSet, line: &mut Vec<u8>) {
    for fact in Fact::ALL.iter().filter(|fact| facts.contains(**fact)) {
        let begin = line.len();
        line.extend_from_slice(fact.as_str().as_bytes());
        line.push(b'=');
        if put_value(entry, *fact, line) {
            line.push(b';');
        } else {
            line.truncate(begin);
        }
    }
    line.push(b' ');
}

/// False where it has none.
fn put_value(entry: &Entry, fact: Fact, line: &mut Vec<u8>) -> bool {
    match fact {
        Fact::Type => put_type(entry, line),
        Fact::Size if entry.kind != Kind::File => return false,
        Fact::Size => put::<10>(entry.size, 0, b'0', line),
        Fact::Modify => entry.modified.put_fact(line),
        Fact::Create => {
            let Some(created) = entry.created else { return false };
            created.put_fact(line);
        }
        Fact::Perm => entry.permissions.put(line),
        Fact::MediaType => {
            let Some(media_type) = media_type(entry) else { return false };
            line.extend_from_slice(media_type.as_bytes());
        }
        Fact::Unique => {
            put::<16>(entry.identity.0, 0, b'0', line);
            line.push(b'g');
            put::<16>(entry.identity.1, 0, b'0', line);
        }
        Fact::UnixMode => put::<8>(entry.mode.into(), 4, b'0', line),
        Fact::UnixOwner => put::<10>(entry.owner.into(), 0, b'0', line),
        Fact::UnixGroup => put::<10>(entry.group.into(), 0, b'0', line),
    }
    true
}

fn put_type(entry: &Entry, line: &mut Vec<u8>) {
    match entry.kind {
        Kind::Directory => line.extend_from_slice(b"dir"),
        Kind::File => line.extend_from_slice(b"file"),
        Kind::Symlink => put_link_type(entry.target.as_deref().unwrap_or_default(), line),
        Kind::Other => line.extend_from_slice(b"OS.unix=special"),
    }
}

/// A link names its target (RFC 3659 §7.5.1.5), where that can be written as a fact.
fn put_link_type(target: &[u8], line: &mut Vec<u8>) {
    if !target.is_empty() && target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b';') {
        line.extend_from_slice(b"OS.unix=slink:");
        line.extend_from_slice(target);
    } else {
        line.extend_from_slice(b"OS.unix=symlink");
    }
}

/// Of names whose ending says nothing there is none.
fn media_type(entry: &Entry) -> Option<&'static str> {
    let name = std::str::from_utf8(&entry.name).ok().filter(|_| entry.kind == Kind::File)?;
    mime_guess::from_path(name).first_raw()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permissions::Permissions;
    use crate::time::Timestamp;

    #[test]
    fn facts_are_written_in_order_and_only_when_chosen() {
        let entry = Entry {
            name: b"a".to_vec(),
            kind: Kind::File,
            size: 5,
            modified: Timestamp::EPOCH,
            created: None,
            mode: 0o644,
            links: 1,
            owner: 1000,
            group: 100,
            identity: (0x1f, 0xab),
            target: None,
            permissions: Permissions::of("r"),
        };
        let mut line = Vec::new();
        write_facts(&entry, FactSet::parse(b"Size;TYPE;nothing;create;Perm;UNIX.mode;unique"), &mut line);
        assert_eq!(line, b"type=file;size=5;perm=r;unique=1fgab;UNIX.mode=0644; ");
        let text = Entry { name: b"a.txt".to_vec(), ..entry };
        line.clear();
        write_facts(&text, FactSet::parse(b"media-type"), &mut line);
        assert_eq!(line, b"media-type=text/plain; ");
        assert_eq!(FactSet::parse(b"").chosen(), "");
        assert!(FactSet::default().feature().starts_with("type*;size*;modify*;create;"));
    }
}
