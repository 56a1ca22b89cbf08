//! The configuration file `portolan.toml`: from TOML to the options of a server.
//!
//! Everything that is wrong is told with line and column, what it is, and what to write instead.
//! What this crate is not: it starts no server. The one thing that it may write is the certificate that the
//! server makes for itself.

mod acme;
mod confine;
mod device;
mod file;
mod host;
mod listen;
mod log;
mod login;
mod person;
mod problem;
mod reach;
mod reference;
mod tls;
mod values;

use encoding_rs::Encoding;
use portolan_accounts::{
    Access, Accounts, BanRules, Bans, Groups, Member, Mount, Networks, Store, StoreError, User,
};
use portolan_certs::{CertError, Certificates, ClientCertificates, Source};
use portolan_helpers::Pam;
use portolan_hooks::Hook;
use portolan_logins::Login;
use portolan_net::{ActivePort, KeepAlive, Proxies};
use portolan_proto::server::{Device, Limits, Settings, TlsPolicy};
use portolan_reach::ddns::Record;
use portolan_reach::mapping::Method;
use portolan_reach::source::AddressSource;
use portolan_server::{Options, Rules, SessionLimits, SpeedLimits, TransferLimits};
use portolan_vfs_local::Uploads;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use confine::{Confine, data_folders, is_data};
pub use host::Host;
pub use listen::Listener;
pub use log::Log;
pub use problem::Problem;
pub use reach::{Reach, parse_methods};
pub use reference::reference;
pub use tls::Tls;
pub use values::{parse_active_port, parse_ports, parse_resume, parse_tls};

/// The control port when none is set.
pub const DEFAULT_PORT: u16 = 2121;

/// Where in the state folder accounts are kept.
const STORE: &str = "accounts.db";

/// Where accounts are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorePlace {
    /// In a database at this URL: `postgres://…`.
    Url(String),
    /// In this file.
    File(PathBuf),
}

/// Where in the state folder what ACME brought is kept.
const ACME_FOLDER: &str = "acme";

/// The passive ports when none are set.
pub const DEFAULT_PASSIVE_PORTS: RangeInclusive<u16> = 50_000..=50_099;

/// A configuration: what the file says, or what is so without one.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where control connections are taken.
    pub listen: Vec<Listener>,
    /// Where what the server makes for itself is kept.
    pub state: Option<PathBuf>,
    /// What it gives up at its start.
    pub confine: Confine,
    /// Paths that the file names.
    pub named: Vec<PathBuf>,
    /// Where accounts are besides the ones here; else in the state folder.
    pub accounts: Option<StorePlace>,
    /// Names of the default host.
    pub names: Vec<String>,
    /// TLS.
    pub tls: Tls,
    /// Hosts beside the default one.
    pub hosts: Vec<Host>,
    /// Where passive data connections are taken.
    pub passive_ports: RangeInclusive<u16>,
    /// True when they come to the control port instead.
    pub one_port: bool,
    /// Where the address comes from that passive clients are told; none: they are told the one that they came to.
    pub announce: Vec<AddressSource>,
    /// How routers are asked to lead ports here; none: they are not asked.
    pub map_ports: Vec<Method>,
    /// True when this machine's firewall is opened for each passive data connection only.
    pub pinholes: bool,
    /// Names in the DNS that follow this machine's address.
    pub dynamic_dns: Vec<Record>,
    /// Where active data connections come from.
    pub active_port: ActivePort,
    /// When a peer that is silent is asked whether it is still there.
    pub keep_alive: KeepAlive,
    /// Proxies that are trusted to say whose the connections are that come from them.
    pub proxies: Networks,
    /// What an upload writes to.
    pub uploads: Uploads,
    /// The charset of names on the wire, when it is not UTF-8.
    pub charset: Option<&'static Encoding>,
    /// Lines of the greeting.
    pub welcome: Vec<String>,
    /// What running transfers get when the server stops.
    pub grace: Duration,
    /// From where and when anybody may come.
    pub access: Access,
    /// How many sessions there may be.
    pub sessions: SessionLimits,
    /// How many transfers there may be.
    pub transfers: TransferLimits,
    /// When addresses are banned.
    pub bans: BanRules,
    /// What is logged.
    pub log: Log,
    /// Where metrics are served.
    pub metrics: Option<SocketAddr>,
    /// Who else is told what happens.
    pub hooks: Vec<Hook>,
    /// Clients that are spared something.
    pub devices: Vec<Device>,
    /// How fast all transfers together may be.
    pub speed: SpeedLimits,
    /// How fast those with one address may be together.
    pub speed_of_address: SpeedLimits,
    /// Limits of a session.
    pub limits: Limits,
    /// What users can have in common.
    pub groups: Groups,
    /// What everybody may use.
    pub anonymous: Option<Member>,
    /// Who may log in with a password.
    pub users: Vec<User>,
    /// Others who know users of the default host.
    pub logins: Vec<Login>,
}

/// What a server has around it.
#[derive(Debug, Default)]
pub struct Around {
    /// Where accounts are besides the ones in the file.
    pub store: Option<Arc<Store>>,
    /// Folders within which it may change something; else it may everywhere.
    pub within: Option<Arc<[PathBuf]>>,
    /// The way to PAM.
    pub pam: Option<Pam>,
}

impl Around {
    /// Those accounts, and the ones that the store has for this host, and that others know.
    fn completed(&self, accounts: Accounts, host: &str, logins: &[Login]) -> Accounts {
        let accounts =
            accounts.with_sources(logins.iter().map(|login| login.source(self.pam.as_ref())).collect());
        match &self.store {
            Some(store) => accounts.with_store(Arc::clone(store), host.to_owned()),
            None => accounts,
        }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: vec![
                Listener::explicit(SocketAddr::from((Ipv4Addr::UNSPECIFIED, DEFAULT_PORT))),
                Listener::explicit(SocketAddr::from((Ipv6Addr::UNSPECIFIED, DEFAULT_PORT))),
            ],
            state: None,
            confine: Confine::default(),
            named: Vec::new(),
            accounts: None,
            names: Vec::new(),
            tls: Tls::default(),
            hosts: Vec::new(),
            passive_ports: DEFAULT_PASSIVE_PORTS,
            one_port: false,
            announce: Vec::new(),
            map_ports: Vec::new(),
            pinholes: false,
            dynamic_dns: Vec::new(),
            active_port: ActivePort::Auto,
            keep_alive: KeepAlive::default(),
            proxies: Networks::default(),
            uploads: Uploads::Atomic,
            charset: None,
            welcome: Vec::new(),
            grace: Duration::from_secs(30),
            access: Access::default(),
            sessions: SessionLimits::default(),
            transfers: TransferLimits::default(),
            bans: BanRules::default(),
            log: Log::default(),
            metrics: None,
            hooks: Vec::new(),
            devices: Vec::new(),
            speed: SpeedLimits::default(),
            speed_of_address: SpeedLimits::default(),
            limits: Limits::default(),
            groups: Groups::default(),
            anonymous: None,
            users: Vec::new(),
            logins: Vec::new(),
        }
    }
}

impl Config {
    /// Reads a configuration file. Paths in it are relative to the folder it lies in.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(path: &Path) -> Result<Config, Vec<Problem>> {
        let text = std::fs::read_to_string(path).map_err(|error| vec![Problem::of_file(path, &error)])?;
        Config::parse(&text, path)
    }

    /// Reads the text of a configuration file that lies at `path`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, path: &Path) -> Result<Config, Vec<Problem>> {
        file::parse(text, path)
    }

    /// The options of the server, its certificates where TLS is on, and what keeps it reachable. Bans are kept in the
    /// store. `nonce` is what routers know this server by.
    ///
    /// # Errors
    /// When a certificate or the ticket key cannot be used.
    pub fn options(
        &self,
        store: Option<Arc<Store>>,
        nonce: [u8; 12],
    ) -> Result<(Options, Option<Arc<Certificates>>, Reach), CertError> {
        let (reach, listen) = Reach::new(self, nonce);
        let secured = listen.iter().any(|listener| listener.tls != TlsPolicy::Off);
        let certificates = secured.then(|| self.certificates()).transpose()?.map(Arc::new);
        let tls = match &certificates {
            Some(certificates) => Some(Arc::new(self.tls.start(Arc::clone(certificates))?)),
            None => None,
        };
        let options = Options {
            listen,
            tls,
            passive_ports: self.passive_ports.clone(),
            one_port: self.one_port,
            pinholes: None,
            active_port: self.active_port,
            keep_alive: self.keep_alive,
            proxies: Proxies::new(self.proxies.all()),
            bans: Arc::new(Bans::new(self.bans.clone(), store)),
            events: Arc::default(),
        };
        Ok((options, certificates, reach))
    }

    /// The rules of a server with this around it.
    pub fn rules(&self, around: &Around) -> Rules {
        let settings = Settings {
            names: self.names.clone(),
            welcome: self.welcome.clone(),
            utf8: self.charset.is_none(),
            clear_control: self.tls.clear_control,
            hosts: self.hosts.iter().map(Host::settings).collect(),
            devices: self.devices.clone(),
            limits: self.limits.clone(),
        };
        let accounts = Accounts::new(self.groups.clone(), self.users.clone(), self.anonymous.clone());
        Rules {
            certificate_login: self.tls.certificate_login,
            uploads: self.uploads,
            secrets: self.hidden(),
            within: around.within.clone(),
            charset: self.charset,
            sessions: self.sessions,
            transfers: self.transfers,
            access: self.access.clone(),
            bans: self.bans.clone(),
            speed: self.speed,
            speed_of_address: self.speed_of_address,
            settings: Arc::new(settings),
            host_accounts: self.hosts.iter().map(|host| host.accounts(&self.groups, around)).collect(),
            accounts: around.completed(accounts, "", &self.logins),
        }
    }

    /// Keys whose values are others than before, and count only after a new start.
    pub fn keys_for_a_start(&self, before: &Config) -> Vec<&'static str> {
        let tls = |tls: &Tls| Tls { certificate_login: false, clear_control: false, ..tls.clone() };
        let of_hosts = |config: &Config| -> Vec<_> {
            let host = |host: &Host| (host.names.clone(), host.certificate.clone(), host.acme);
            config.hosts.iter().map(host).collect()
        };
        let same = [
            ("listen", self.listen == before.listen),
            ("state", self.state == before.state),
            ("confine", self.confine.folders == before.confine.folders),
            ("user of [confine] (by a stop and a start)", self.confine.user == before.confine.user),
            ("accounts", self.accounts == before.accounts),
            ("names", self.names == before.names),
            ("tls", tls(&self.tls) == tls(&before.tls)),
            ("host", of_hosts(self) == of_hosts(before)),
            ("passive-ports", self.passive_ports == before.passive_ports),
            ("passive", self.one_port == before.one_port),
            ("announce", self.announce == before.announce),
            ("map-ports", self.map_ports == before.map_ports),
            ("pinholes", self.pinholes == before.pinholes),
            ("dynamic-dns", self.dynamic_dns == before.dynamic_dns),
            ("active-port", self.active_port == before.active_port),
            ("keep-alive", self.keep_alive == before.keep_alive),
            ("proxy-protocol", self.proxies == before.proxies),
            (
                "[[login]] (by a stop and a start)",
                (self.asks_pam(), self.acts_for_others()) == (before.asks_pam(), before.acts_for_others()),
            ),
            ("log", self.log == before.log),
            ("metrics", self.metrics == before.metrics),
            ("hook", self.hooks == before.hooks),
        ];
        same.into_iter().filter_map(|(key, same)| (!same).then_some(key)).collect()
    }

    /// True when the virtual hosts are the same as before, by their names.
    pub fn has_hosts_of(&self, before: &Config) -> bool {
        self.hosts.iter().map(|host| &host.names).eq(before.hosts.iter().map(|host| &host.names))
    }

    /// What TLS is needed for at a place where control connections are taken.
    pub fn policy(&self, listener: &Listener) -> TlsPolicy {
        listener.tls.unwrap_or(self.tls.policy)
    }

    /// The ports that data connections come to besides those of control connections, where there are any.
    pub fn data_ports(&self) -> Option<RangeInclusive<u16>> {
        // Where TLS begins at once and clients are asked for certificates, data connections have ports of their
        // own in any case.
        let implicit = self.listen.iter().any(|listener| listener.implicit_tls);
        let needed = !self.one_port || (implicit && self.tls.clients.certificates != ClientCertificates::Off);
        needed.then(|| self.passive_ports.clone())
    }

    /// Where accounts are besides the ones here, if there is a place for them.
    ///
    /// # Errors
    /// When that is no place for them.
    pub fn store(&self) -> Result<Option<Store>, StoreError> {
        match (&self.accounts, &self.state) {
            (Some(StorePlace::Url(url)), _) => Store::at(url).map(Some),
            (Some(StorePlace::File(file)), _) => Store::in_file(file).map(Some),
            (None, Some(state)) => Store::in_file(&state.join(STORE)).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// True when somebody could log in.
    pub fn has_users(&self) -> bool {
        if self.store().is_ok_and(|store| store.is_some_and(|store| store.is_there())) {
            return true;
        }
        let of_host = |host: &Host| host.anonymous.is_some() || !host.users.is_empty();
        let here = self.anonymous.is_some() || !self.users.is_empty() || self.all_logins().next().is_some();
        here || self.hosts.iter().any(of_host)
    }

    fn certificates(&self) -> Result<Certificates, CertError> {
        let folder = self.acme_folder();
        let obtained = |names: &[String]| {
            Some(Source::Acme { folder: folder.clone()?, names: names.to_vec(), own: self.state.clone() })
        };
        let obtained_here = obtained(&self.names).filter(|_| !self.names.is_empty());
        let source = self.tls.certificate.clone().or(obtained_here).unwrap_or_else(|| Source::Own {
            folder: self.state.clone(),
            names: self.names.iter().chain(self.hosts.iter().flat_map(|host| &host.names)).cloned().collect(),
        });
        let default = portolan_certs::Host { names: self.names.clone(), source: Some(source) };
        let host = |host: &Host| portolan_certs::Host {
            names: host.names.clone(),
            source: if host.acme { obtained(&host.names) } else { host.certificate.clone() },
        };
        let hosts = self.hosts.iter().map(host).collect();
        Certificates::load(default, hosts, self.tls.clients.clone(), self.tls.strict_names)
    }

    /// Where what ACME brings is kept. What comes from one authority is never taken for what comes from
    /// another.
    pub fn acme_folder(&self) -> Option<PathBuf> {
        let (acme, state) = (self.tls.acme.as_ref()?, self.state.as_ref()?);
        let authority = acme.directory.trim_start_matches("https://");
        let authority =
            authority.replace(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.', "_");
        Some(state.join(ACME_FOLDER).join(authority))
    }

    /// A file or folder with a secret that lies in a folder that is served, and that folder.
    pub fn exposed(&self) -> Option<(PathBuf, PathBuf)> {
        self.secret_in(self.profiles().flat_map(|own| &own.mounts).map(Mount::base))
    }

    /// A file or folder with a secret that lies in one of these folders, and that folder.
    pub fn secret_in<'a>(&self, folders: impl Iterator<Item = &'a Path>) -> Option<(PathBuf, PathBuf)> {
        let folders: Vec<PathBuf> = folders.filter_map(|folder| folder.canonicalize().ok()).collect();
        self.secrets().into_iter().find_map(|secret| {
            let path = without_links(&secret);
            let folder = folders.iter().find(|folder| path.starts_with(folder))?;
            Some((secret, folder.clone()))
        })
    }

    /// Files and folders that nobody may fetch, without links.
    pub fn hidden(&self) -> Vec<PathBuf> {
        self.secrets().iter().map(|secret| without_links(secret)).collect()
    }

    /// Files and folders that nobody may fetch.
    fn secrets(&self) -> Vec<PathBuf> {
        let key = |source: &Option<Source>| match source {
            Some(Source::Files { key, .. }) => Some(key.clone()),
            _ => None,
        };
        let of_hosts = self.hosts.iter().filter_map(|host| key(&host.certificate));
        let store = match &self.accounts {
            Some(StorePlace::File(file)) => Some(file.clone()),
            Some(StorePlace::Url(_)) | None => None,
        };
        let secrets = key(&self.tls.certificate).into_iter().chain(of_hosts).chain(store);
        secrets.chain(self.tls.ticket_key.clone()).chain(self.state.clone()).collect()
    }
}

/// The path without links, as far as it is there.
fn without_links(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => without_links(parent).join(name),
        _ => path.to_owned(),
    })
}

#[cfg(test)]
mod tests;
