//! The file as it is written.

use crate::problem::Problem;
use crate::values::{parse_active_port, parse_address, parse_ban_mode, parse_ports};
use crate::{Config, StorePlace, acme, device, host, listen, log, login, person, reach, tls};
use portolan_accounts::{BanRules, Networks, Store, parse_networks, parse_speed};
use portolan_net::KeepAlive;
use portolan_proto::server::Limits;
use portolan_server::{SessionLimits, SpeedLimits};
use portolan_vfs::charset;
use portolan_vfs_local::Uploads;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;
use toml::de::DeTable;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    listen: Option<Vec<Spanned<listen::Entry>>>,
    #[serde(default)]
    listen_implicit: Vec<Spanned<listen::Entry>>,
    state: Option<Spanned<PathBuf>>,
    accounts: Option<Spanned<String>>,
    #[serde(default)]
    names: Vec<Spanned<String>>,
    #[serde(default)]
    tls: tls::Table,
    #[serde(default)]
    host: Vec<host::Table>,
    passive_ports: Option<Spanned<String>>,
    passive: Option<PassiveWord>,
    announce: Option<Spanned<reach::OneOrMore>>,
    map_ports: Option<Spanned<reach::Methods>>,
    #[serde(default)]
    pinholes: bool,
    #[serde(default)]
    dynamic_dns: Vec<reach::DynamicDns>,
    active_port: Option<Spanned<TextOrPort>>,
    keep_alive: Option<u64>,
    proxy_protocol: Option<Spanned<reach::OneOrMore>>,
    uploads: Option<UploadsWord>,
    charset: Option<Spanned<String>>,
    welcome: Option<String>,
    grace: Option<u64>,
    #[serde(default)]
    limits: LimitsTable,
    #[serde(default)]
    bans: BansTable,
    #[serde(default)]
    log: log::LogTable,
    metrics: Option<Spanned<String>>,
    #[serde(default)]
    device: Vec<device::Table>,
    #[serde(default)]
    hook: Vec<Spanned<log::HookTable>>,
    /// These are read by name, since there is a table of their settings.
    #[serde(rename = "anonymous")]
    _anonymous: Option<IgnoredAny>,
    #[serde(rename = "user")]
    _user: Option<IgnoredAny>,
    #[serde(rename = "group")]
    _group: Option<IgnoredAny>,
    #[serde(rename = "login")]
    _login: Option<IgnoredAny>,
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

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct BansTable {
    mode: Option<Spanned<String>>,
    faults: Option<u32>,
    within: Option<Spanned<u64>>,
    time: Option<Spanned<u64>>,
    longest: Option<Spanned<u64>>,
    #[serde(default)]
    never: Vec<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LimitsTable {
    sessions: Option<usize>,
    sessions_per_address: Option<usize>,
    login: Option<Spanned<u64>>,
    idle: Option<Spanned<u64>>,
    data_connection: Option<Spanned<u64>>,
    stall: Option<Spanned<u64>>,
    login_attempts: Option<u32>,
    speed_up: Option<Spanned<String>>,
    speed_down: Option<Spanned<String>>,
    speed_up_per_address: Option<Spanned<String>>,
    speed_down_per_address: Option<Spanned<String>>,
}

/// The longest time that can be set: ten years.
const SECONDS_MAX: u64 = 10 * 365 * 24 * 60 * 60;

/// Collects problems while a file is checked.
pub(crate) struct Check<'a> {
    path: &'a Path,
    text: &'a str,
    problems: Vec<Problem>,
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
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }
}

pub(crate) fn parse(text: &str, path: &Path) -> Result<Config, Vec<Problem>> {
    let wrong = |error: toml::de::Error| {
        vec![Problem::at(path, text, error.span(), error.message().trim().to_owned())]
    };
    let file: File = toml::from_str(text).map_err(wrong)?;
    let tables = DeTable::parse(text).map_err(wrong)?;
    let mut check = Check { path, text, problems: Vec::new() };
    let config = convert(file, tables.get_ref(), &mut check);
    check.problems.sort_by_key(Problem::place);
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
