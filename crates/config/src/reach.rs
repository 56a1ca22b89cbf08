//! How the server is reached from outside: `announce`, `map-ports`, and the tables `[[dynamic-dns]]`.

use crate::Config;
use crate::file::Check;
use crate::reference::table;
use crate::values::parse_host_name;
use base64::prelude::{BASE64_STANDARD, Engine};
use portolan_reach::ddns::{Algorithm, Key, Record, Service, Updater};
use portolan_reach::mapping::{Keeper, Method};
use portolan_reach::source::{AddressSource, Finder};
use portolan_server::Listen;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use toml::Spanned;

/// Where in the state folder it is kept what was written to the DNS.
const DYNAMIC_DNS_FOLDER: &str = "dynamic-dns";

/// Pages of services that speak the protocol of Dyn.
const PAGES: [(&str, &str); 5] = [
    ("dyn", "https://members.dyndns.org/nic/update"),
    ("no-ip", "https://dynupdate.no-ip.com/nic/update"),
    ("he", "https://dyn.dns.he.net/nic/update"),
    ("dynu", "https://api.dynu.com/nic/update"),
    ("ovh", "https://www.ovh.com/nic/update"),
];

const CLOUDFLARE: &str = "https://api.cloudflare.com/client/v4";
const DUCKDNS: &str = "https://www.duckdns.org/update";

/// Seconds that others may remember an address that a name server is given.
const TTL: u32 = 60;

/// What keeps a server reachable, not running yet.
#[derive(Debug)]
pub struct Reach {
    keeper: Option<Keeper>,
    finders: Vec<Finder>,
    updaters: Vec<Updater>,
}

impl Reach {
    /// That of a configuration, and where its control connections are taken.
    pub(crate) fn new(config: &Config, nonce: [u8; 12]) -> (Reach, Vec<Listen>) {
        let ports = config.forwarded();
        let keeper = (!config.map_ports.is_empty() && !ports.is_empty())
            .then(|| Keeper::new(ports, config.map_ports.clone(), nonce));
        let mapped = || {
            keeper.as_ref().map_or_else(|| tokio::sync::watch::Sender::default().subscribe(), Keeper::mapped)
        };
        let announce = match &config.announce[..] {
            // Who asks routers wants to be known by their addresses.
            [] if keeper.is_some() => vec![AddressSource::Router(None)],
            [] if !config.dynamic_dns.is_empty() => AddressSource::automatic(),
            sources => sources.to_vec(),
        };
        let everywhere = Finder::new(announce, mapped());
        let outside = everywhere.outside();
        let mut finders = vec![everywhere];
        let mut listen = Vec::new();
        for listener in &config.listen {
            let outside = match &listener.announce {
                Some(sources) => {
                    let own = Finder::new(sources.clone(), mapped());
                    let outside = own.outside();
                    finders.push(own);
                    outside
                }
                None => outside.clone(),
            };
            let tls = config.policy(listener);
            listen.push(Listen {
                address: listener.address,
                implicit_tls: listener.implicit_tls,
                tls,
                outside,
            });
        }
        let folder = config.state.as_ref().map(|state| state.join(DYNAMIC_DNS_FOLDER));
        let updater = |record: &Record| Updater::new(record.clone(), folder.as_deref(), outside.clone());
        let updaters = config.dynamic_dns.iter().map(updater).collect();
        (Reach { keeper, finders, updaters }, listen)
    }

    /// Keeps the server reachable until `stop`; tasks that have something to give back are over when `tasks`
    /// is.
    pub fn start(self, stop: &CancellationToken, tasks: &TaskTracker) {
        if let Some(keeper) = self.keeper {
            tasks.spawn(keeper.run(stop.clone()));
        }
        for finder in self.finders {
            tokio::spawn(finder.run());
        }
        for updater in self.updaters {
            tokio::spawn(updater.run());
        }
    }
}

impl Config {
    /// The ports that somebody outside has to reach over IPv4.
    fn forwarded(&self) -> Vec<u16> {
        let control = self.listen.iter().filter(|listener| listener.address.is_ipv4());
        let control: BTreeSet<u16> = control.map(|listener| listener.address.port()).collect();
        let data = self.data_ports().into_iter().flatten().filter(|port| !control.contains(port));
        control.iter().copied().chain(data).filter(|port| *port != 0).collect()
    }
}

/// One text, or several.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a text, or several in [ ]")]
pub(crate) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// Where an address comes from. `auto` stands for the machine itself and its router.
pub(crate) fn sources(written: Spanned<OneOrMore>, check: &mut Check<'_>) -> Vec<AddressSource> {
    let span = written.span();
    let texts = match written.into_inner() {
        OneOrMore::One(one) => vec![one],
        OneOrMore::More(more) => more,
    };
    let mut sources = Vec::new();
    for text in texts {
        match text.as_str() {
            "auto" => sources.extend(AddressSource::automatic()),
            _ => sources.extend(check.value(&Spanned::new(span.clone(), text), str::parse::<AddressSource>)),
        }
    }
    sources
}

/// `true`, or ways to ask a router.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected true, false, or ways like [\"pcp\", \"nat-pmp\", \"upnp\"]")]
pub(crate) enum Methods {
    All(bool),
    Some(Vec<String>),
}

pub(crate) fn methods(written: Spanned<Methods>, check: &mut Check<'_>) -> Vec<Method> {
    let span = written.span();
    match written.into_inner() {
        Methods::All(true) => Method::ALL.to_vec(),
        Methods::All(false) => Vec::new(),
        Methods::Some(words) => {
            let mut method = |word| check.value(&Spanned::new(span.clone(), word), parse_method);
            words.into_iter().filter_map(&mut method).collect()
        }
    }
}

fn parse_method(text: &str) -> Result<Method, String> {
    match text {
        "pcp" => Ok(Method::Pcp),
        "nat-pmp" => Ok(Method::NatPmp),
        "upnp" => Ok(Method::Igd),
        _ => Err(format!("`{text}` is no way to ask a router; write pcp, nat-pmp, or upnp")),
    }
}

/// Reads ways to ask a router, with commas between them.
///
/// # Errors
/// What is wrong and what to write.
pub fn parse_methods(text: &str) -> Result<Vec<Method>, String> {
    text.split(',').map(|word| parse_method(word.trim())).collect()
}

table! {
    /// `[[dynamic-dns]]`: a name in the DNS that follows the address of this machine.
    pub(crate) struct DynamicDns {
        /// The name.
        name: Spanned<String>,
        /// Who keeps it: rfc2136, cloudflare, duckdns, dyndns2, dyn, no-ip, he, dynu, or ovh.
        service: Spanned<String>,
        /// The name server (rfc2136), or the page that takes updates (dyndns2).
        server: Option<Spanned<String>>,
        /// The user there (dyndns2).
        user: Option<Spanned<String>>,
        /// A password, a token, or a key in Base64.
        secret: Option<Spanned<String>>,
        /// A file with that, instead.
        secret_file: Option<Spanned<PathBuf>>,
        /// The zone; by default the name without its first word.
        zone: Option<Spanned<String>>,
        /// The name of the key (rfc2136).
        key: Option<Spanned<String>>,
        /// What signs: hmac-sha256, hmac-sha384, or hmac-sha512 (rfc2136).
        algorithm: Option<Spanned<String>>,
        /// Seconds that others may remember the address (rfc2136).
        ttl: Option<u32>,
        /// Whether the IPv6 address is written, too.
        #[serde(default)]
        ipv6: bool,
    }
}

/// The names that are to be kept; what is wrong is noted.
pub(crate) fn records(
    tables: Vec<DynamicDns>,
    announce: &[AddressSource],
    check: &mut Check<'_>,
) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for table in tables {
        let Some(name) = check.value(&table.name, parse_host_name) else { continue };
        let itself = |source: &AddressSource| matches!(source, AddressSource::Name(own) if own.eq_ignore_ascii_case(&name));
        if announce.iter().any(itself) {
            let text = format!(
                "the address of {name} would come from the very record that is to be written; in \
                                announce, write router, or another source that knows it"
            );
            check.wrong(&table.name, text);
        }
        if records.iter().any(|record| record.name == name) {
            check.wrong(&table.name, format!("{name} is kept already; write it once"));
        }
        if let Some(service) = table.service(check) {
            records.push(Record { name, service, ipv6: table.ipv6 });
        }
    }
    records
}

impl DynamicDns {
    fn service(&self, check: &mut Check<'_>) -> Option<Service> {
        let word = self.service.get_ref().as_str();
        let zone =
            || self.zone.as_ref().map_or_else(|| parent(self.name.get_ref()), |zone| zone.get_ref().clone());
        let page =
            |preset: &str| self.server.as_ref().map_or(preset.to_owned(), |page| page.get_ref().clone());
        let preset = PAGES.iter().find(|(name, _)| *name == word).map(|(_, page)| *page);
        match (word, preset) {
            (_, Some(page)) => self.dyndns2(page.to_owned(), check),
            ("dyndns2", None) => {
                let page = self.need(self.server.as_ref(), "server", "the page that takes updates", check)?;
                if !page.starts_with("https://") && !page.starts_with("http://") {
                    self.wrong("server is an address that begins with https://", check);
                }
                self.dyndns2(page, check)
            }
            ("cloudflare", None) => {
                let token = self.secret(check)?;
                Some(Service::Cloudflare { page: page(CLOUDFLARE), zone: zone(), token })
            }
            ("duckdns", None) => Some(Service::DuckDns { page: page(DUCKDNS), token: self.secret(check)? }),
            ("rfc2136", None) => self.rfc2136(zone(), check),
            _ => {
                let known: Vec<&str> = PAGES.iter().map(|(name, _)| *name).collect();
                let known = known.join(", ");
                self.wrong(
                    &format!(
                        "`{word}` is not known here; write dyndns2, cloudflare, duckdns, rfc2136, or one of those \
                         that speak dyndns2: {known}"
                    ),
                    check,
                );
                None
            }
        }
    }

    fn dyndns2(&self, page: String, check: &mut Check<'_>) -> Option<Service> {
        let user = self.need(self.user.as_ref(), "user", "the user of the service", check)?;
        Some(Service::Dyndns2 { page, user, password: self.secret(check)? })
    }

    fn rfc2136(&self, zone: String, check: &mut Check<'_>) -> Option<Service> {
        let server = self.need(self.server.as_ref(), "server", "the name server", check)?;
        let has_port = server.rsplit_once(':').is_some_and(|(host, port)| {
            port.parse::<u16>().is_ok() && (!host.contains(':') || host.ends_with(']'))
        });
        let server = if has_port { server } else { format!("{server}:53") };
        let algorithm = match self.algorithm.as_ref().map_or("hmac-sha256", |word| word.get_ref()) {
            "hmac-sha256" => Algorithm::Sha256,
            "hmac-sha384" => Algorithm::Sha384,
            "hmac-sha512" => Algorithm::Sha512,
            word => {
                self.wrong(
                    &format!("`{word}` is not known here; write hmac-sha256, hmac-sha384, or hmac-sha512"),
                    check,
                );
                return None;
            }
        };
        let key = match &self.key {
            None if self.secret.is_some() || self.secret_file.is_some() => {
                self.wrong("key is missing: the name of the key that the secret belongs to", check);
                return None;
            }
            None => None,
            Some(name) => {
                let Ok(secret) = BASE64_STANDARD.decode(self.secret(check)?) else {
                    self.wrong("the secret of a key is written in Base64", check);
                    return None;
                };
                Some(Key { name: name.get_ref().clone(), algorithm, secret })
            }
        };
        Some(Service::Rfc2136 { server, zone, key, ttl: self.ttl.unwrap_or(TTL) })
    }

    /// The password, token or key.
    fn secret(&self, check: &mut Check<'_>) -> Option<String> {
        if let Some(file) = &self.secret_file {
            return match std::fs::read_to_string(check.path(file)) {
                Ok(text) => Some(text.lines().next().unwrap_or_default().to_owned()),
                Err(error) => {
                    check.wrong(file, format!("it cannot be read: {error}"));
                    None
                }
            };
        }
        let what = "the password, token or key; or secret-file, a file with it";
        self.need(self.secret.as_ref(), "secret", what, check)
    }

    fn need(
        &self,
        value: Option<&Spanned<String>>,
        name: &str,
        what: &str,
        check: &mut Check<'_>,
    ) -> Option<String> {
        if value.is_none() {
            self.wrong(&format!("{name} is missing: {what}"), check);
        }
        value.map(|value| value.get_ref().clone())
    }

    fn wrong(&self, text: &str, check: &mut Check<'_>) {
        check.wrong(&self.service, text.to_owned());
    }
}

/// The zone that a name is in, most likely.
fn parent(name: &str) -> String {
    name.split_once('.').map_or_else(String::new, |(_, zone)| zone.to_owned())
}
