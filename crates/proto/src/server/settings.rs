//! What a session needs to know about the server it belongs to.

use super::device::Device;
use std::time::Duration;

/// Settings of the server-PI, the same for many sessions.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Lines of the greeting, after which the server says that it is ready. May be empty.
    pub welcome: Vec<String>,
    /// True when names are UTF-8 on the wire, which `FEAT` tells and `OPTS UTF8` asks for.
    pub utf8: bool,
    /// True when `CCC` may end the protection of the control connection, so that helpers in routers
    /// can read it again.
    pub clear_control: bool,
    /// Names of the default host, which everybody finds who names none.
    pub names: Vec<String>,
    /// Hosts beside the default one.
    pub hosts: Vec<VirtualHost>,
    /// Clients that are spared something.
    pub devices: Vec<Device>,
    /// Limits of a session.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            welcome: Vec::new(),
            utf8: true,
            clear_control: false,
            names: Vec::new(),
            hosts: Vec::new(),
            devices: Vec::new(),
            limits: Limits::default(),
        }
    }
}

impl Settings {
    /// The host with this name, in any case, with or without the dot of a full domain name.
    pub fn host(&self, name: &[u8]) -> Option<Host> {
        let name = name.strip_suffix(b".").unwrap_or(name);
        let has = |names: &[String]| names.iter().any(|own| is_name(own.as_bytes(), name));
        if has(&self.names) {
            return Some(Host::Default);
        }
        self.hosts.iter().position(|host| has(&host.names)).map(Host::Virtual)
    }
}

/// True when this is the name, or one that a `*` for its first label stands for.
fn is_name(own: &[u8], name: &[u8]) -> bool {
    match (own.strip_prefix(b"*."), name.iter().position(|byte| *byte == b'.')) {
        (None, _) => own.eq_ignore_ascii_case(name),
        (Some(parent), Some(dot @ 1..)) => parent.eq_ignore_ascii_case(&name[dot + 1..]),
        (Some(_), _) => false,
    }
}

/// A host that a client can be with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Host {
    /// The one for everybody who names none.
    #[default]
    Default,
    /// A virtual one, by its number in the settings.
    Virtual(usize),
}

/// What TLS is needed for (RFC 4217 §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum TlsPolicy {
    /// It is not there.
    Off,
    /// For nothing; who wants it has it.
    #[default]
    Offer,
    /// To log in.
    RequireLogin,
    /// To log in, and for data connections.
    RequireData,
}

/// A host that `HOST` (RFC 7151) or the name in the TLS handshake chooses.
#[derive(Debug, Clone, Default)]
pub struct VirtualHost {
    /// Its names.
    pub names: Vec<String>,
    /// Lines of the reply to `HOST`.
    pub welcome: Vec<String>,
}

/// Limits of a session. None of the times counts while what it waits for is under way.
#[derive(Debug, Clone)]
pub struct Limits {
    /// From the connection to the login. Default 60 s.
    pub login: Duration,
    /// Between commands, after the login. Default 15 min; RFC 1123 §4.1.3.2 asks for 5 at least.
    pub idle: Duration,
    /// For a TLS handshake on the control connection. Default 10 s.
    pub handshake: Duration,
    /// From the transfer command to the data connection, its TLS handshake included. Default 30 s.
    pub data_connection: Duration,
    /// The same for an active one. Default 8 s: a client waits little longer, and is to hear why.
    pub active_connection: Duration,
    /// Without a byte moved on the data connection. Default 5 min.
    pub stall: Duration,
    /// For a passive port to become free, when other sessions of the same peer hold all. Default 20 s.
    pub passive_turn: Duration,
    /// Wrong passwords before the session ends. Default 5 (RFC 2577 §5 asks for 3 to 5).
    pub login_attempts: u32,
    /// When a wrong password is answered, from the time on when it was said; later if finding out takes longer. Default 1 s.
    pub failed_login_pause: Duration,
    /// Lines that are no known command, before the login, before the session ends. Default 10.
    pub unknown_commands: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            login: Duration::from_secs(60),
            idle: Duration::from_secs(15 * 60),
            handshake: Duration::from_secs(10),
            data_connection: Duration::from_secs(30),
            active_connection: Duration::from_secs(8),
            stall: Duration::from_secs(5 * 60),
            passive_turn: Duration::from_secs(20),
            login_attempts: 5,
            failed_login_pause: Duration::from_secs(1),
            unknown_commands: 10,
        }
    }
}
