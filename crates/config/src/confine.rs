//! The table `[confine]`: what the server gives up at its start.

use crate::file::Check;
use crate::reference::table;
use crate::{Config, Host, StorePlace};
use portolan_accounts::{Member, Mount, Profile};
use portolan_certs::{Challenge, Source};
use portolan_hooks::Target;
use portolan_logins::Login;
use portolan_net::ActivePort;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// What the server gives up at its start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Confine {
    /// The user of the system that it becomes, where it is started as root.
    pub user: Option<String>,
    /// Folders that it keeps besides those that are known at its start; else all that are not the system's.
    pub folders: Option<Vec<PathBuf>>,
}

table! {
    /// `[confine]`: what the server gives up at its start.
    #[derive(Default)]
    pub(crate) struct Table {
        /// The user of the system that it becomes, where it is started as root.
        user: Option<String>,
        /// Where folders of users lie that are not known at the start. By default anywhere but where the system’s own do.
        folders: Option<Vec<Spanned<PathBuf>>>,
    }
}

impl Table {
    pub(crate) fn convert(self, check: &Check<'_>) -> Confine {
        let paths =
            |folders: Vec<Spanned<PathBuf>>| folders.iter().map(|folder| check.path(folder)).collect();
        Confine { user: self.user, folders: self.folders.map(paths) }
    }
}

/// Folders in the root of the disk that are the system's.
const OF_THE_SYSTEM: &[&str] = &[
    "bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "root", "run", "sbin", "sys",
    "usr", "var",
];

/// What is data in them all the same.
const DATA_OF_THE_SYSTEM: &[&str] = &["/var/ftp", "/var/www"];

/// Ports below this one need a right of their own.
const FIRST_FREE_PORT: u16 = 1024;

impl Config {
    /// What everybody sees, by groups and users.
    pub(crate) fn profiles(&self) -> impl Iterator<Item = &Profile> {
        let anonymous = self.hosts.iter().map(|host| &host.anonymous).chain([&self.anonymous]).flatten();
        let users = self.hosts.iter().flat_map(|host: &Host| &host.users).chain(&self.users);
        let users = users.map(|user| &user.member);
        let logins = self.all_logins().map(Login::member);
        let profiles = anonymous.chain(users).chain(logins).map(|member: &Member| &member.profile);
        profiles.chain(self.groups.iter().map(|(_, group)| &group.profile))
    }

    /// Others who know users, of all hosts.
    pub(crate) fn all_logins(&self) -> impl Iterator<Item = &Login> {
        self.logins.iter().chain(self.hosts.iter().flat_map(|host| &host.logins))
    }

    /// Folders that are known to be somebody's, as far as their paths are the same for all.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        let written = self.profiles().flat_map(|own| &own.mounts).map(Mount::base);
        written.chain(self.confine.folders.iter().flatten().map(PathBuf::as_path))
    }

    /// True for a folder that a server does not keep because somebody in the database sees it: one that is the system's, and
    /// not named in the configuration.
    pub fn gives_up(&self, folder: &Path) -> bool {
        !is_data(folder) && !self.folders().any(|kept| folder.starts_with(kept))
    }

    /// True when the system is asked who its users are.
    pub fn asks_pam(&self) -> bool {
        self.all_logins().any(|login| matches!(login, Login::Pam(_)))
    }

    /// True when the server does to files what is the doing of other users of the system.
    pub fn acts_for_others(&self) -> bool {
        self.all_logins().any(|login| matches!(login, Login::Pam(login) if login.as_user))
    }

    /// Folders and files, beside those of users, that the server changes.
    pub fn changes(&self) -> Vec<PathBuf> {
        let folder = |file: &PathBuf| file.parent().map(Path::to_owned);
        let accounts = self.accounts_folder();
        self.state
            .clone()
            .into_iter()
            .chain(accounts)
            .chain(self.log.transfers.as_ref().and_then(folder))
            .collect()
    }

    /// Where the file with accounts lies, where the configuration names one.
    pub fn accounts_folder(&self) -> Option<PathBuf> {
        match &self.accounts {
            Some(StorePlace::File(file)) => file.parent().map(Path::to_owned),
            Some(StorePlace::Url(_)) | None => None,
        }
    }

    /// True when it uses a port that not everybody may use: one where it listens, or one where active data connections
    /// come from.
    pub fn has_privileged_ports(&self) -> bool {
        let listens = self.listen.iter().map(|listener| listener.address.port());
        let metrics = self.metrics.iter().map(std::net::SocketAddr::port);
        let answers = self.tls.acme.iter().flat_map(|acme| match &acme.challenge {
            Challenge::Http(addresses) | Challenge::TlsAlpn(addresses) => &addresses[..],
            Challenge::Dns(_) => &[],
        });
        let passive = (!self.one_port).then_some(*self.passive_ports.start());
        let active = self.listen.iter().filter_map(|listener| match self.active_port {
            ActivePort::Auto => listener.address.port().checked_sub(1),
            ActivePort::Any => None,
            ActivePort::Fixed(port) => Some(port),
        });
        let mut ports = listens
            .chain(metrics)
            .chain(answers.map(std::net::SocketAddr::port))
            .chain(passive)
            .chain(active);
        ports.any(|port| (1..FIRST_FREE_PORT).contains(&port))
    }

    /// Programs that it starts, and how many more arguments they are given.
    pub fn programs(&self) -> Vec<(Vec<OsString>, usize)> {
        let hooks = self.hooks.iter().filter_map(|hook| match &hook.to {
            Target::Program(program) => Some((program.iter().map(OsString::from).collect(), 0)),
            Target::Url { .. } => None,
        });
        let acme = self.tls.acme.iter().filter_map(|acme| match &acme.challenge {
            // `add` or `remove`, the name, and the value.
            Challenge::Dns(program) => Some((vec![program.clone().into_os_string()], 3)),
            Challenge::Http(_) | Challenge::TlsAlpn(_) => None,
        });
        hooks.chain(acme).collect()
    }

    /// Services of PAM that are asked.
    pub fn pam_services(&self) -> Vec<&str> {
        let services = self.all_logins().filter_map(|login| match login {
            Login::Pam(login) => Some(login.service.as_str()),
            Login::Ldap(_) | Login::Http(_) => None,
        });
        services.collect()
    }

    /// Files that it reads when it has given up everything else: those that are named, and of TLS.
    pub fn needs(&self) -> Vec<PathBuf> {
        let of_hosts = self.hosts.iter().filter_map(|host| host.certificate.as_ref());
        let sources = self.tls.certificate.iter().chain(of_hosts);
        let files = sources.flat_map(|source| match source {
            Source::Files { certificate, key } => vec![certificate.clone(), key.clone()],
            Source::Own { .. } | Source::Acme { .. } => Vec::new(),
        });
        // Folders of users may be closed to the server, where it acts for them.
        let of_users: Vec<&Path> = self.folders().collect();
        let is_file =
            |path: &&PathBuf| !of_users.iter().any(|folder| path.starts_with(folder)) && !path.is_dir();
        let named = self.named.iter().filter(is_file).cloned();
        let of_database = match &self.accounts {
            Some(StorePlace::Url(url)) => files_in(url),
            Some(StorePlace::File(_)) | None => Vec::new(),
        };
        files.chain(named).chain(of_database).collect()
    }
}

/// Files that the URL of a PostgreSQL names: authorities, and a certificate of its own with the key.
fn files_in(url: &str) -> Vec<PathBuf> {
    let value = |part: &str| {
        let (key, value) = part.split_once('=')?;
        matches!(key, "sslrootcert" | "sslcert" | "sslkey").then(|| PathBuf::from(value))
    };
    url.split(['?', '&']).filter_map(value).collect()
}

/// Folders of this machine in which data may lie, without links: all in the root of the disk that are not the system's.
pub fn data_folders() -> Vec<PathBuf> {
    let root = std::fs::read_dir("/").into_iter().flatten().flatten();
    let data = root.filter(|entry| OF_THE_SYSTEM.iter().all(|name| entry.file_name() != *name));
    let folders = data.filter_map(|entry| entry.path().canonicalize().ok());
    let folders = folders.filter(|folder| folder.is_dir() && folder.parent().is_some());
    folders.chain(DATA_OF_THE_SYSTEM.iter().map(PathBuf::from).filter(|folder| folder.is_dir())).collect()
}

/// True for what lies in one of those.
pub fn is_data(folder: &Path) -> bool {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    data_folders().iter().any(|data| folder.starts_with(data))
}
