//! What an account may do in a folder.

use portolan_wire::Kind;
use portolan_wire::permissions::Permissions;
use std::fmt;

macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident $text:literal $action:literal,)*) => {
        /// Something that an account may be allowed in a folder.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Right { $($(#[$doc])* $name,)* }

        impl Right {
            /// All of them.
            pub const ALL: &[Right] = &[$(Right::$name,)*];

            /// The word for it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Right::$name => $text,)* }
            }

            /// What it allows, as it comes after "may" or "may not".
            pub const fn action(self) -> &'static str {
                match self { $(Right::$name => $action,)* }
            }
        }
    };
}

rights! {
    /// To read files.
    Read "read" "read files",
    /// To make files and to overwrite them.
    Write "write" "write files",
    /// To go on writing files that are there, at their end.
    Append "append" "append to files",
    /// To delete files, and to give them other names.
    Delete "delete" "delete or rename files",
    /// To see what is there.
    List "list" "see what is",
    /// To make folders.
    MakeFolders "make-folders" "make directories",
    /// To remove folders, and to give them other names.
    RemoveFolders "remove-folders" "remove or rename directories",
}

/// What an account may do in a folder.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights(u8);

impl Rights {
    /// Nothing.
    pub const NONE: Rights = Rights(0);
    /// Everything.
    pub const FULL: Rights = Rights((1 << Right::ALL.len()) - 1);
    /// To read files and to see what is there.
    pub const READ_ONLY: Rights = Rights::of(&[Right::Read, Right::List]);
    /// To leave files without seeing what others have left.
    pub const UPLOAD_ONLY: Rights = Rights::of(&[Right::Write, Right::MakeFolders]);

    /// Names for what is often wanted.
    const NAMED: [(&'static str, Rights); 4] = [
        ("full", Rights::FULL),
        ("read-only", Rights::READ_ONLY),
        ("upload-only", Rights::UPLOAD_ONLY),
        ("none", Rights::NONE),
    ];

    /// These.
    pub const fn of(rights: &[Right]) -> Rights {
        let (mut bits, mut at) = (0, 0);
        while at < rights.len() {
            bits |= 1 << rights[at] as u8;
            at += 1;
        }
        Rights(bits)
    }

    /// True when it is one of them.
    pub const fn contains(self, right: Right) -> bool {
        self.0 & (1 << right as u8) != 0
    }

    /// True when it is nothing at all.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// True when all of these are among them.
    pub const fn contain(self, rights: Rights) -> bool {
        self.0 & rights.0 == rights.0
    }

    /// Reads `full`, `read-only`, `upload-only`, `none`, or words of [`Right`] with spaces or commas between them.
    ///
    /// # Errors
    /// A message with the word that is none of them, and what there is.
    pub fn parse(text: &str) -> Result<Rights, String> {
        if let Some((_, rights)) = Rights::NAMED.iter().find(|(name, _)| *name == text.trim()) {
            return Ok(*rights);
        }
        let mut rights = Rights::NONE;
        for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
            let Some(right) = Right::ALL.iter().find(|right| right.as_str() == word) else {
                let words: Vec<&str> = Right::ALL.iter().map(|right| right.as_str()).collect();
                return Err(format!(
                    "`{word}` is no right; write full, read-only, upload-only, or some of: {}",
                    words.join(" ")
                ));
            };
            rights.0 |= Rights::of(&[*right]).0;
        }
        Ok(rights)
    }

    /// What these, in the folder where something lies, allow with it; `inside`: those in it, if it is a folder itself.
    pub fn permissions(self, inside: Rights, kind: Kind) -> Permissions {
        let mut allowed = Permissions::of("");
        let mut allow = |yes, letters| {
            if yes {
                allowed = allowed.or(letters);
            }
        };
        if kind == Kind::Directory {
            allow(self.contains(Right::RemoveFolders), const { Permissions::of("df") });
            allow(!inside.is_empty(), const { Permissions::of("e") });
            allow(inside.contains(Right::Write), const { Permissions::of("c") });
            allow(inside.contains(Right::List), const { Permissions::of("l") });
            allow(inside.contains(Right::MakeFolders), const { Permissions::of("m") });
            allow(inside.contains(Right::Delete), const { Permissions::of("p") });
        } else {
            allow(self.contains(Right::Append), const { Permissions::of("a") });
            allow(self.contains(Right::Delete), const { Permissions::of("df") });
            allow(self.contains(Right::Read), const { Permissions::of("r") });
            allow(self.contains(Right::Write), const { Permissions::of("w") });
        }
        Permissions::all(kind).and(allowed)
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = Rights::NAMED.iter().find(|(_, rights)| rights == self) {
            return f.write_str(name);
        }
        let words: Vec<&str> =
            Right::ALL.iter().filter(|right| self.contains(**right)).map(|right| right.as_str()).collect();
        f.write_str(&words.join(" "))
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rights({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(permissions: Permissions) -> String {
        let mut line = Vec::new();
        permissions.put(&mut line);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for rights in [
            Rights::FULL,
            Rights::READ_ONLY,
            Rights::UPLOAD_ONLY,
            Rights::NONE,
            Rights::of(&[Right::List, Right::Append]),
        ] {
            assert_eq!(Rights::parse(&rights.to_string()).unwrap(), rights);
        }
        assert_eq!(Rights::parse("read, list").unwrap(), Rights::READ_ONLY);
        assert_eq!(Rights::parse("").unwrap(), Rights::NONE);
        assert!(Rights::parse("read writ").unwrap_err().starts_with("`writ` is no right"));
    }

    #[test]
    fn the_fact_perm_says_what_is_allowed() {
        let (full, read) = (Rights::FULL, Rights::READ_ONLY);
        for (here, inside, kind, expected) in [
            (full, full, Kind::File, "adfrw"),
            (read, read, Kind::File, "r"),
            (full, full, Kind::Directory, "cdeflmp"),
            (read, read, Kind::Directory, "el"),
            (full, Rights::NONE, Kind::Directory, "df"),
            (Rights::NONE, Rights::UPLOAD_ONLY, Kind::Directory, "cem"),
            (full, full, Kind::Symlink, "df"),
            (read, read, Kind::Other, ""),
        ] {
            assert_eq!(letters(here.permissions(inside, kind)), expected, "{here} {inside} {kind:?}");
        }
    }
}
