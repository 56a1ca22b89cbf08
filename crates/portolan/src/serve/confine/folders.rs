//! What the server keeps of the disk.

use crate::{Exit, state};
use portolan_accounts::{Mount, Profile, Store};
use portolan_config::{Config, data_folders, is_data};
use portolan_confine::{Folders, Kept};
use std::path::{Path, PathBuf};

/// What the system's libraries read at any time: names of hosts and services, authorities, time zones, and modules for
/// that; and what tells of the machine.
const SYSTEM: &[&str] = &[
    "/etc",
    "/usr",
    "/lib",
    "/lib64",
    "/nix/store",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/proc/self",
    "/proc/sys",
    "/sys/fs/cgroup",
    "/sys/devices/system",
    "/dev/urandom",
];

/// Files whose links lead to elsewhere on some systems.
const LINKED: &[&str] = &[
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/localtime",
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
];

/// Variables that name further files with authorities.
const AUTHORITIES: &[&str] = &["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Folders in which those of users lie.
pub(super) fn of_users(config: &Config) -> Vec<PathBuf> {
    let of_store = folders_of_store(config).unwrap_or_else(|error| {
        tracing::warn!(
            "folders of users in the database are not known; those that are kept are others: {}",
            error.message
        );
        Vec::new()
    });
    // What is the system's is nobody's because the database says so: the server writes there.
    let of_store = of_store.into_iter().filter(|folder| !config.gives_up(folder));
    let known = config.folders().map(Path::to_owned).chain(of_store).filter_map(|folder| nearest(&folder));
    let others = if config.confine.folders.is_none() { data_folders() } else { Vec::new() };
    let mut folders: Vec<PathBuf> = known.chain(others).collect();
    folders.sort_unstable();
    folders.dedup();
    folders
}

/// Gives up the rest of the disk.
pub(super) fn keep(config: &Config, file: Option<&Path>, of_users: &[PathBuf]) -> Option<Kept> {
    // What needs it says so if it cannot be made.
    let _ = config.state.iter().try_for_each(|state| state::make(state));
    let around = |path: &PathBuf| match path.parent() {
        // A file that takes another's place has its name.
        Some(parent) if !path.is_dir() && parent.parent().is_some() => parent.to_owned(),
        _ => path.clone(),
    };
    let variables = AUTHORITIES.iter().filter_map(std::env::var_os);
    let authorities: Vec<PathBuf> =
        variables.flat_map(|paths| std::env::split_paths(&paths).collect::<Vec<_>>()).collect();
    let linked = LINKED.iter().map(PathBuf::from).filter_map(|path| path.canonicalize().ok());
    let named =
        config.needs().into_iter().chain(config.named.iter().cloned()).chain(file.map(Path::to_owned));
    let named = named.chain(authorities).flat_map(|path| [path.canonicalize().ok(), Some(path)]).flatten();
    let read =
        SYSTEM.iter().map(PathBuf::from).chain(named.chain(linked).map(|path| around(&path))).collect();
    let others = config.changes().into_iter().chain([PathBuf::from("/dev/null")]);
    let folders = Folders { read, change: of_users.iter().cloned().chain(others).collect() };
    tracing::debug!(?folders, "what is kept of the disk");
    match portolan_confine::keep_files(&folders) {
        Ok(kept) => {
            if !kept.wholly {
                tracing::info!("this kernel confines files in part; a newer one does it wholly");
            }
            Some(kept)
        }
        Err(error) => {
            tracing::warn!(error, "files are not confined");
            None
        }
    }
}

/// The folder without links, or, where it is not there, the nearest around it that is, and is data.
fn nearest(folder: &Path) -> Option<PathBuf> {
    if let Ok(folder) = folder.canonicalize() {
        return Some(folder);
    }
    let there = folder.ancestors().find_map(|folder| folder.canonicalize().ok())?;
    is_data(&there).then_some(there)
}

/// Folders of those who are in the store.
fn folders_of_store(config: &Config) -> Result<Vec<PathBuf>, Exit> {
    let Some(store) = config.store()?.filter(Store::is_there) else { return Ok(Vec::new()) };
    let of = |profile: &Profile| {
        profile.mounts.iter().map(|mount: &Mount| mount.base().to_owned()).collect::<Vec<_>>()
    };
    let mut folders = Vec::new();
    let names = config.hosts.iter().filter_map(|host| host.names.first()).map(String::as_str);
    crate::people::block_on(async {
        let asked = async {
            for host in names.chain([""]) {
                // Who makes no sense may not log in.
                folders.extend(
                    store.users(host).await?.iter().flatten().flat_map(|user| of(&user.member.profile)),
                );
            }
            folders.extend(store.groups().await?.iter().flatten().flat_map(|(_, group)| of(&group.profile)));
            Ok(())
        };
        let asked = asked.await;
        store.close().await;
        asked
    })?;
    Ok(folders)
}
