//! The networks that servers are in, and what a server has to be told about each.

use super::rules::{MASQUERADE, OUTWARDS, forward, host_firewall};
use super::{CONTROL, ClientSide, PUBLIC, SERVER, SERVERS, TO_SERVERS, nat};
use crate::upnp;
use portolan_testkit::network::{End, Host, Network};
use std::io;

/// The passive ports of a server, and those of a second one.
const RANGE: &str = "50000-50003";
const SECOND_RANGE: &str = "50010-50013";

/// The network that a server is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerSide {
    Open,
    FirewallRange,
    /// With nothing but the control port open.
    FirewallControl,
    /// With nothing but the control port open, and a line for what pinholes let in.
    Pinholes,
    NatRange,
    /// With nothing but the control port forwarded.
    NatControl,
    /// Behind a router that forwards what it is asked for by PCP.
    Pcp,
    /// Behind one that is asked by UPnP.
    Upnp,
    /// A container, whose host forwards the control port to it.
    Container,
    /// Two servers behind a balancer, each with passive ports of its own.
    Balancer,
}

/// A host that a server runs on, and what the server is told.
pub(crate) struct Place {
    pub(crate) host: Host,
    pub(crate) settings: Vec<String>,
    /// The passive ports.
    pub(crate) range: &'static str,
    /// The world knows it by another address than its own.
    pub(crate) announced: bool,
}

impl ServerSide {
    pub(crate) const ALL: [ServerSide; 10] = [
        ServerSide::Open,
        ServerSide::FirewallRange,
        ServerSide::FirewallControl,
        ServerSide::Pinholes,
        ServerSide::NatRange,
        ServerSide::NatControl,
        ServerSide::Pcp,
        ServerSide::Upnp,
        ServerSide::Container,
        ServerSide::Balancer,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            ServerSide::Open => "open",
            ServerSide::FirewallRange => "firewall, range open",
            ServerSide::FirewallControl => "firewall, control port open",
            ServerSide::Pinholes => "firewall, pinholes",
            ServerSide::NatRange => "nat, range forwarded",
            ServerSide::NatControl => "nat, control port forwarded",
            ServerSide::Pcp => "nat, pcp, nothing forwarded",
            ServerSide::Upnp => "nat, upnp, nothing forwarded",
            ServerSide::Container => "container bridge",
            ServerSide::Balancer => "balancer, two servers",
        }
    }

    /// Whether the pair is tried: both have to have the same family of addresses, and a hole for one address is
    /// none for a client of several.
    pub(crate) fn meets(self, client: ClientSide) -> bool {
        match client {
            ClientSide::Ipv6 => matches!(
                self,
                ServerSide::Open
                    | ServerSide::FirewallRange
                    | ServerSide::FirewallControl
                    | ServerSide::Pinholes
            ),
            ClientSide::NatPool => self != ServerSide::Pinholes,
            _ => true,
        }
    }

    /// What the server has to be told about its network.
    fn settings(self) -> &'static [&'static str] {
        match self {
            ServerSide::Open | ServerSide::FirewallRange => &[],
            ServerSide::FirewallControl => &["--one-port"],
            ServerSide::Pinholes => &["--pinholes"],
            ServerSide::NatRange | ServerSide::Balancer => &["--announce", PUBLIC],
            ServerSide::NatControl | ServerSide::Container => &["--one-port", "--announce", PUBLIC],
            ServerSide::Pcp => &["--map-ports=pcp"],
            ServerSide::Upnp => &["--one-port", "--map-ports=upnp"],
        }
    }

    /// Whether the world knows the server by another address than its own.
    fn is_hidden(self) -> bool {
        !matches!(
            self,
            ServerSide::Open | ServerSide::FirewallRange | ServerSide::FirewallControl | ServerSide::Pinholes
        )
    }

    /// What the server's log says when it can be reached, where that takes longer than its start.
    pub(crate) fn ready(self) -> Option<&'static str> {
        matches!(self, ServerSide::Pcp | ServerSide::Upnp).then_some("leads TCP port")
    }

    fn place(self, host: Host, range: &'static str) -> Place {
        let settings = self.settings().iter().copied().chain(["--passive-ports", range]);
        Place { host, settings: settings.map(str::to_owned).collect(), range, announced: self.is_hidden() }
    }

    /// Builds it, beside the internet; gives the places of servers.
    pub(crate) fn build(self, network: &mut Network, internet: &Host) -> io::Result<Vec<Place>> {
        let server = network.host("server")?;
        let with_range = format!("{CONTROL}, {RANGE}");
        let only = CONTROL.to_string();
        match self {
            ServerSide::Open
            | ServerSide::FirewallRange
            | ServerSide::FirewallControl
            | ServerSide::Pinholes => {
                network.link(&End(&server, "eth0", SERVER), &End(internet, "servers", SERVERS))?;
                server.route(TO_SERVERS)?;
                match self {
                    ServerSide::FirewallRange => server.rules(&host_firewall(&with_range, ""))?,
                    ServerSide::FirewallControl => server.rules(&host_firewall(&only, ""))?,
                    ServerSide::Pinholes => {
                        server.rules(&host_firewall(&only, "meta mark 0x706f7274 accept"))?;
                    }
                    _ => {}
                }
            }
            ServerSide::NatRange | ServerSide::NatControl | ServerSide::Pcp | ServerSide::Upnp => {
                let router = behind_nat(network, internet, &server, "10.20.0.2/24")?;
                match self {
                    ServerSide::NatRange => router.rules(&forward("wan", &with_range, "10.20.0.2"))?,
                    ServerSide::NatControl => router.rules(&forward("wan", &only, "10.20.0.2"))?,
                    _ => upnp::start(network, &router)?,
                }
            }
            ServerSide::Container => {
                let host = network.router("dockerhost")?;
                network.link(&End(&host, "wan", &SERVER[..1]), &End(internet, "servers", &SERVERS[..1]))?;
                host.route(&TO_SERVERS[..1])?;
                host.bridge("lan", "172.17.0.1/16")?;
                network.plug(&End(&server, "eth0", &["172.17.0.2/16"]), &host, "lan", "port0")?;
                server.route(&["172.17.0.1"])?;
                host.rules(MASQUERADE)?;
                host.rules(OUTWARDS)?;
                host.rules(&forward("wan", &only, "172.17.0.2"))?;
            }
            ServerSide::Balancer => {
                let second = network.host("server2")?;
                let router = nat(network, internet, "balancer", "servers", (SERVER, SERVERS), TO_SERVERS)?;
                router.bridge("lan", "10.20.0.1/24")?;
                for (host, address, port) in
                    [(&server, "10.20.0.2/24", "port0"), (&second, "10.20.0.3/24", "port1")]
                {
                    network.plug(&End(host, "eth0", &[address]), &router, "lan", port)?;
                    host.route(&["10.20.0.1"])?;
                }
                // Every other connection goes to the other server, whoever it comes from.
                let turns = "numgen inc mod 2 map { 0 : 10.20.0.2, 1 : 10.20.0.3 }";
                router.rules(&forward("wan", &only, turns))?;
                router.rules(&forward("wan", RANGE, "10.20.0.2"))?;
                router.rules(&forward("wan", SECOND_RANGE, "10.20.0.3"))?;
                return Ok(vec![self.place(server, RANGE), self.place(second, SECOND_RANGE)]);
            }
        }
        Ok(vec![self.place(server, RANGE)])
    }
}

/// Puts a server behind a NAT router.
pub(crate) fn behind_nat(
    network: &mut Network,
    internet: &Host,
    server: &Host,
    address: &str,
) -> io::Result<Host> {
    let router = nat(network, internet, "srouter", "servers", (SERVER, SERVERS), TO_SERVERS)?;
    network.link(&End(server, "eth0", &[address]), &End(&router, "lan", &["10.20.0.1/24"]))?;
    server.route(&["10.20.0.1"])?;
    Ok(router)
}
