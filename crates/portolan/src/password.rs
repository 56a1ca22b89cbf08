//! Passwords from a prompt or from a file; never from the command line.

use crate::Exit;
use std::path::Path;

/// The first line of the file, or what is typed at a prompt.
pub(crate) fn read(file: Option<&Path>, prompt: &str) -> Result<String, Exit> {
    let password = match file {
        Some(file) => first_line(file)?,
        None => rpassword::prompt_password(prompt).map_err(|error| {
            Exit::failed(format!("cannot ask for the password: {error}; use --password-file"))
        })?,
    };
    if password.is_empty() { Err(Exit::wrong("an empty password is no password")) } else { Ok(password) }
}

fn first_line(file: &Path) -> Result<String, Exit> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Exit::failed(format!("cannot read {}: {error}", file.display())))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
