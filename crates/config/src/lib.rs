//! The configuration file `portolan.toml`: from TOML to the options of a server.
//!
//! Everything that is wrong is told with line and column, what it is, and what to write instead.
//! What this crate is not: it starts nothing.

mod file;
mod problem;
mod values;

use encoding_rs::Encoding;
use portolan_accounts::{Account, Accounts, User};
use portolan_net::ActivePort;
use portolan_proto::server::{Limits, Settings};
use portolan_server::{Options, SessionLimits};
use portolan_vfs_local::Uploads;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use problem::Problem;
pub use values::{parse_active_port, parse_ports};

/// The control port when none is set.
pub const DEFAULT_PORT: u16 = 2121;

/// The passive ports when none are set.
pub const DEFAULT_PASSIVE_PORTS: RangeInclusive<u16> = 50_000..=50_099;

/// A configuration: what the file says, or what is so without one.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where control connections are taken.
    pub listen: Vec<SocketAddr>,
    /// Where passive data connections are taken.
    pub passive_ports: RangeInclusive<u16>,
    /// The address that 227 says.
    pub announce: Option<Ipv4Addr>,
    /// Where active data connections come from.
    pub active_port: ActivePort,
    /// What an upload writes to.
    pub uploads: Uploads,
    /// The charset of names on the wire, when it is not UTF-8.
    pub charset: Option<&'static Encoding>,
    /// Lines of the greeting.
    pub welcome: Vec<String>,
    /// What running transfers get when the server stops.
    pub grace: Duration,
    /// How many sessions there may be.
    pub sessions: SessionLimits,
    /// Limits of a session.
    pub limits: Limits,
    /// What everybody may use.
    pub anonymous: Option<Account>,
    /// Who may log in with a password.
    pub users: Vec<User>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: vec![
                SocketAddr::from((Ipv4Addr::UNSPECIFIED, DEFAULT_PORT)),
                SocketAddr::from((Ipv6Addr::UNSPECIFIED, DEFAULT_PORT)),
            ],
            passive_ports: DEFAULT_PASSIVE_PORTS,
            announce: None,
            active_port: ActivePort::Auto,
            uploads: Uploads::Atomic,
            charset: None,
            welcome: Vec::new(),
            grace: Duration::from_secs(30),
            sessions: SessionLimits::default(),
            limits: Limits::default(),
            anonymous: None,
            users: Vec::new(),
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

    /// The options of the server.
    pub fn into_options(self) -> Options {
        let settings = Settings { welcome: self.welcome, utf8: self.charset.is_none(), limits: self.limits };
        Options {
            listen: self.listen,
            passive_ports: self.passive_ports,
            announce: self.announce,
            active_port: self.active_port,
            uploads: self.uploads,
            charset: self.charset,
            sessions: self.sessions,
            settings: Arc::new(settings),
            accounts: Accounts::new(self.users, self.anonymous),
        }
    }
}

#[cfg(test)]
mod tests;
