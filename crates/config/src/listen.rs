//! Where control connections are taken.

use crate::file::Check;
use crate::reach::{self, OneOrMore};
use crate::values::{parse_address, parse_tls};
use portolan_proto::server::TlsPolicy;
use portolan_reach::source::AddressSource;
use serde::Deserialize;
use std::net::SocketAddr;
use toml::Spanned;

/// A place where control connections are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The address.
    pub address: SocketAddr,
    /// True when TLS begins at once.
    pub implicit_tls: bool,
    /// What TLS is needed for there, if that is not what it is needed for everywhere.
    pub tls: Option<TlsPolicy>,
    /// Where the address comes from that its passive clients are told, if not from where it does everywhere.
    pub announce: Option<Vec<AddressSource>>,
}

impl Listener {
    /// One where TLS begins with `AUTH`, if at all.
    pub fn explicit(address: SocketAddr) -> Listener {
        Listener { address, implicit_tls: false, tls: None, announce: None }
    }

    /// One where TLS begins at once.
    pub fn implicit(address: SocketAddr) -> Listener {
        Listener { address, implicit_tls: true, tls: None, announce: None }
    }
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected an address like \"0.0.0.0:2121\", or { address = …, tls = …, announce = … }"
)]
pub(crate) enum Entry {
    Address(String),
    Table(Table),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    address: String,
    tls: Option<String>,
    announce: Option<OneOrMore>,
}

/// The places that entries mean; what is wrong is noted. `implicit`: TLS begins at once there, and this is
/// what it is needed for everywhere.
pub(crate) fn listeners(
    entries: Vec<Spanned<Entry>>,
    implicit: Option<TlsPolicy>,
    check: &mut Check<'_>,
) -> Vec<Listener> {
    let mut listeners = Vec::new();
    for entry in entries {
        let span = entry.span();
        let (address, tls, announce) = match entry.into_inner() {
            Entry::Address(address) => (address, None, None),
            Entry::Table(table) => (table.address, table.tls, table.announce),
        };
        let announce = announce.map(|announce| reach::sources(Spanned::new(span.clone(), announce), check));
        let tls = tls.and_then(|tls| check.value(&Spanned::new(span.clone(), tls), parse_tls));
        if implicit.is_some_and(|everywhere| tls.unwrap_or(everywhere) == TlsPolicy::Off) {
            let text = "TLS is off, and cannot begin at once then; leave this listener out, or write tls = \"offer\"";
            check.wrong(&Spanned::new(span.clone(), ()), text.to_owned());
        }
        if let Some(address) = check.value(&Spanned::new(span, address), parse_address) {
            listeners.push(Listener { address, implicit_tls: implicit.is_some(), tls, announce });
        }
    }
    listeners
}
