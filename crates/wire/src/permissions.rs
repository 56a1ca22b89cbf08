//! What may be done with an entry, as the fact `perm` says it (RFC 3659 §7.5.5).

use crate::entry::Kind;

/// The letters, in the order in which they are written.
const LETTERS: &[u8; 10] = b"acdeflmprw";

/// A set of the letters of RFC 3659 §7.5.5, each of which allows something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permissions(u16);

impl Permissions {
    /// Those with these letters; others have no meaning and are left out.
    pub const fn of(letters: &str) -> Permissions {
        let (letters, mut bits, mut at) = (letters.as_bytes(), 0, 0);
        while at < letters.len() {
            let mut number = 0;
            while number < LETTERS.len() {
                if LETTERS[number] == letters[at] {
                    bits |= 1 << number;
                }
                number += 1;
            }
            at += 1;
        }
        Permissions(bits)
    }

    /// Everything that can be done with something of this kind.
    pub const fn all(kind: Kind) -> Permissions {
        match kind {
            Kind::Directory => Permissions::of("cdeflmp"),
            Kind::File => Permissions::of("adfrw"),
            Kind::Symlink | Kind::Other => Permissions::of("df"),
        }
    }

    /// What both allow.
    #[must_use]
    pub const fn and(self, other: Permissions) -> Permissions {
        Permissions(self.0 & other.0)
    }

    /// What one of them allows.
    #[must_use]
    pub const fn or(self, other: Permissions) -> Permissions {
        Permissions(self.0 | other.0)
    }

    /// Writes the letters.
    pub fn put(self, line: &mut Vec<u8>) {
        for (number, letter) in LETTERS.iter().enumerate() {
            if self.0 & (1 << number) != 0 {
                line.push(*letter);
            }
        }
    }
}
