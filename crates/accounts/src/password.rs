//! Password hashes: Argon2id, in the PHC string format.

use argon2::Argon2;
use argon2::password_hash::phc;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use std::fmt;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Checks under way at once. Each takes 19 MiB for some milliseconds.
const AT_ONCE: usize = 4;

/// Longest password in bytes that is looked at; a longer one is wrong.
const PASSWORD_MAX: usize = 1024;

/// The hash of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Arc<str>);

/// Text is no password hash.
#[derive(Debug, thiserror::Error)]
#[error("not an Argon2 hash of the form $argon2id$v=19$m=…,t=…,p=…$salt$hash")]
pub struct HashError;

impl PasswordHash {
    /// Hashes a password. This takes some milliseconds.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn of(password: &[u8]) -> Result<PasswordHash, HashError> {
        let hash = Argon2::default().hash_password(password).map_err(|_| HashError)?;
        Ok(PasswordHash(hash.to_string().into()))
    }

    /// Reads a hash as it was written.
    ///
    /// # Errors
    /// For anything but a whole Argon2 hash.
    pub fn parse(text: &str) -> Result<PasswordHash, HashError> {
        let hash = phc::PasswordHash::new(text).map_err(|_| HashError)?;
        let whole =
            hash.algorithm.as_str().starts_with("argon2") && hash.salt.is_some() && hash.hash.is_some();
        if whole { Ok(PasswordHash(text.into())) } else { Err(HashError) }
    }

    /// The hash as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn verify(&self, password: &[u8]) -> bool {
        Argon2::default().verify_password(password, &*self.0).is_ok()
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
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

    pub(crate) async fn check(&self, password: &[u8], hash: Option<&PasswordHash>) -> bool {
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return false };
        let known = hash.is_some();
        let Some(hash) = hash.or(self.nobody.as_ref()).cloned() else { return false };
        let password = password[..password.len().min(PASSWORD_MAX + 1)].to_vec();
        let checked = tokio::task::spawn_blocking(move || {
            let right = hash.verify(&password) && password.len() <= PASSWORD_MAX;
            drop(place);
            right
        });
        checked.await.unwrap_or(false) && known
    }
}
