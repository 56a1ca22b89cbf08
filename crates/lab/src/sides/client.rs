//! The networks that clients are in.

use super::rules::{HELPER, MASQUERADE, OUTWARDS, POOL};
use super::{CLIENT, CLIENTS, TO_CLIENTS, nat};
use crate::cell::{Mode, Way};
use portolan_testkit::network::{End, Host, Network, Quality};
use std::io;
use std::time::Duration;

/// 50 ms there and back, one frame in a hundred lost, 40 Mbit/s.
const FAR: Quality = Quality { delay: Duration::from_millis(25), lost: 10, rate: 5e6 };

/// The network that a client is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientSide {
    Open,
    /// With an address of its own, at the end of a long and bad line.
    Far,
    Firewall,
    Nat,
    NatHelper,
    NatPool,
    DoubleNat,
    Ipv6,
}

impl ClientSide {
    pub(crate) const ALL: [ClientSide; 8] = [
        ClientSide::Open,
        ClientSide::Far,
        ClientSide::Firewall,
        ClientSide::Nat,
        ClientSide::NatHelper,
        ClientSide::NatPool,
        ClientSide::DoubleNat,
        ClientSide::Ipv6,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            ClientSide::Open => "open",
            ClientSide::Far => "far away",
            ClientSide::Firewall => "firewall",
            ClientSide::Nat => "nat",
            ClientSide::NatHelper => "nat+helper",
            ClientSide::NatPool => "nat, address pool",
            ClientSide::DoubleNat => "double nat",
            ClientSide::Ipv6 => "ipv6 only",
        }
    }

    /// Whether the server can open a connection to the client, when TLS hides from the routers what is said
    /// or does not.
    fn lets_in(self, tls: bool) -> bool {
        match self {
            ClientSide::Open | ClientSide::Far | ClientSide::Ipv6 => true,
            ClientSide::NatHelper => !tls,
            ClientSide::Firewall | ClientSide::Nat | ClientSide::NatPool | ClientSide::DoubleNat => false,
        }
    }

    /// Whether the files should get through; nothing where luck decides.
    pub(crate) fn lets_through(self, way: Way) -> Option<bool> {
        match self {
            // The data connection comes from another address than the control connection: only TLS can
            // show whose it is. Who tries in several ways may have the right address at the last.
            ClientSide::NatPool if way.mode == Mode::Auto && !way.tls => None,
            ClientSide::NatPool => Some(way.mode != Mode::Active && way.tls),
            _ => Some(way.mode != Mode::Active || self.lets_in(way.tls)),
        }
    }

    /// Builds it, beside the internet; gives the client.
    pub(crate) fn build(self, network: &mut Network, internet: &Host) -> io::Result<Host> {
        let client = network.host("client")?;
        match self {
            ClientSide::Open => {
                network.link(&End(&client, "eth0", CLIENT), &End(internet, "clients", CLIENTS))?;
                client.route(TO_CLIENTS)?;
            }
            ClientSide::Far => {
                let (here, there) = (End(&client, "eth0", CLIENT), End(internet, "clients", CLIENTS));
                network.long_link(&here, &there, FAR)?;
                client.route(TO_CLIENTS)?;
            }
            ClientSide::Ipv6 => {
                network
                    .link(&End(&client, "eth0", &CLIENT[1..]), &End(internet, "clients", &CLIENTS[1..]))?;
                client.route(&TO_CLIENTS[1..])?;
            }
            ClientSide::Firewall => {
                let router = network.router("crouter")?;
                network.link(&End(&router, "wan", CLIENT), &End(internet, "clients", CLIENTS))?;
                router.route(TO_CLIENTS)?;
                let lan = End(&router, "lan", &["11.0.2.1/24"]);
                network.link(&End(&client, "eth0", &["11.0.2.2/24"]), &lan)?;
                client.route(&["11.0.2.1"])?;
                internet.route_to("11.0.2.0/24", "11.0.1.2")?;
                router.rules(OUTWARDS)?;
            }
            ClientSide::Nat | ClientSide::NatHelper => {
                let router = nat(network, internet, "crouter", "clients", (CLIENT, CLIENTS), TO_CLIENTS)?;
                let lan = End(&router, "lan", &["192.168.10.1/24"]);
                network.link(&End(&client, "eth0", &["192.168.10.2/24"]), &lan)?;
                client.route(&["192.168.10.1"])?;
                if self == ClientSide::NatHelper {
                    router.rules(HELPER)?;
                }
            }
            ClientSide::NatPool => {
                let router = network.router("crouter")?;
                let pool = ["11.0.1.2/24", "11.0.1.3/24"];
                network.link(&End(&router, "wan", &pool), &End(internet, "clients", &CLIENTS[..1]))?;
                router.route(&TO_CLIENTS[..1])?;
                router.rules(POOL)?;
                router.rules(OUTWARDS)?;
                let lan = End(&router, "lan", &["192.168.10.1/24"]);
                network.link(&End(&client, "eth0", &["192.168.10.2/24"]), &lan)?;
                client.route(&["192.168.10.1"])?;
            }
            ClientSide::DoubleNat => {
                let outer = nat(network, internet, "cprovider", "clients", (CLIENT, CLIENTS), TO_CLIENTS)?;
                let inner = network.router("crouter")?;
                let lan = End(&outer, "lan", &["100.64.0.1/24"]);
                network.link(&End(&inner, "wan", &["100.64.0.2/24"]), &lan)?;
                inner.route(&["100.64.0.1"])?;
                inner.rules(MASQUERADE)?;
                inner.rules(OUTWARDS)?;
                let lan = End(&inner, "lan", &["192.168.10.1/24"]);
                network.link(&End(&client, "eth0", &["192.168.10.2/24"]), &lan)?;
                client.route(&["192.168.10.1"])?;
            }
        }
        Ok(client)
    }
}
