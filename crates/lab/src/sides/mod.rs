//! The networks that clients and servers are in, each in a few lines.
//!
//! Between them is the internet: 11.0.1.0/24 leads to clients, 22.0.1.0/24 to servers.

mod client;
pub(crate) mod rules;
mod server;

pub(crate) use client::ClientSide;
pub(crate) use server::{Place, ServerSide, behind_nat};

use portolan_testkit::network::{End, Host, Network};
use rules::{MASQUERADE, OUTWARDS};
use std::io;

/// The port of the server's control connection.
pub(crate) const CONTROL: u16 = 2121;

/// Where the internet meets the two sides.
pub(crate) const CLIENTS: &[&str] = &["11.0.1.1/24", "2001:db8:11::1/64"];
pub(crate) const SERVERS: &[&str] = &["22.0.1.1/24", "2001:db8:22::1/64"];
/// The address of each side there.
pub(crate) const CLIENT: &[&str] = &["11.0.1.2/24", "2001:db8:11::2/64"];
pub(crate) const SERVER: &[&str] = &["22.0.1.2/24", "2001:db8:22::2/64"];
pub(crate) const TO_CLIENTS: &[&str] = &["11.0.1.1", "2001:db8:11::1"];
pub(crate) const TO_SERVERS: &[&str] = &["22.0.1.1", "2001:db8:22::1"];
/// What the world knows servers by.
pub(crate) const PUBLIC: &str = "22.0.1.2";

/// A NAT router at the internet.
pub(crate) fn nat(
    network: &mut Network,
    internet: &Host,
    name: &str,
    device: &str,
    (own, other): (&[&str], &[&str]),
    gateways: &[&str],
) -> io::Result<Host> {
    let router = network.router(name)?;
    network.link(&End(&router, "wan", own), &End(internet, device, other))?;
    router.route(gateways)?;
    router.rules(MASQUERADE)?;
    router.rules(OUTWARDS)?;
    Ok(router)
}
