//! Dynamic DNS: a name in the DNS that follows this machine's address.
//!
//! A record is only written when the address has changed, or has not been written for long; what a service says
//! about stopping or waiting is obeyed, over restarts too.

mod cloudflare;
mod duckdns;
mod dyndns2;
mod rfc2136;
mod state;
mod updater;

pub use rfc2136::{Algorithm, Key};
pub use updater::Updater;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// A name, and who keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Record {
    /// The name, without a dot at its end.
    pub name: String,
    /// Who keeps it.
    pub service: Service,
    /// Whether the machine's IPv6 address is written too.
    pub ipv6: bool,
}

/// Who keeps names.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Service {
    /// Who speaks the protocol that Dyn began with: No-IP, and many others.
    Dyndns2 {
        /// The page that is asked.
        page: String,
        /// Who asks.
        user: String,
        /// With what.
        password: String,
    },
    /// Cloudflare.
    Cloudflare {
        /// Where its interface is.
        page: String,
        /// The zone that the name is in.
        zone: String,
        /// A token that may edit its records.
        token: String,
    },
    /// Duck DNS.
    DuckDns {
        /// The page that is asked.
        page: String,
        /// The token of the account.
        token: String,
    },
    /// A name server that takes updates (RFC 2136).
    Rfc2136 {
        /// Its name or address, and its port.
        server: String,
        /// The zone that the name is in.
        zone: String,
        /// What updates are signed with (RFC 8945).
        key: Option<Key>,
        /// How long others may remember the address.
        ttl: u32,
    },
}

impl std::fmt::Debug for Service {
    /// Without what is secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Service::Dyndns2 { page, .. } => page,
            Service::Cloudflare { .. } => "Cloudflare",
            Service::DuckDns { .. } => "Duck DNS",
            Service::Rfc2136 { server, .. } => server,
        })
    }
}

/// The addresses that a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Addresses {
    pub(crate) v4: Option<Ipv4Addr>,
    pub(crate) v6: Option<Ipv6Addr>,
}

/// How an update ended that did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It may be tried again, after this time if the service says so.
    Later(Option<Duration>, String),
    /// It must not be tried again until somebody has changed the settings.
    Never(String),
}

impl Refusal {
    #[expect(clippy::needless_pass_by_value, reason = "so that `map_err` can be given it")]
    fn later(why: impl ToString) -> Refusal {
        Refusal::Later(None, why.to_string())
    }
}

impl Record {
    /// Writes these addresses.
    async fn write(&self, addresses: Addresses) -> Result<(), Refusal> {
        let name = &self.name;
        match &self.service {
            Service::Dyndns2 { page, user, password } => {
                dyndns2::write(page, user, password, name, addresses).await
            }
            Service::Cloudflare { page, zone, token } => {
                cloudflare::write(page, zone, token, name, addresses).await
            }
            Service::DuckDns { page, token } => duckdns::write(page, token, name, addresses).await,
            Service::Rfc2136 { server, zone, key, ttl } => {
                rfc2136::write(server, zone, key.as_ref(), *ttl, name, addresses).await
            }
        }
    }
}
