//! What a connection is made with.

use crate::active::ActiveAddress;
use crate::charset::Charset;
use crate::event::Observer;
use crate::proxy::Proxy;
use crate::tls::Trust;
use portolan_proto::client::{Credentials, Gateway, Host, Patience, TlsPolicy, Way};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Who opens data connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// This side, and where that does not work, the server.
    #[default]
    Auto,
    /// This side.
    Passive,
    /// The server.
    Active,
}

impl Mode {
    /// The ways that belong to it, in the order in which they are worth a try.
    pub fn ways(self) -> &'static [Way] {
        match self {
            Mode::Auto => &Way::ALL,
            Mode::Passive => &Way::PASSIVE,
            Mode::Active => &[Way::Active],
        }
    }
}

/// What a connection is made with.
#[derive(Clone)]
pub struct Options {
    /// The name or the address of the server.
    pub host: String,
    /// Its port: 21, or 990 where TLS begins at once.
    pub port: u16,
    /// The proxy on the way there, if there is one. Through one of SOCKS or HTTP there is no active mode.
    pub proxy: Option<Proxy>,
    /// What TLS is used for.
    pub tls: TlsPolicy,
    /// Whose certificates are trusted, and what is shown where the server asks for one.
    pub trust: Trust,
    /// Who logs in.
    pub credentials: Credentials,
    /// Ways to have a data connection, in the order in which they are tried.
    pub ways: Vec<Way>,
    /// In active mode, the ports that this side may listen on; any, if there are none.
    pub active_ports: Option<RangeInclusive<u16>>,
    /// In active mode, the address that the server is told.
    pub active_address: ActiveAddress,
    /// The charset of names on the server. Without one they are the bytes that they are, and UTF-8 where the server wants to
    /// know.
    pub charset: Option<Charset>,
    /// The address of this side.
    pub bind: Option<IpAddr>,
    /// How long a control connection may take to open.
    pub connect: Duration,
    /// How long data may stand still.
    pub stall: Duration,
    /// How long everything else may take.
    pub patience: Patience,
    /// Who is told what happens.
    pub observer: Option<Observer>,
}

impl Options {
    /// What is usual, for a guest.
    pub fn new(host: impl Into<String>) -> Options {
        Options {
            host: host.into(),
            port: 21,
            proxy: None,
            tls: TlsPolicy::Auto,
            trust: Trust::default(),
            credentials: Credentials::anonymous(),
            ways: Mode::Auto.ways().to_vec(),
            active_ports: None,
            active_address: ActiveAddress::default(),
            charset: None,
            bind: None,
            connect: Duration::from_secs(20),
            stall: Duration::from_secs(60),
            patience: Patience::default(),
            observer: None,
        }
    }

    /// The proxy that carries connections, if there is one.
    pub(crate) fn carrier(&self) -> Option<&Proxy> {
        self.proxy.as_ref().filter(|proxy| proxy.carries())
    }

    /// The FTP proxy, if there is one.
    fn gateway(&self) -> Option<&Proxy> {
        self.proxy.as_ref().filter(|proxy| !proxy.carries())
    }

    /// Who is at the other end of the control connection, and shows a certificate: the server, or the FTP proxy before it.
    pub fn partner(&self) -> (&str, u16) {
        self.gateway().map_or((&self.host, self.port), |proxy| (proxy.host(), proxy.port()))
    }

    /// What the session has to know of the FTP proxy.
    pub(crate) fn onward(&self) -> Option<Gateway> {
        let proxy = self.gateway()?;
        let target = match (self.port, self.host.contains(':')) {
            (21, false) => self.host.clone(),
            (port, _) => Host::new(&self.host).at(port).to_string(),
        };
        Some(Gateway { target, login: proxy.credentials() })
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}
