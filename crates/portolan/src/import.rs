//! `portolan user import`.

use crate::Exit;
use crate::args::ImportFormat;
use crate::people::People;
use portolan_accounts::import::{Format, Imported, Secret, import, import_groups};
use portolan_accounts::{Member, Mount, PasswordHash, User};
use portolan_vfs::Rights;
use std::path::{Path, PathBuf};

/// What is wanted for all of them.
pub(crate) struct Wanted {
    pub(crate) groups: Option<PathBuf>,
    pub(crate) dry_run: bool,
    pub(crate) folder: Option<PathBuf>,
    pub(crate) rights: String,
    pub(crate) group: Vec<String>,
}

/// Takes over the users of a file. The exit code is 1 when some of them were left out.
pub(crate) async fn run(
    people: &People,
    format: ImportFormat,
    file: &Path,
    wanted: &Wanted,
) -> Result<(), Exit> {
    let rights = Rights::parse(&wanted.rights).map_err(Exit::wrong)?;
    let groups = match &wanted.groups {
        Some(file) => import_groups(&read(file)?).map_err(|error| wrong_line(file, &error))?,
        None => Vec::new(),
    };
    let format = match format {
        ImportFormat::Proftpd => Format::Proftpd,
        ImportFormat::PureFtpd => Format::PureFtpd,
        ImportFormat::Vsftpd => Format::Vsftpd,
        ImportFormat::Htpasswd => Format::Htpasswd,
        ImportFormat::FileZilla => Format::FileZilla,
    };
    let (mut taken, mut left_out) = (0, 0);
    for imported in import(format, &read(file)?) {
        let done = match imported {
            Ok(imported) => take(people, imported, rights, &groups, wanted).await,
            Err(error) => Err(wrong_line(file, &error)),
        };
        match done {
            Ok(said) => {
                taken += 1;
                println!("{said}");
            }
            Err(Exit { message, .. }) => {
                left_out += 1;
                eprintln!("portolan: {message}");
            }
        }
    }
    let really = if wanted.dry_run { " (not really)" } else { "" };
    eprintln!("portolan: {taken} taken over, {left_out} left out{really}");
    if left_out == 0 { Ok(()) } else { Err(Exit { message: String::new(), code: 1 }) }
}

fn read(file: &Path) -> Result<String, Exit> {
    std::fs::read_to_string(file)
        .map_err(|error| Exit::failed(format!("cannot read {}: {error}", file.display())))
}

fn wrong_line(file: &Path, error: &impl std::fmt::Display) -> Exit {
    Exit::failed(format!("{}: {error}", file.display()))
}

/// Takes over one; says what came of it.
async fn take(
    people: &People,
    imported: Imported,
    rights: Rights,
    groups: &[(String, Vec<String>)],
    wanted: &Wanted,
) -> Result<String, Exit> {
    let Imported { name, password, home, mut profile } = imported;
    people.must_not_be_written(&name)?;
    if people.store.user(&people.host, &name).await?.is_some() {
        return Err(Exit::failed(format!("there is a user `{name}` already")));
    }
    let folder = wanted.folder.clone().or(home).map(|folder| Mount::root(folder, rights));
    if let Some(mount) = folder.as_ref().filter(|mount| !mount.base().is_dir()) {
        let base = mount.base().display();
        return Err(Exit::failed(format!("{name}: {base} is no directory; make it, or write --folder")));
    }
    profile.mounts.extend(folder);
    let own = groups.iter().filter(|(_, members)| members.contains(&name)).map(|(group, _)| group.clone());
    let member =
        Member { groups: wanted.group.iter().cloned().chain(own).collect(), profile, identity: None };
    if people.account(&name, &member).await?.mounts.is_empty() {
        return Err(Exit::failed(format!("{name}: would see no folder; write --folder, or --group")));
    }
    let password = match password {
        Secret::Hash(hash) => hash,
        Secret::Clear(password) => {
            PasswordHash::of(password.as_bytes()).map_err(|error| Exit::failed(error.to_string()))?
        }
    };
    let weak = password.is_weak().then_some("the hash of the password is weak until the next login");
    let said = [name.escape_debug().to_string(), weak.unwrap_or_default().to_owned()];
    people.must_not_expose(&member.profile)?;
    if !wanted.dry_run {
        people.store.put_user(&people.host, &User { name, password, member }).await?;
    }
    Ok(said.join(": ").trim_end_matches(": ").to_owned())
}
