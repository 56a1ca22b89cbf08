//! The file as it is written.

use crate::problem::Problem;
use crate::reference::table;
use crate::values::{parse_active_port, parse_address, parse_ban_mode, parse_ports};
use crate::{Config, StorePlace, acme, confine, device, host, listen, log, login, person, reach, tls};
use portolan_accounts::{Access, BanRules, Count, Networks, Store, parse_hours, parse_networks, parse_speed};
use portolan_net::KeepAlive;
use portolan_proto::server::Limits;
use portolan_server::{SessionLimits, SpeedLimits, TransferLimits};
use portolan_vfs::charset;
use portolan_vfs_local::Uploads;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;
use toml::de::DeTable;

table! {
    /// The whole file.
    pub(crate) struct File {
        /// Where control connections are taken; by default port 2121 on all addresses.
        listen: Option<Vec<Spanned<listen::Entry>>>,
        /// Where control connections are taken whose TLS begins at once.
        #[serde(default)]
        listen_implicit: Vec<Spanned<listen::Entry>>,
        /// The folder for what the server makes for itself.
        state: Option<Spanned<PathBuf>>,
        /// What the server gives up at its start: the table `[confine]`.
        #[serde(default)]
        confine: confine::Table,
        /// Where users and groups are kept besides the ones here: a file, or `postgres://…`.
        accounts: Option<Spanned<String>>,
        /// What this server is called.
        #[serde(default)]
        names: Vec<Spanned<String>>,
        /// How connections are protected: the table `[tls]`.
        #[serde(default)]
        tls: tls::Table,
        /// Virtual hosts: tables `[[host]]`.
        #[serde(default)]
        host: Vec<host::Table>,
        /// Where passive data connections are taken, like 50000-50099; one port is enough.
        passive_ports: Option<Spanned<String>>,
        /// Which ports these are: `ports`, or `control-port`.
        passive: Option<PassiveWord>,
        /// The IPv4 address that passive clients outside are told, or where it is found out.
        announce: Option<Spanned<reach::OneOrMore>>,
        /// Whether the router is asked to lead ports here, and how: true, or some of pcp, nat-pmp, upnp.
        map_ports: Option<Spanned<reach::Methods>>,
        /// Whether the firewall of this machine opens for each passive data connection only.
        #[serde(default)]
        pinholes: bool,
        /// Names in the DNS that follow the address of this machine: tables `[[dynamic-dns]]`.
        #[serde(default)]
        dynamic_dns: Vec<reach::DynamicDns>,
        /// Where active data connections come from: auto, any, or a port.
        active_port: Option<Spanned<TextOrPort>>,
        /// Seconds of silence after which a peer is asked whether it is there; 0 is never. By default 60.
        keep_alive: Option<u64>,
        /// Networks of proxies that say whose the connections are that they pass on.
        proxy_protocol: Option<Spanned<reach::OneOrMore>>,
        /// What an upload writes to: `atomic`, or `direct`.
        uploads: Option<UploadsWord>,
        /// The charset of names on the wire; by default UTF-8.
        charset: Option<Spanned<String>>,
        /// Lines of the greeting.
        welcome: Option<String>,
        /// Seconds that transfers have when the server stops. By default 30.
        grace: Option<u64>,
        /// The table `[limits]`.
        #[serde(default)]
        limits: LimitsTable,
        /// From where and when anybody may come: the table `[access]`.
        #[serde(default)]
        access: AccessTable,
        /// When addresses are banned: the table `[bans]`.
        #[serde(default)]
        bans: BansTable,
        /// What is logged, and how: the table `[log]`.
        #[serde(default)]
        log: log::LogTable,
        /// The address and port where metrics are served, at /metrics.
        metrics: Option<Spanned<String>>,
        /// Clients from another age: tables `[[device]]`.
        #[serde(default)]
        device: Vec<device::Table>,
        /// Who is told what happens: tables `[[hook]]`.
        #[serde(default)]
        hook: Vec<Spanned<log::HookTable>>,
        /// What everybody may do, who needs no password: the table `[anonymous]`.
        #[serde(rename = "anonymous")]
        _anonymous: Option<IgnoredAny>,
        /// Users: tables `[[user]]`.
        #[serde(rename = "user")]
        _user: Option<IgnoredAny>,
        /// Groups: tables `[[group]]`.
        #[serde(rename = "group")]
        _group: Option<IgnoredAny>,
        /// Others who know users: tables `[[login]]`.
        #[serde(rename = "login")]
        _login: Option<IgnoredAny>,
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected \"auto\", \"any\" or a port")]
enum TextOrPort {
    Text(String),
    Port(u16),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum UploadsWord {
    Atomic,
    Direct,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum PassiveWord {
    Ports,
    ControlPort,
}

table! {
    /// `[bans]`: when addresses are banned.
    #[derive(Default)]
    pub(crate) struct BansTable {
        /// Whether addresses are banned: `on`, `log` for saying so only, or `off`.
        mode: Option<Spanned<String>>,
        /// After how many faults. By default 10.
        faults: Option<u32>,
        /// Within how many seconds. By default 600.
        within: Option<Spanned<u64>>,
        /// For how many seconds; each further time is twice as long. By default 300.
        time: Option<Spanned<u64>>,
        /// For how many seconds at the most. By default 86400.
        longest: Option<Spanned<u64>>,
        /// Networks that are never banned.
        #[serde(default)]
        never: Vec<Spanned<String>>,
    }
}

table! {
    /// `[access]`: from where and when anybody may come, whoever it is.
    #[derive(Default)]
    pub(crate) struct AccessTable {
        /// Networks that they come from, like 192.0.2.0/24; without any, from everywhere.
        allow: Option<Spanned<reach::OneOrMore>>,
        /// Networks that they do not come from, though they be allowed.
        deny: Option<Spanned<reach::OneOrMore>>,
        /// Hours of the week, like Mon-Fri 08:00-18:00, Sat; without any, always.
        hours: Option<Spanned<String>>,
    }
}

table! {
    /// `[limits]`: of the server and of each session.
    #[derive(Default)]
    pub(crate) struct LimitsTable {
        /// Sessions at the same time. By default 10000.
        sessions: Option<usize>,
        /// Sessions of one address. By default 1000.
        sessions_per_address: Option<usize>,
        /// Transfers of files at the same time. By default as many as there are.
        transfers: Option<u64>,
        /// Transfers of one address. By default as many as there are.
        transfers_per_address: Option<u64>,
        /// Seconds from the connection to the login. By default 60.
        login: Option<Spanned<u64>>,
        /// Seconds between commands. By default 900.
        idle: Option<Spanned<u64>>,
        /// Seconds from the transfer command to the data connection. By default 30.
        data_connection: Option<Spanned<u64>>,
        /// Seconds without a byte moved on a data connection. By default 300.
        stall: Option<Spanned<u64>>,
        /// Wrong passwords before a session ends. By default 5.
        login_attempts: Option<u32>,
        /// How fast all uploads may be together, like 100 MB/s.
        speed_up: Option<Spanned<String>>,
        /// How fast all downloads may be together.
        speed_down: Option<Spanned<String>>,
        /// How fast the uploads of one address may be together.
        speed_up_per_address: Option<Spanned<String>>,
        /// How fast the downloads of one address may be together.
        speed_down_per_address: Option<Spanned<String>>,
    }
}

/// The longest time that can be set: ten years.
const SECONDS_MAX: u64 = 10 * 365 * 24 * 60 * 60;

/// Collects problems while a file is checked.
pub(crate) struct Check<'a> {
    path: &'a Path,
    text: &'a str,
    problems: Vec<Problem>,
    /// Paths that were asked for.
    named: RefCell<Vec<PathBuf>>,
}

impl Check<'_> {
    pub(crate) fn wrong<T>(&mut self, value: &Spanned<T>, message: String) {
        self.problems.push(Problem::at(self.path, self.text, Some(value.span()), message));
    }

    /// The value that a text means; what is wrong is noted.
    pub(crate) fn value<T>(
        &mut self,
        text: &Spanned<String>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        match parse(text.get_ref()) {
            Ok(value) => Some(value),
            Err(message) => {
                self.wrong(text, message);
                None
            }
        }
    }

    /// A time in seconds, not 0.
    fn seconds(&mut self, value: Option<Spanned<u64>>, default: Duration) -> Duration {
        match value {
            None => default,
            Some(seconds) if *seconds.get_ref() == 0 => {
                self.wrong(
                    &seconds,
                    "a limit of 0 seconds would end every session; write at least 1".to_owned(),
                );
                default
            }
            Some(seconds) if *seconds.get_ref() > SECONDS_MAX => {
                self.wrong(&seconds, "that is longer than ten years; write less".to_owned());
                default
            }
            Some(seconds) => Duration::from_secs(seconds.into_inner()),
        }
    }

    /// A path of the file, seen from the folder that the file lies in.
    pub(crate) fn path(&self, path: &Spanned<PathBuf>) -> PathBuf {
        self.folder(path.get_ref())
    }

    /// The same for one whose place is not needed.
    pub(crate) fn folder(&self, path: &Path) -> PathBuf {
        let path = self.path.parent().unwrap_or(Path::new("")).join(path);
        self.named.borrow_mut().push(path.clone());
        path
    }
}

pub(crate) fn parse(text: &str, path: &Path) -> Result<Config, Vec<Problem>> {
    let wrong = |error: toml::de::Error| {
        vec![Problem::at(path, text, error.span(), error.message().trim().to_owned())]
    };
    let file: File = toml::from_str(text).map_err(wrong)?;
    let tables = DeTable::parse(text).map_err(wrong)?;
    let mut check = Check { path, text, problems: Vec::new(), named: RefCell::default() };
    let mut config = convert(file, tables.get_ref(), &mut check);
    check.problems.sort_by_key(Problem::place);
    config.named = check.named.into_inner();
    if check.problems.is_empty() { Ok(config) } else { Err(check.problems) }
}

fn convert(file: File, tables: &DeTable<'_>, check: &mut Check<'_>) -> Config {
    let mut config = Config { groups: person::groups(tables, check), ..Config::default() };
    if let Some(entries) = file.listen {
        config.listen = listen::listeners(entries, None, check);
    }
    config.tls = file.tls.convert(check);
    config.listen.extend(listen::listeners(file.listen_implicit, Some(config.tls.policy), check));
    config.state = file.state.map(|path| check.path(&path));
    config.confine = file.confine.convert(check);
    config.accounts = file.accounts.and_then(|place| {
        let text = place.get_ref();
        if !text.contains("://") {
            return Some(StorePlace::File(check.folder(Path::new(text))));
        }
        let known =
            Store::at(text).map_err(|error| check.wrong(&place, format!("{error}; write postgres://…")));
        known.is_ok().then(|| StorePlace::Url(text.clone()))
    });
    let mut names = host::Names::default();
    config.names = names.take(&file.names, check);
    if let Some(acme) = config.tls.acme.as_ref().filter(|_| config.tls.certificate.is_none()) {
        acme::check_names(&file.names, &acme.challenge, check);
    }
    config.hosts =
        host::hosts(file.host, tables, &config.groups, &mut names, config.tls.acme.as_ref(), check);
    if let Some(ports) = file.passive_ports.and_then(|text| check.value(&text, parse_ports)) {
        config.passive_ports = ports;
    }
    config.one_port = file.passive == Some(PassiveWord::ControlPort);
    config.announce = file.announce.map(|announce| reach::sources(announce, check)).unwrap_or_default();
    config.map_ports = file.map_ports.map(|methods| reach::methods(methods, check)).unwrap_or_default();
    config.pinholes = file.pinholes;
    config.dynamic_dns = reach::records(file.dynamic_dns, &config.announce, check);
    if let Some(port) = file.active_port {
        let span = port.span();
        let text = match port.into_inner() {
            TextOrPort::Text(text) => text,
            TextOrPort::Port(port) => port.to_string(),
        };
        let port = check.value(&Spanned::new(span, text), parse_active_port);
        config.active_port = port.unwrap_or_default();
    }
    if let Some(seconds) = file.keep_alive {
        config.keep_alive = KeepAlive((seconds > 0).then(|| Duration::from_secs(seconds)));
    }
    config.proxies = file.proxy_protocol.map(|networks| self::networks(networks, check)).unwrap_or_default();
    config.uploads = match file.uploads {
        None | Some(UploadsWord::Atomic) => Uploads::Atomic,
        Some(UploadsWord::Direct) => Uploads::Direct,
    };
    if let Some(label) = file.charset {
        let charset = |label: &str| {
            charset::find(label)
                .ok_or_else(|| format!("`{label}` is no charset for names; write it like windows-1251"))
        };
        // UTF-8 is what names are anyway.
        config.charset = check.value(&label, charset).filter(|charset| *charset != encoding_rs::UTF_8);
    }
    config.welcome = file.welcome.unwrap_or_default().lines().map(str::to_owned).collect();
    config.grace = file.grace.map_or(config.grace, Duration::from_secs);
    config.access = Access {
        allow: file.access.allow.map(|allow| networks(allow, check)).unwrap_or_default(),
        deny: file.access.deny.map(|deny| networks(deny, check)).unwrap_or_default(),
        hours: file.access.hours.and_then(|hours| check.value(&hours, parse_hours)).unwrap_or_default(),
    };
    config.bans = bans(file.bans, check);
    config.log = file.log.convert(check);
    config.metrics = file.metrics.and_then(|text| check.value(&text, parse_address));
    config.hooks = log::hooks(file.hook, check);
    config.devices = device::devices(file.device, check);
    let mut speed = |text: Option<&Spanned<String>>| {
        text.and_then(|text| check.value(text, parse_speed)).unwrap_or_default()
    };
    let table = &file.limits;
    config.speed = SpeedLimits { up: speed(table.speed_up.as_ref()), down: speed(table.speed_down.as_ref()) };
    config.speed_of_address = SpeedLimits {
        up: speed(table.speed_up_per_address.as_ref()),
        down: speed(table.speed_down_per_address.as_ref()),
    };
    config.transfers =
        TransferLimits { total: Count(table.transfers), per_address: Count(table.transfers_per_address) };
    (config.sessions, config.limits) = limits(file.limits, check);
    config.anonymous = person::anonymous(tables, &config.groups, check);
    config.users = person::users(tables, &config.groups, check);
    config.logins = login::logins(tables, &config.groups, check);
    config
}

/// The networks that texts mean; what is wrong is noted.
pub(crate) fn networks(written: Spanned<reach::OneOrMore>, check: &mut Check<'_>) -> Networks {
    let span = written.span();
    let texts = match written.into_inner() {
        reach::OneOrMore::One(one) => vec![one],
        reach::OneOrMore::More(more) => more,
    };
    check.value(&Spanned::new(span, texts.join(" ")), parse_networks).unwrap_or_default()
}

fn bans(table: BansTable, check: &mut Check<'_>) -> BanRules {
    let rules = BanRules::default();
    let never: Vec<&str> = table.never.iter().map(|text| text.get_ref().as_str()).collect();
    for text in &table.never {
        check.value(text, parse_networks);
    }
    BanRules {
        mode: table.mode.and_then(|text| check.value(&text, parse_ban_mode)).unwrap_or_default(),
        faults: table.faults.unwrap_or(rules.faults).max(1),
        within: check.seconds(table.within, rules.within),
        time: check.seconds(table.time, rules.time),
        longest: check.seconds(table.longest, rules.longest),
        never: parse_networks(&never.join(" ")).unwrap_or_default(),
    }
}

fn limits(table: LimitsTable, check: &mut Check<'_>) -> (SessionLimits, Limits) {
    let sessions = SessionLimits::default();
    let sessions = SessionLimits {
        total: table.sessions.unwrap_or(sessions.total),
        per_address: table.sessions_per_address.unwrap_or(sessions.per_address),
    };
    let limits = Limits::default();
    let limits = Limits {
        login: check.seconds(table.login, limits.login),
        idle: check.seconds(table.idle, limits.idle),
        data_connection: check.seconds(table.data_connection, limits.data_connection),
        stall: check.seconds(table.stall, limits.stall),
        login_attempts: table.login_attempts.unwrap_or(limits.login_attempts).max(1),
        ..limits
    };
    (sessions, limits)
}
