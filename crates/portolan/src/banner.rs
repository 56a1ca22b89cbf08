//! What `serve` prints when it starts: where to connect, in which modes, and what a firewall must
//! let through.

use portolan_accounts::{Member, User};
use portolan_certs::Challenge;
use portolan_config::Config;
use portolan_net::ActivePort;
use portolan_proto::server::TlsPolicy;
use portolan_reach::pinhole::MARK;
use portolan_server::Listen;
use portolan_vfs::Rights;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

pub(crate) struct Banner {
    who: String,
    data_ports: Option<RangeInclusive<u16>>,
    one_port: bool,
    announce: Vec<String>,
    map_ports: bool,
    pinholes: bool,
    active_port: ActivePort,
    certificate: &'static str,
    /// Where an authority asks before it gives a certificate.
    asked: &'static str,
    fingerprint: Option<String>,
}

impl Banner {
    pub(crate) fn of(config: &Config) -> Banner {
        let mut who = String::new();
        tell_who(&mut who, config.anonymous.as_ref(), &config.users);
        for host in &config.hosts {
            let _ = writeln!(who, "  Host         {}", host.names.join(", "));
            tell_who(&mut who, host.anonymous.as_ref(), &host.users);
        }
        Banner {
            who,
            data_ports: config.data_ports(),
            one_port: config.one_port,
            announce: config.announce.iter().map(ToString::to_string).collect(),
            map_ports: !config.map_ports.is_empty(),
            pinholes: config.pinholes && config.data_ports().is_some(),
            active_port: config.active_port,
            certificate: match (&config.tls.certificate, &config.tls.acme) {
                (Some(_), _) => "from its file",
                (None, Some(_)) if !config.names.is_empty() => {
                    "by ACME, or of its own making until that is there"
                }
                (None, _) => "of its own making",
            },
            asked: match config.tls.acme.as_ref().map(|acme| &acme.challenge) {
                Some(Challenge::Http(_)) => ", and for certificates 80",
                Some(Challenge::TlsAlpn(_)) => ", and for certificates 443",
                Some(Challenge::Dns(_)) | None => "",
            },
            fingerprint: None,
        }
    }

    /// Takes the fingerprint of the certificate that clients are shown.
    pub(crate) fn set_fingerprint(&mut self, fingerprint: Option<String>) {
        self.fingerprint = fingerprint;
    }

    /// The text, for a server that listens at these places.
    pub(crate) fn text(&self, places: &[Listen]) -> String {
        let mut text = format!("Portolan {} serves\n{}", env!("CARGO_PKG_VERSION"), self.who);
        let explicit = addresses(places, false).into_iter().map(|address| ("ftp", address));
        let implicit = addresses(places, true).into_iter().map(|address| ("ftps", address));
        for (number, (scheme, address)) in explicit.chain(implicit).enumerate() {
            let label = if number == 0 { "Connect to" } else { "" };
            let _ = writeln!(text, "  {label:<12} {scheme}://{address}/");
        }
        let policies: BTreeSet<TlsPolicy> = places.iter().map(|place| place.tls).collect();
        let policies: Vec<&str> = policies.into_iter().map(policy_words).collect();
        let _ = writeln!(text, "  TLS          {}", policies.join(", or "));
        if let Some(fingerprint) = &self.fingerprint {
            let _ = writeln!(text, "  Certificate  {}, SHA-256", self.certificate);
            for half in fingerprint.as_bytes().chunks(48) {
                let half = String::from_utf8_lossy(half);
                let _ = writeln!(text, "               {}", half.trim_end_matches(':'));
            }
        }
        let addresses: Vec<SocketAddr> = places.iter().map(|place| place.address).collect();
        let range = self.data_ports.as_ref().map(ports);
        let own = self.one_port.then(|| "of the control connection".to_owned());
        let passive: Vec<String> = own.into_iter().chain(range.clone()).collect();
        let passive = passive.join(", ");
        let announced = match (&self.announce[..], self.map_ports) {
            ([], false) => String::new(),
            ([], true) => ", announced as the router has them".to_owned(),
            (sources, _) => format!(", announced as {}", sources.join(", or ")),
        };
        let _ = writeln!(text, "  Passive mode PASV, EPSV, LPSV on port {passive}{announced}");
        let active = match self.active_port {
            ActivePort::Any => "any port".to_owned(),
            ActivePort::Fixed(port) => format!("port {port}"),
            ActivePort::Auto => {
                let below = addresses.iter().map(|address| address.port().saturating_sub(1));
                let below: BTreeSet<String> = below.map(|port| port.to_string()).collect();
                format!("port {}", below.into_iter().collect::<Vec<_>>().join(", "))
            }
        };
        let _ = writeln!(text, "  Active mode  PORT, EPRT, LPRT from {active}");
        let control: BTreeSet<u16> = addresses.iter().map(SocketAddr::port).collect();
        let control: Vec<String> = control.iter().map(ToString::to_string).collect();
        let passive = match range {
            // The line is for another firewall of this machine, if there is one.
            Some(_) if self.pinholes => format!(", and what has the mark {MARK:#x}"),
            Some(range) => format!(" and {range}"),
            None => String::new(),
        };
        let _ =
            writeln!(text, "  Firewall     let in TCP port {}{passive}{};", control.join(", "), self.asked);
        let _ = writeln!(text, "               for active mode let out TCP from {active}");
        if self.map_ports {
            let _ =
                writeln!(text, "  Router       is asked to forward these ports; the log tells what it says");
        }
        if self.pinholes {
            let _ =
                writeln!(text, "  Pinholes     keep the passive ports closed to all but whom they wait for");
        }
        text
    }
}

fn ports(range: &RangeInclusive<u16>) -> String {
    if range.start() == range.end() {
        range.start().to_string()
    } else {
        format!("{}-{}", range.start(), range.end())
    }
}

fn tell_who(text: &mut String, anonymous: Option<&Member>, users: &[User]) {
    if let Some(member) = anonymous {
        tell_folders(text, "Everybody", member);
    }
    for user in users {
        tell_folders(text, &user.name.escape_debug().to_string(), &user.member);
    }
}

/// Where somebody can go: a line for each folder, and one for each group from which others come.
fn tell_folders(text: &mut String, name: &str, member: &Member) {
    let folders = member.profile.mounts.iter().map(|mount| {
        let seen = if mount.at.is_root() { String::new() } else { format!(", as {}", mount.at) };
        let rights = match mount.rights {
            Rights::FULL => "read and write".to_owned(),
            Rights::READ_ONLY => "read only".to_owned(),
            rights => rights.to_string(),
        };
        format!("{} ({rights}{seen})", mount.folder.display())
    });
    let groups = member.groups.iter().map(|group| format!("what the group {group} has"));
    for (number, line) in folders.chain(groups).enumerate() {
        let label = if number == 0 { name } else { "" };
        let _ = writeln!(text, "  {label:<12} {line}");
    }
}

fn policy_words(policy: TlsPolicy) -> &'static str {
    match policy {
        TlsPolicy::Off => "off",
        TlsPolicy::Offer => "for who wants it",
        TlsPolicy::RequireLogin => "needed to log in",
        TlsPolicy::RequireData => "needed to log in and for data",
    }
}

/// The addresses where somebody can connect with this kind of TLS.
fn addresses(places: &[Listen], implicit_tls: bool) -> BTreeSet<SocketAddr> {
    let places = places.iter().filter(|place| place.implicit_tls == implicit_tls);
    reachable(&places.map(|place| place.address).collect::<Vec<_>>())
}

/// The addresses that somebody can connect to: all of this machine where the server listens on all.
fn reachable(listening: &[SocketAddr]) -> BTreeSet<SocketAddr> {
    let own: Vec<IpAddr> =
        if_addrs::get_if_addrs().unwrap_or_default().iter().map(if_addrs::Interface::ip).collect();
    let mut addresses = BTreeSet::new();
    for address in listening {
        if !address.ip().is_unspecified() {
            addresses.insert(*address);
            continue;
        }
        let same_family = own.iter().filter(|ip| ip.is_ipv4() == address.is_ipv4());
        // Addresses of one link need the name of the interface, which is different at the other end.
        let usable = same_family.filter(|ip| !matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local()));
        addresses.extend(usable.map(|ip| SocketAddr::new(*ip, address.port())));
    }
    addresses
}
