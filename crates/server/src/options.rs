//! What a server is made of.

use crate::speeds::SpeedLimits;
use encoding_rs::Encoding;
use portolan_accounts::{Access, Accounts, BanRules, Bans, Count};
use portolan_events::Events;
use portolan_net::tls::Tls;
use portolan_net::{ActivePort, KeepAlive, Proxies};
use portolan_proto::server::{Host, Settings, TlsPolicy};
use portolan_reach::Outside;
use portolan_reach::pinhole::Pinholes;
use portolan_vfs_local::Uploads;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;

/// What a server is made of, and stays made of.
#[derive(Debug)]
pub struct Options {
    /// Where control connections are taken.
    pub listen: Vec<Listen>,
    /// What connections are protected with; without it, nothing is.
    pub tls: Option<Arc<Tls>>,
    /// Where passive data connections are taken.
    pub passive_ports: RangeInclusive<u16>,
    /// True when passive data connections come to the control port instead, where TLS does not begin at
    /// once.
    pub one_port: bool,
    /// Opens holes in the machine's own firewall for passive data connections.
    pub pinholes: Option<Pinholes>,
    /// Where active data connections come from.
    pub active_port: ActivePort,
    /// When a peer that is silent is asked whether it is still there.
    pub keep_alive: KeepAlive,
    /// Proxies that are trusted to say whose the connections are that come from them.
    pub proxies: Proxies,
    /// Addresses that may not connect.
    pub bans: Arc<Bans>,
    /// Where it goes what happens.
    pub events: Arc<Events>,
}

/// What may change while the server runs.
#[derive(Debug)]
pub struct Rules {
    /// True when the certificate of a client can stand for the password of the user it names.
    pub certificate_login: bool,
    /// What an upload writes to.
    pub uploads: Uploads,
    /// Files and folders that must not lie in what anybody sees, without links in their paths.
    pub secrets: Vec<PathBuf>,
    /// Where folders have to lie, without links in their paths: what is elsewhere, the system does not let the server change.
    pub within: Option<Arc<[PathBuf]>>,
    /// The charset of names on the wire, when it is not that of the storage.
    pub charset: Option<&'static Encoding>,
    /// How many sessions there may be.
    pub sessions: SessionLimits,
    /// How many transfers of files there may be.
    pub transfers: TransferLimits,
    /// From where and when anybody may come.
    pub access: Access,
    /// How fast all transfers together may be.
    pub speed: SpeedLimits,
    /// How fast those with one address may be together.
    pub speed_of_address: SpeedLimits,
    /// When addresses are banned.
    pub bans: BanRules,
    /// Settings of the protocol. Their hosts stay the same.
    pub settings: Arc<Settings>,
    /// Who may log in.
    pub accounts: Accounts,
    /// Who may log in at each virtual host of the settings.
    pub host_accounts: Vec<Accounts>,
}

impl Rules {
    /// Who may log in at a host.
    pub(crate) fn accounts(&self, host: Host) -> Option<&Accounts> {
        match host {
            Host::Virtual(number) => self.host_accounts.get(number),
            Host::Default => Some(&self.accounts),
        }
    }
}

/// Where control connections are taken, and how.
#[derive(Debug, Clone)]
pub struct Listen {
    /// The address.
    pub address: SocketAddr,
    /// True when TLS begins at once, without `AUTH`.
    pub implicit_tls: bool,
    /// What TLS is needed for there.
    pub tls: TlsPolicy,
    /// What passive clients are told to connect to.
    pub outside: watch::Receiver<Outside>,
}

/// How many sessions there may be at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// In all. Default 10,000.
    pub total: usize,
    /// From one address. Default 1,000, so that no single one can lock out the others.
    pub per_address: usize,
}

/// How many transfers of files there may be at the same time. There are no limits where none are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TransferLimits {
    /// In all.
    pub total: Count,
    /// Of one address.
    pub per_address: Count,
}

impl Default for SessionLimits {
    fn default() -> SessionLimits {
        SessionLimits { total: 10_000, per_address: 1_000 }
    }
}
