//! What the server gives up before anybody connects.
//!
//! Each step that the kernel or a container does not do is told in one line, and the server goes on without it. Only to
//! become another user must not fail.

use super::handover::Handed;
use crate::{Exit, state};
use portolan_accounts::{Mount, Profile, Store};
use portolan_config::Config;
use portolan_confine::{CapabilitySet, Folders, Identity, Kept};
use portolan_helpers::{Allowed, Launcher, Pam, Program, Role};
use rustix::fs::{Access, access};
use rustix::io::Errno;
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

/// Folders in the root of the disk that are the system's.
const OF_THE_SYSTEM: &[&str] = &[
    "bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "root", "run", "sbin", "sys",
    "usr", "var",
];

/// What is data in them all the same.
const DATA_OF_THE_SYSTEM: &[&str] = &["/var/ftp", "/var/www"];

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

/// Where services of PAM are described.
const SERVICES: &[&str] = &["/etc/pam.d", "/usr/lib/pam.d"];

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
    /// What is left of the disk, if the rest was given up.
    _files: Option<Kept>,
}

/// Gives up what the server does not need. There must be no other threads yet.
pub(super) fn confine(config: &Config, file: Option<&Path>, handed: &mut Handed) -> Result<Confined, Exit> {
    let cannot = |error: io::Error| Exit::failed(format!("cannot start: {error}"));
    let user = user(config)?;
    let needed = needed(config, user.as_ref());
    let programs_need = if config.pinholes { needed | CapabilitySet::NET_ADMIN } else { needed };
    let program = std::env::current_exe().map_err(cannot)?;
    // It needs the rights that it has now.
    let pam = pam(config, &program, handed).map_err(cannot)?;
    if let Some(user) = &user {
        handed.sockets.extend(bind(config, &handed.sockets));
        if let Some(state) = &config.state {
            let given = state::give(state, file, user.uid, user.gid);
            given.map_err(|error| {
                Exit::failed(format!("cannot give {} to {}: {error}", state.display(), user.name))
            })?;
        }
        user.become_for_good(programs_need)
            .map_err(|error| Exit::failed(format!("cannot become the user {}: {error}", user.name)))?;
        check_access(config, file, user)?;
    }
    if let Err(error) = portolan_confine::keep_for_programs(programs_need) {
        tracing::warn!(%error, "capabilities stay as they are");
    }
    let (launcher, successor) = launcher(config, &program).map_err(cannot)?;
    if let Err(error) = portolan_confine::keep(needed) {
        tracing::warn!(%error, "capabilities that others need are this process's, too");
    }
    if let Err(error) = portolan_confine::gain_nothing() {
        tracing::warn!(%error, "the kernel does not let itself be asked to confine this process");
        return Ok(Confined { launcher, successor, program, pam, within: None, _files: None });
    }
    let folders = folders_of_users(config);
    let files = keep_files(config, file, &folders);
    let calls = portolan_confine::refuse_calls();
    if let Err(error) = &calls {
        tracing::warn!(error, "system calls are not filtered");
    }
    let list =
        || folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<String>>().join(" ");
    tracing::info!(
        user = user.as_ref().map(|user| &*user.name),
        capabilities = portolan_confine::all_of(CapabilitySet::all()).map(portolan_confine::names).ok(),
        folders = files.is_some().then(list),
        calls_filtered = calls.is_ok(),
        "confined"
    );
    let within = files.is_some().then(|| folders.into());
    Ok(Confined { launcher, successor, program, pam, within, _files: files })
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
fn needed(config: &Config, user: Option<&Identity>) -> CapabilitySet {
    let mut needed = CapabilitySet::empty();
    if config.has_privileged_ports() {
        needed |= CapabilitySet::NET_BIND_SERVICE;
    }
    if config.acts_for_others() {
        needed |= CapabilitySet::SETUID | CapabilitySet::SETGID;
    }
    if rustix::process::geteuid().is_root() && user.is_none_or(|user| user.uid == 0) {
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
fn check_access(config: &Config, file: Option<&Path>, user: &Identity) -> Result<(), Exit> {
    let name = &user.name;
    for path in config.needs() {
        let Some(blocked) = blocked(&path, Access::READ_OK) else { continue };
        let (path, blocked) = (path.display(), blocked.display());
        return Err(Exit::failed(format!(
            "the user {name} may not read {path}, for which {blocked} has to be open to them: \
             `chgrp {name} {blocked} && chmod g+rX {blocked}`"
        )));
    }
    for folder in config.state.iter().chain(config.accounts_folder().as_ref()) {
        let Some(blocked) = blocked(folder, Access::WRITE_OK | Access::EXEC_OK) else { continue };
        let way = if blocked == *folder {
            format!("`chown -R {name} {}` lets them", blocked.display())
        } else {
            format!("they may not enter {}; choose another folder", blocked.display())
        };
        let folder = folder.display();
        return Err(Exit::failed(format!("the user {name} may not write to the folder {folder}: {way}")));
    }
    if let Some(file) = &config.log.transfers {
        let folder = file.parent().filter(|_| !file.exists());
        if blocked(folder.unwrap_or(file), Access::WRITE_OK).is_some() {
            let file = file.display();
            return Err(Exit::failed(format!(
                "the user {name} may not write to {file}; `touch {file} && chown {name} {file}` lets them"
            )));
        }
    }
    if let Some(blocked) = file.and_then(|file| blocked(file, Access::READ_OK)) {
        let blocked = blocked.display();
        tracing::warn!(
            "the user {name} may not read {blocked}, so that what changes there counts after a stop and a start; \
             `chgrp {name} {blocked} && chmod g+rX {blocked}` lets them"
        );
    }
    // The next server begins anew: who changes what that is made of is not confined by it.
    let programs =
        config.programs().into_iter().filter_map(|(program, _)| program.first().map(PathBuf::from));
    let own = std::env::current_exe().ok().into_iter().chain(file.map(Path::to_owned));
    for program in own.chain(programs).filter(|program| program.is_absolute()) {
        let may_change = |path: &Path| access(path, Access::WRITE_OK).is_ok();
        if may_change(&program) || program.parent().is_some_and(may_change) {
            let program = program.display();
            tracing::warn!(
                "the user {name} may change {program}, and should not: it decides what the server may do"
            );
        }
    }
    Ok(())
}

/// What on the way to a path, or there, keeps this process from that; nothing where the path is not there.
fn blocked(path: &Path, wanted: Access) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    let refuses = |path: &Path, wanted| access(path, wanted) == Err(Errno::ACCESS);
    if !refuses(&path, wanted) {
        return None;
    }
    let above = path.ancestors().skip(1).filter(|folder| refuses(folder, Access::EXEC_OK));
    // The outermost one is the first on the way.
    Some(above.last().map_or(path.clone(), Path::to_owned))
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
    for service in config.pam_services() {
        if SERVICES.iter().all(|folder| !Path::new(folder).join(service).exists()) {
            tracing::warn!(
                "there is no /etc/pam.d/{service}, so that PAM lets in whom it lets in where nothing is said"
            );
        }
    }
    let mut helper = Command::new(program);
    helper.arg("pam");
    Pam::start(helper, &config.pam_services()).map(Some)
}

/// Starts the process that starts programs; and the next server, as a program.
fn launcher(config: &Config, program: &Path) -> io::Result<(Launcher, Program)> {
    let own = std::iter::once(program.as_os_str().to_owned());
    let successor: Program = own.chain(std::env::args_os().skip(1)).collect();
    let mut allowed = vec![Allowed { program: successor.clone(), more: 0, role: Role::Successor }];
    if let (true, Some(ports)) = (config.pinholes, config.data_ports()) {
        let program = super::reach::pinholes(program, config, &ports);
        allowed.push(Allowed { program, more: 0, role: Role::Part });
    }
    let stranger = |(program, more)| Allowed { program, more, role: Role::Stranger };
    allowed.extend(config.programs().into_iter().map(stranger));
    let mut helper = Command::new(program);
    helper.arg("launcher");
    Ok((Launcher::start(helper, &allowed)?, successor))
}

/// Folders in which those of users lie.
fn folders_of_users(config: &Config) -> Vec<PathBuf> {
    let of_store = folders_of_store(config).unwrap_or_else(|error| {
        tracing::warn!(
            "folders of users in the database are not known; those that are kept are others: {}",
            error.message
        );
        Vec::new()
    });
    // What is the system's is nobody's because the database says so: the server writes there.
    let of_store = of_store.into_iter().filter(|folder| !is_of_the_system(folder));
    let known = config.folders().map(Path::to_owned).chain(of_store).filter_map(|folder| nearest(&folder));
    let others = if config.confine.folders.is_none() { not_of_the_system() } else { Vec::new() };
    let mut folders: Vec<PathBuf> = known.chain(others).collect();
    folders.sort_unstable();
    folders.dedup();
    folders
}

/// Gives up the rest of the disk.
fn keep_files(config: &Config, file: Option<&Path>, of_users: &[PathBuf]) -> Option<Kept> {
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

/// What may be data in the root of the disk.
fn not_of_the_system() -> Vec<PathBuf> {
    let root = std::fs::read_dir("/").into_iter().flatten().flatten();
    let data = root.filter(|entry| OF_THE_SYSTEM.iter().all(|name| entry.file_name() != *name));
    let folders = data.filter_map(|entry| entry.path().canonicalize().ok());
    let folders = folders.filter(|folder| folder.is_dir() && folder.parent().is_some());
    folders.chain(DATA_OF_THE_SYSTEM.iter().map(PathBuf::from).filter(|folder| folder.is_dir())).collect()
}

/// True for what is the system's, or the whole disk.
fn is_of_the_system(folder: &Path) -> bool {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    if DATA_OF_THE_SYSTEM.iter().any(|data| folder.starts_with(data)) {
        return false;
    }
    match folder.components().nth(1) {
        Some(first) => OF_THE_SYSTEM.iter().any(|name| first.as_os_str() == *name),
        None => true,
    }
}

/// The folder without links, or, where it is not there, the nearest around it that is, and is data.
fn nearest(folder: &Path) -> Option<PathBuf> {
    if let Ok(folder) = folder.canonicalize() {
        return Some(folder);
    }
    let there = folder.ancestors().find_map(|folder| folder.canonicalize().ok())?;
    (!is_of_the_system(&there)).then_some(there)
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
