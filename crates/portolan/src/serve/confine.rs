//! What the server gives up before anybody connects.
//!
//! Each step that the kernel or a container does not do is told in one line, and the server goes on without it. Only to
//! become another user must not fail.

use super::handover::Handed;
use crate::{Exit, state};
use portolan_accounts::{Mount, Profile, Store};
use portolan_config::Config;
use portolan_confine::{CapabilitySet, Folders, Identity, Kept};
use portolan_helpers::{Allowed, Launcher, Pam, Program};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// What root needs besides to do with files as everybody expects it.
const FILES: CapabilitySet = CapabilitySet::DAC_OVERRIDE.union(CapabilitySet::FOWNER);

/// What the system's libraries read at any time: names of hosts and services, authorities, time zones, and modules for
/// that; and what tells of the machine.
const SYSTEM: &[&str] = &[
    "/etc",
    "/usr",
    "/lib",
    "/lib64",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/proc/self",
    "/proc/sys",
    "/sys/fs/cgroup",
    "/sys/devices/system",
    "/dev/urandom",
];

/// Folders in the root of the disk that are the system's.
const OF_THE_SYSTEM: &[&str] = &[
    "bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "root", "run", "sbin", "sys",
    "usr", "var",
];

/// What is data in them all the same.
const DATA_OF_THE_SYSTEM: &[&str] = &["/var/ftp", "/var/www"];

/// Variables that name further files with authorities.
const AUTHORITIES: &[&str] = &["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// What is left.
pub(super) struct Confined {
    /// Starts programs, which the server itself cannot do any more.
    pub(super) launcher: Launcher,
    /// The server that comes after this one.
    pub(super) successor: Program,
    /// This program.
    pub(super) program: PathBuf,
    /// Asks PAM, with rights that the server has given up.
    pub(super) pam: Option<Pam>,
    /// Where folders of users have to lie.
    pub(super) within: Option<Arc<[PathBuf]>>,
}

/// Gives up what the server does not need. There must be no other threads yet.
pub(super) fn confine(config: &Config, file: Option<&Path>, handed: &mut Handed) -> Result<Confined, Exit> {
    let cannot = |error: io::Error| Exit::failed(format!("cannot start: {error}"));
    let user = user(config)?;
    let needed = needed(config);
    let programs_need = if config.pinholes { needed | CapabilitySet::NET_ADMIN } else { needed };
    let program = std::env::current_exe().map_err(cannot)?;
    // It needs the rights that it has now.
    let pam = pam(config, &program, handed).map_err(cannot)?;
    if let Some(user) = &user {
        handed.sockets.extend(bind(config, &handed.sockets));
        if let Some(state) = &config.state {
            let given = state::give(state, user.uid, user.gid);
            given.map_err(|error| {
                Exit::failed(format!("cannot give {} to {}: {error}", state.display(), user.name))
            })?;
        }
        user.become_for_good(programs_need)
            .map_err(|error| Exit::failed(format!("cannot become the user {}: {error}", user.name)))?;
        check_access(config, file, &user.name)?;
    }
    if let Err(error) = portolan_confine::keep_for_programs(programs_need) {
        tracing::warn!(%error, "capabilities stay as they are");
    }
    let (launcher, successor) = launcher(config, &program).map_err(cannot)?;
    if let Err(error) = portolan_confine::keep(needed) {
        tracing::warn!(%error, "capabilities that others need are this process's, too");
    }
    let within = match portolan_confine::gain_nothing() {
        Ok(()) => keep_files(config, file)?,
        Err(error) => {
            tracing::warn!(%error, "the kernel does not let itself be asked to confine this process");
            return Ok(Confined { launcher, successor, program, pam, within: None });
        }
    };
    let calls = portolan_confine::refuse_calls();
    if let Err(error) = &calls {
        tracing::warn!(error, "system calls are not filtered");
    }
    let list = |folders: &Arc<[PathBuf]>| {
        let mut folders: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
        folders.sort_unstable();
        folders.dedup();
        folders.join(" ")
    };
    tracing::info!(
        user = user.as_ref().map(|user| &*user.name),
        capabilities = portolan_confine::all_of(CapabilitySet::all()).map(portolan_confine::names).ok(),
        folders = within.as_ref().map(list),
        calls_filtered = calls.is_ok(),
        "confined"
    );
    Ok(Confined { launcher, successor, program, pam, within })
}

/// Whom the server has to become, if it has to.
fn user(config: &Config) -> Result<Option<Identity>, Exit> {
    let root = rustix::process::geteuid().is_root();
    let Some(name) = &config.confine.user else {
        if root {
            tracing::warn!("this server runs as root; let it become another user by `user` in [confine]");
        }
        return Ok(None);
    };
    let found = Identity::find(name).map_err(|error| Exit::failed(format!("the user {name}: {error}")))?;
    let user = found.ok_or_else(|| {
        Exit::wrong(format!("there is no user `{name}` on this system; `useradd --system {name}` makes one"))
    })?;
    match rustix::process::geteuid().as_raw() {
        own if own == user.uid => Ok(None),
        0 => Ok(Some(user)),
        _ => {
            tracing::warn!(user = name, "only root can become another user; this server stays what it is");
            Ok(None)
        }
    }
}

/// Capabilities that the settings need.
fn needed(config: &Config) -> CapabilitySet {
    let mut needed = CapabilitySet::empty();
    if config.has_privileged_ports() {
        needed |= CapabilitySet::NET_BIND_SERVICE;
    }
    if config.acts_for_others() {
        needed |= CapabilitySet::SETUID | CapabilitySet::SETGID;
    }
    if rustix::process::geteuid().is_root() && config.confine.user.is_none() {
        needed |= FILES;
    }
    needed
}

/// Sockets where control connections are taken, which only root may get. What goes wrong comes up again when they are
/// needed.
fn bind(config: &Config, there: &[std::net::TcpListener]) -> Vec<std::net::TcpListener> {
    let addresses = config.listen.iter().map(|listener| listener.address);
    let is_there = |address| there.iter().any(|socket| socket.local_addr().is_ok_and(|own| own == address));
    let missing = addresses.filter(|address| !is_there(*address));
    missing.filter_map(|address| portolan_net::bind(address, config.keep_alive).ok()).collect()
}

/// Sees that the user can do what the server has to do later, too.
fn check_access(config: &Config, file: Option<&Path>, user: &str) -> Result<(), Exit> {
    use rustix::fs::{Access, access};
    if let Some(state) = config.state.as_deref().filter(|state| state.exists())
        && access(state, Access::WRITE_OK | Access::EXEC_OK).is_err()
    {
        let state = state.display();
        return Err(Exit::failed(format!(
            "the user {user} may not write to the state folder {state}; `chown -R {user} {state}` lets them"
        )));
    }
    for file in config.certificate_files().iter().filter(|file| file.exists()) {
        if access(file, Access::READ_OK).is_err() {
            let file = file.display();
            return Err(Exit::failed(format!(
                "the user {user} may not read {file}; `chgrp {user} {file} && chmod g+r {file}` lets them"
            )));
        }
    }
    if let Some(file) = file
        && access(file, Access::READ_OK).is_err()
    {
        let file = file.display();
        tracing::warn!(
            "the user {user} may not read {file}, so that what changes there counts after a stop and a start; \
             `chgrp {user} {file} && chmod g+r {file}` lets them"
        );
    }
    Ok(())
}

/// Starts the process that asks PAM, if that is asked, and none is there from the server of before.
fn pam(config: &Config, program: &Path, handed: &mut Handed) -> io::Result<Option<Pam>> {
    if !config.asks_pam() {
        return Ok(None);
    }
    if let Some(socket) = handed.pam.take() {
        return Ok(Some(Pam::inherited(socket)));
    }
    if !rustix::process::geteuid().is_root() {
        tracing::warn!("only root may ask PAM for the passwords that the system itself keeps");
    }
    let mut helper = Command::new(program);
    helper.arg("pam");
    Pam::start(helper).map(Some)
}

/// Starts the process that starts programs; and the next server, as a program.
fn launcher(config: &Config, program: &Path) -> io::Result<(Launcher, Program)> {
    let own = [program.as_os_str().to_owned()];
    let successor: Program = own.iter().cloned().chain(std::env::args_os().skip(1)).collect();
    let mut allowed = vec![Allowed { program: successor.clone(), more: 0 }];
    if config.pinholes {
        // The table and the ports.
        allowed.push(Allowed { program: vec![own[0].clone(), "pinholes".into()], more: 2 });
    }
    allowed.extend(config.programs().into_iter().map(|(program, more)| Allowed { program, more }));
    let mut helper = Command::new(program);
    helper.arg("launcher");
    Ok((Launcher::start(helper, &allowed)?, successor))
}

/// Gives up the rest of the disk, if it is known what is needed of it; where folders of users have to lie then.
fn keep_files(config: &Config, file: Option<&Path>) -> Result<Option<Arc<[PathBuf]>>, Exit> {
    let of_store = match folders_of_store(config) {
        Ok(folders) => folders,
        Err(error) => {
            tracing::warn!("files are not confined, since folders of users are not known: {}", error.message);
            return Ok(None);
        }
    };
    let known = config.folders().map(Path::to_owned).chain(of_store).filter_map(|folder| nearest(&folder));
    let others = if config.confine.folders.is_none() { not_of_the_system() } else { Vec::new() };
    let of_users: Vec<PathBuf> = known.chain(others).collect();
    // What needs it says so if it cannot be made.
    let _ = config.state.iter().try_for_each(|state| state::make(state));
    let around =
        |path: &PathBuf| if path.is_dir() { path.clone() } else { path.parent().unwrap_or(path).to_owned() };
    let named = config.named.iter().cloned().chain(config.certificate_files());
    let named = named.chain(file.map(Path::to_owned));
    let authorities = AUTHORITIES.iter().filter_map(std::env::var_os).map(PathBuf::from);
    let named: Vec<PathBuf> =
        named.chain(authorities).flat_map(|path| [path.canonicalize().ok(), Some(path)]).flatten().collect();
    let read = SYSTEM.iter().map(PathBuf::from).chain(named.iter().map(around)).collect();
    let others = config.changes().into_iter().chain([PathBuf::from("/dev/null")]);
    let change = of_users.iter().cloned().chain(others).collect();
    match portolan_confine::keep_files(&Folders { read, change }) {
        Ok(kept) => {
            if kept == Kept::Partly {
                tracing::info!("this kernel can confine files only in part; a newer one does it wholly");
            }
            Ok(Some(of_users.into()))
        }
        Err(error) => {
            tracing::warn!(error, "files are not confined");
            Ok(None)
        }
    }
}

/// What may be data in the root of the disk.
fn not_of_the_system() -> Vec<PathBuf> {
    let root = std::fs::read_dir("/").into_iter().flatten().flatten();
    let data = root.filter(|entry| OF_THE_SYSTEM.iter().all(|name| entry.file_name() != *name));
    // Links lead to what is in the list by itself, or is the system's.
    let folders =
        data.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path());
    folders.chain(DATA_OF_THE_SYSTEM.iter().map(PathBuf::from).filter(|folder| folder.is_dir())).collect()
}

/// The folder, or the nearest around it that is there, if that is not the whole disk; without links.
fn nearest(folder: &Path) -> Option<PathBuf> {
    let there = folder.ancestors().find(|folder| folder.is_dir())?;
    let there = there.canonicalize().ok()?;
    (there.parent().is_some() || folder.parent().is_none()).then_some(there)
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
        for host in names.chain([""]) {
            // Who makes no sense may not log in.
            folders
                .extend(store.users(host).await?.iter().flatten().flat_map(|user| of(&user.member.profile)));
        }
        folders.extend(store.groups().await?.iter().flatten().flat_map(|(_, group)| of(&group.profile)));
        store.close().await;
        Ok(())
    })?;
    Ok(folders)
}
