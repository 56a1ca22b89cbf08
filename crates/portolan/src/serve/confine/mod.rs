//! What the server gives up before anybody connects.
//!
//! Each step that the kernel or a container does not do is told in one line, and the server goes on without it. Only to
//! become another user must not fail.

mod access;
mod folders;

use super::handover::Handed;
use crate::{Exit, state};
use portolan_config::Config;
use portolan_confine::{CapabilitySet, Identity, Kept};
use portolan_helpers::{Allowed, Launcher, Pam, Program, Role};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// What root needs besides to do with files as everybody expects it.
const FILES: CapabilitySet = CapabilitySet::DAC_OVERRIDE.union(CapabilitySet::FOWNER);

/// Where services of PAM are described.
const SERVICES: &[&str] = &["/etc/pam.d", "/usr/lib/pam.d"];

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
        access::check(config, file, &program, user)?;
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
    let of_users = folders::of_users(config);
    let files = folders::keep(config, file, &of_users);
    let calls = portolan_confine::refuse_calls();
    if let Err(error) = &calls {
        tracing::warn!(error, "system calls are not filtered");
    }
    let list =
        || of_users.iter().map(|folder| folder.display().to_string()).collect::<Vec<String>>().join(" ");
    tracing::info!(
        user = user.as_ref().map(|user| &*user.name),
        capabilities = portolan_confine::all_of(CapabilitySet::all()).map(portolan_confine::names).ok(),
        folders = files.is_some().then(list),
        calls_filtered = calls.is_ok(),
        "confined"
    );
    let within = files.is_some().then(|| of_users.into());
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
