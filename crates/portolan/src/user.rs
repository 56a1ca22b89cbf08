//! `portolan user`.

use crate::{Exit, password};
use portolan_accounts::PasswordHash;
use std::path::Path;

/// Prints the hash of a password.
pub(crate) fn hash(file: Option<&Path>) -> Result<(), Exit> {
    let password = password::read(file, "Password: ")?;
    let hash = PasswordHash::of(password.as_bytes()).map_err(|error| Exit::failed(error.to_string()))?;
    println!("{}", hash.as_str());
    Ok(())
}
