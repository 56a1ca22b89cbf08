//! Password hashes. New ones are Argon2id, in the PHC string format. Others, as other servers have them, are taken and
//! replaced when their user logs in next.

mod md5crypt;

use argon2::password_hash::phc;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, Params};
use aws_lc_rs::pbkdf2;
use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine};
use sha_crypt::ShaCrypt;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock};
use tokio::sync::Semaphore;

/// Checks under way at once. Each takes 19 MiB for some milliseconds.
const AT_ONCE: usize = 4;

/// Longest password in bytes that is looked at; a longer one is wrong.
const PASSWORD_MAX: usize = 1024;

/// Dearest hashes that are taken, Argon2's memory in KiB: who checks them must not be kept busy for long, nor need much.
const BCRYPT_COST_MAX: u32 = 15;
const ROUNDS_MAX: u32 = 1_000_000;
const MEMORY_MAX: u32 = 256 << 10;
/// Pure-FTPd makes as many passes over the memory as take it a second.
const WORK_MAX: u32 = 16 << 20;

/// How those begin that are made here.
static OWN: LazyLock<String> = LazyLock::new(|| {
    let (memory, time, lanes) = (Params::DEFAULT_M_COST, Params::DEFAULT_T_COST, Params::DEFAULT_P_COST);
    format!("$argon2id$v=19$m={memory},t={time},p={lanes}$")
});

/// The hash of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    text: Arc<str>,
    scheme: Scheme,
}

/// How a password was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    /// As it is done here.
    Own,
    /// Argon2 with other parameters, or of another kind.
    Argon2,
    Bcrypt,
    /// SHA-256 or SHA-512 in many rounds, as of `crypt(3)`.
    ShaCrypt,
    /// MD5 in a thousand rounds, as of `crypt(3)` or Apache; weak today.
    Md5Crypt,
    /// PBKDF2 with SHA-256, in the form of PHC strings: `$pbkdf2-sha256$i=100000$salt$hash`.
    Pbkdf2,
}

/// Text is no password hash.
#[derive(Debug, thiserror::Error)]
#[error(
    "not a password hash; those that are known begin with $argon2id$, $2b$ (bcrypt), $6$, $5$ or $1$ (crypt), $apr1$ (Apache), or $pbkdf2-sha256$"
)]
pub struct HashError;

impl PasswordHash {
    /// Hashes a password. This takes some milliseconds.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn of(password: &[u8]) -> Result<PasswordHash, HashError> {
        let hash = Argon2::default().hash_password(password).map_err(|_| HashError)?;
        Ok(PasswordHash { text: hash.to_string().into(), scheme: Scheme::Own })
    }

    /// Reads a hash as it was written.
    ///
    /// # Errors
    /// For anything but a whole hash of a kind that is known, which does not take too long to check.
    pub fn parse(text: &str) -> Result<PasswordHash, HashError> {
        let scheme = Scheme::of(text).ok_or(HashError)?;
        Ok(PasswordHash { text: text.into(), scheme })
    }

    /// The hash as it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True when a new one of the same password would be better.
    pub fn is_dated(&self) -> bool {
        self.scheme != Scheme::Own
    }

    /// True when who has the hash may find out the password.
    pub fn is_weak(&self) -> bool {
        self.scheme == Scheme::Md5Crypt
    }

    fn verify(&self, password: &[u8]) -> bool {
        match self.scheme {
            Scheme::Own | Scheme::Argon2 => Argon2::default().verify_password(password, &*self.text).is_ok(),
            Scheme::Bcrypt => bcrypt::verify(password, &self.text).unwrap_or(false),
            Scheme::ShaCrypt => ShaCrypt::default().verify_password(password, &*self.text).is_ok(),
            Scheme::Md5Crypt => {
                let mut fields = self.text.split('$').skip(1);
                let (kind, salt) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
                // What is compared are hashes: how far they are the same tells nothing of the password.
                md5crypt::hash(kind, salt, password) == *self.text
            }
            Scheme::Pbkdf2 => pbkdf2_parts(&self.text).is_some_and(|(rounds, salt, hash)| {
                pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, password, &hash).is_ok()
            }),
        }
    }
}

/// Rounds, salt and hash.
fn pbkdf2_parts(text: &str) -> Option<(NonZeroU32, Vec<u8>, Vec<u8>)> {
    let ["", "pbkdf2-sha256", rounds, salt, hash] = text.split('$').collect::<Vec<_>>()[..] else {
        return None;
    };
    let rounds =
        rounds.strip_prefix("i=")?.parse().ok().filter(|rounds: &NonZeroU32| rounds.get() <= ROUNDS_MAX)?;
    let (salt, hash) = (BASE64_STANDARD_NO_PAD.decode(salt).ok()?, BASE64_STANDARD_NO_PAD.decode(hash).ok()?);
    (!salt.is_empty() && hash.len() == 32).then_some((rounds, salt, hash))
}

impl Scheme {
    fn of(text: &str) -> Option<Scheme> {
        let fields: Vec<&str> = text.split('$').collect();
        let is_letters = |field: &str, length| {
            field.len() == length
                && field.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./".contains(&byte))
        };
        match fields[..] {
            ["", kind, ..] if kind.starts_with("argon2") => {
                let hash = phc::PasswordHash::new(text).ok()?;
                let cost = |name| hash.params.get_decimal(name).unwrap_or(u32::MAX);
                let cheap = cost("m") <= MEMORY_MAX && cost("m").saturating_mul(cost("t")) <= WORK_MAX;
                let whole = hash.salt.is_some() && hash.hash.is_some() && cheap;
                whole.then_some(if text.starts_with(&*OWN) { Scheme::Own } else { Scheme::Argon2 })
            }
            ["", "2a" | "2b" | "2y", cost, rest] => {
                let cost: u32 = cost.parse().ok()?;
                (is_letters(rest, 53) && cost <= BCRYPT_COST_MAX).then_some(Scheme::Bcrypt)
            }
            ["", kind @ ("5" | "6"), ref rest @ ..] => {
                let (rounds, rest) = match rest {
                    [rounds, rest @ ..] if rounds.starts_with("rounds=") => {
                        (rounds.trim_start_matches("rounds=").parse().ok()?, rest)
                    }
                    _ => (0, rest),
                };
                let [salt, hash] = rest else { return None };
                let length = if kind == "5" { 43 } else { 86 };
                (!salt.is_empty() && is_letters(hash, length) && rounds <= ROUNDS_MAX)
                    .then_some(Scheme::ShaCrypt)
            }
            ["", "1" | "apr1", salt, hash] => {
                (matches!(salt.len(), 1..=8) && is_letters(hash, 22)).then_some(Scheme::Md5Crypt)
            }
            ["", "pbkdf2-sha256", ..] => pbkdf2_parts(text).map(|_| Scheme::Pbkdf2),
            _ => None,
        }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// How a check went.
pub(crate) struct Checked {
    pub(crate) right: bool,
    /// A better hash of the same password, where there is one.
    pub(crate) better: Option<PasswordHash>,
}

/// Checks passwords, few at a time.
#[derive(Debug)]
pub(crate) struct Checker {
    places: Arc<Semaphore>,
    /// What is checked when nobody has that name, so that the answer takes as long.
    nobody: Option<PasswordHash>,
}

impl Checker {
    pub(crate) fn new() -> Checker {
        Checker { places: Arc::new(Semaphore::new(AT_ONCE)), nobody: PasswordHash::of(b"nobody").ok() }
    }

    /// Checks a password against a hash, or against nobody's. Those who ask have their turn in the order they came.
    pub(crate) async fn check(&self, password: &[u8], hash: Option<&PasswordHash>) -> Checked {
        let wrong = Checked { right: false, better: None };
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return wrong };
        let known = hash.is_some();
        let Some(hash) = hash.or(self.nobody.as_ref()).cloned() else { return wrong };
        let password = password[..password.len().min(PASSWORD_MAX + 1)].to_vec();
        let nobody = self.nobody.clone().filter(|_| hash.is_dated());
        let checked = tokio::task::spawn_blocking(move || {
            let right = hash.verify(&password) && password.len() <= PASSWORD_MAX;
            // Others' hashes may be quicker to check: whoever has one is not to be told from nobody by that.
            let _ = nobody.is_some_and(|nobody| nobody.verify(&password));
            let better = (right && hash.is_dated()).then(|| PasswordHash::of(&password).ok()).flatten();
            drop(place);
            Checked { right, better }
        });
        checked.await.ok().filter(|_| known).unwrap_or(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes of `secret`, as `openssl passwd` and `crypt(3)` write them.
    const OF_OTHERS: &[&str] = &[
        "$1$saltsalt$9xy1btjgzLYfb7hivXtC//",
        "$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0",
        "$5$saltstring$C3o4O1TC6aRHF4FI.QSZMXtHbaj2gSXr4sUc/3NcUi.",
        "$6$saltstring$AIsRs/Ee56G/tC8MEHhvReZTfx8u3rXXMl6eYrjCG9ibix19DxoMBLogdTET5Ukw9Sf7eZTITsuk0Ry5qulYz.",
        "$6$rounds=10000$saltstring$8BTo06G/5FoSytD1T0cp9b6u1/eLMbXRWR32saoSVCPI8HactmA7e1cC6THh4kpvGWDoPyAxOz2Ig8bq3eay//",
        "$2b$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u",
    ];

    #[test]
    fn t24_what_is_no_hash_is_refused() {
        for bad in [
            "",
            "*",
            "!",
            "x",
            "plain",
            "$argon2id$",
            "$1$abc$def",
            "$1$$k94hFAFoMbJDCdhTnTR4n/",
            "$6$salt$",
            "$6$",
            "$2b$31$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
            "$2b$10$short",
            "$6$rounds=999999999$salt$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ",
            "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g",
        ] {
            assert!(PasswordHash::parse(bad).is_err(), "{bad}");
        }
        let hash = PasswordHash::of(b"x").unwrap();
        assert_eq!(PasswordHash::parse(hash.as_str()).unwrap(), hash);
        assert!(!hash.is_dated());
    }

    #[tokio::test]
    async fn hashes_of_others_open_and_are_replaced() {
        let checker = Checker::new();
        for text in OF_OTHERS {
            let hash = PasswordHash::parse(text).unwrap();
            let checked = checker.check(b"secret", Some(&hash)).await;
            assert!(checked.right, "{text}");
            let better = checked.better.unwrap();
            assert!(better.verify(b"secret") && !better.is_dated(), "{text}");
            assert!(!checker.check(b"Secret", Some(&hash)).await.right, "{text}");
        }
    }
}
