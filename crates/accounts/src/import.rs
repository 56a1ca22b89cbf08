//! Users of other servers, as their files have them. What this module is not: it reads no file, and puts nobody anywhere.
//!
//! A line that cannot be understood in full is no user: who was restricted elsewhere must not be free here.

mod filezilla;
mod lines;

use crate::{PasswordHash, Profile};
use std::path::PathBuf;

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// ProFTPD's `AuthUserFile`: lines like those of passwd(5), with the hash in them.
    Proftpd,
    /// Pure-FTPd's `pureftpd.passwd`.
    PureFtpd,
    /// vsftpd's list of virtual users, as `db_load` takes it: a name, and on the next line the password in the clear.
    Vsftpd,
    /// Apache's `htpasswd`: a name and a hash.
    Htpasswd,
    /// FileZilla Server's `users.xml`, since version 1.
    FileZilla,
}

/// A password as a file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// Hashed.
    Hash(PasswordHash),
    /// In the clear.
    Clear(String),
}

/// A user of another server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The name.
    pub name: String,
    /// The password.
    pub password: Secret,
    /// The home folder, where the file has one.
    pub home: Option<PathBuf>,
    /// What is set for them.
    pub profile: Profile,
}

/// A line that is no user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct Unclear {
    /// The line, from 1 on.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

/// The users in a file of this format. Empty lines, and those that begin with `#`, are passed over.
pub fn import(format: Format, text: &str) -> Vec<Result<Imported, Unclear>> {
    let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim_end()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    if format == Format::Vsftpd {
        return lines::pairs(lines);
    }
    if format == Format::FileZilla {
        return filezilla::users(text);
    }
    let user = |(line, text): (usize, &str)| {
        let fields: Vec<&str> = text.split(':').collect();
        let parsed = match format {
            Format::Proftpd => lines::passwd(&fields),
            Format::PureFtpd => lines::pure_ftpd(&fields),
            Format::Htpasswd | Format::Vsftpd | Format::FileZilla => lines::htpasswd(&fields),
        };
        parsed.map_err(|problem| Unclear { line, problem })
    };
    lines.map(user).collect()
}

/// Members of groups, as ProFTPD's `AuthGroupFile` has them: the names of the groups of each user.
///
/// # Errors
/// [`Unclear`] for the first line that is none of group(5).
pub fn import_groups(text: &str) -> Result<Vec<(String, Vec<String>)>, Unclear> {
    let mut groups = Vec::new();
    for (number, line) in
        text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
    {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, _, members] = fields[..] else {
            return Err(Unclear { line: number + 1, problem: "it has not four fields".to_owned() });
        };
        let members = members.split(',').filter(|member| !member.is_empty()).map(str::to_owned);
        groups.push((name.to_owned(), members.collect()));
    }
    Ok(groups)
}
