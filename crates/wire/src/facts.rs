//! Facts of `MLST` and `MLSD` (RFC 3659 §7).

use crate::entry::{Entry, Kind};
use crate::time::Timestamp;

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
pub fn write_facts(entry: &Entry, facts: FactSet, may_write: bool, line: &mut Vec<u8>) {
    for fact in Fact::ALL.iter().filter(|fact| facts.contains(**fact)) {
        if let Some(value) = value(entry, *fact, may_write) {
            line.extend_from_slice(fact.as_str().as_bytes());
            line.push(b'=');
            line.extend_from_slice(value.as_bytes());
            line.push(b';');
        }
    }
    line.push(b' ');
}

fn value(entry: &Entry, fact: Fact, may_write: bool) -> Option<String> {
    match fact {
        Fact::Type => Some(type_of(entry)),
        Fact::Size => (entry.kind == Kind::File).then(|| entry.size.to_string()),
        Fact::Modify => Some(entry.modified.to_fact()),
        Fact::Create => entry.created.map(Timestamp::to_fact),
        Fact::Perm => Some(permissions(entry, may_write).to_owned()),
        Fact::MediaType => media_type(entry),
        Fact::Unique => Some(format!("{:x}g{:x}", entry.identity.0, entry.identity.1)),
        Fact::UnixMode => Some(format!("{:04o}", entry.mode)),
        Fact::UnixOwner => Some(entry.owner.to_string()),
        Fact::UnixGroup => Some(entry.group.to_string()),
    }
}

fn type_of(entry: &Entry) -> String {
    match entry.kind {
        Kind::Directory => "dir".to_owned(),
        Kind::File => "file".to_owned(),
        Kind::Symlink => link_type(entry.target.as_deref().unwrap_or_default()),
        Kind::Other => "OS.unix=special".to_owned(),
    }
}

/// A link names its target (RFC 3659 §7.5.1.5), where that can be written as a fact.
fn link_type(target: &[u8]) -> String {
    let writable = |byte: &u8| byte.is_ascii_graphic() && *byte != b';';
    match std::str::from_utf8(target) {
        Ok(text) if target.iter().all(writable) && !text.is_empty() => format!("OS.unix=slink:{text}"),
        _ => "OS.unix=symlink".to_owned(),
    }
}

/// Of names whose ending says nothing there is none.
fn media_type(entry: &Entry) -> Option<String> {
    let name = std::str::from_utf8(&entry.name).ok().filter(|_| entry.kind == Kind::File)?;
    mime_guess::from_path(name).first_raw().map(str::to_owned)
}

/// RFC 3659 §7.5.5.
fn permissions(entry: &Entry, may_write: bool) -> &'static str {
    match (entry.kind, may_write) {
        (Kind::Directory, true) => "cdeflmp",
        (Kind::Directory, false) => "el",
        (Kind::File, true) => "adfrw",
        (Kind::File, false) => "r",
        (Kind::Symlink, true) => "df",
        (Kind::Other, true) => "df",
        (Kind::Symlink | Kind::Other, false) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        };
        let mut line = Vec::new();
        write_facts(&entry, FactSet::parse(b"Size;TYPE;nothing;create;UNIX.mode;unique"), false, &mut line);
        assert_eq!(line, b"type=file;size=5;unique=1fgab;UNIX.mode=0644; ");
        let text = Entry { name: b"a.txt".to_vec(), ..entry };
        line.clear();
        write_facts(&text, FactSet::parse(b"media-type"), false, &mut line);
        assert_eq!(line, b"media-type=text/plain; ");
        assert_eq!(FactSet::parse(b"").chosen(), "");
        assert!(FactSet::default().feature().starts_with("type*;size*;modify*;create;"));
    }
}
