//! What is told while it happens.

use crate::Resumed;
use crate::error::Error;
use crate::proxy::Proxy;
use portolan_proto::client::{Left, Place};
use portolan_reach::mapping::Mapping;
use portolan_wire::Received;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What happens on a connection. None of it holds a password.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// This address is tried.
    Connecting(SocketAddr),
    /// There is a control connection, or one to the proxy that is to carry it; after this time.
    Connected(SocketAddr, Duration),
    /// It could not be had there.
    NotConnected(SocketAddr, &'a std::io::Error),
    /// The proxy is asked for a connection to there.
    Through(&'a Proxy, &'a Place),
    /// TLS has begun on the control connection: its version, its suite, how long that took.
    Protected(&'a str, &'a str, Duration),
    /// The server does not protect what could be: this is what it said.
    InTheClear(&'a Received),
    /// A command was sent.
    Sent(&'a str),
    /// A reply came; how long after the command or the reply before.
    Heard(&'a Received, Duration),
    /// A data connection goes there.
    DataTo(&'a Place),
    /// The server is to open a data connection to there.
    DataFrom(SocketAddr),
    /// The router was asked to lead a port here, and does.
    Led(&'a Mapping),
    /// Servers outside cannot know this address, and no router leads anything here; why.
    NotLed(SocketAddr, &'a str),
    /// There is a data connection; after this time.
    DataOpen(Duration),
    /// TLS has begun on it; how long that took.
    DataProtected(Resumed, Duration),
    /// A way to a data connection was left.
    LeftWay(&'a Left),
    /// The server takes no more sessions than there are; it goes on with those.
    FewerSessions(&'a Error),
    /// Something failed, and is tried again after this time.
    Again(&'a Error, Duration),
}

/// Who is told.
pub type Observer = Arc<dyn Fn(&Event<'_>) + Send + Sync>;
