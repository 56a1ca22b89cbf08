//! The networks that clients and servers are in, each in a few lines.
//!
//! Between them is the internet: 11.0.1.0/24 leads to clients, 22.0.1.0/24 to servers.

use crate::cell::Way;
use crate::network::{End, Host, Network};
use std::io;

/// The port of the server's control connection, and those of passive data connections.
pub(crate) const CONTROL: u16 = 2121;
pub(crate) const RANGE: (u16, u16) = (50_000, 50_003);

/// Where the internet meets the two sides.
const CLIENTS: &[&str] = &["11.0.1.1/24", "2001:db8:11::1/64"];
const SERVERS: &[&str] = &["22.0.1.1/24", "2001:db8:22::1/64"];
/// The address of each side there.
const CLIENT: &[&str] = &["11.0.1.2/24", "2001:db8:11::2/64"];
const SERVER: &[&str] = &["22.0.1.2/24", "2001:db8:22::2/64"];
const TO_CLIENTS: &[&str] = &["11.0.1.1", "2001:db8:11::1"];
const TO_SERVERS: &[&str] = &["22.0.1.1", "2001:db8:22::1"];

/// A router to the internet that hides who is behind it.
const MASQUERADE: &str = r#"
table ip nat {
  chain post { type nat hook postrouting priority srcnat; oifname "wan" masquerade
  }
}
"#;

/// One that gives every other connection another address.
const POOL: &str = r#"
table ip nat {
  chain post { type nat hook postrouting priority srcnat;
    oifname "wan" snat to numgen inc mod 2 map { 0 : 11.0.1.2, 1 : 11.0.1.3 }
  }
}
"#;

/// A firewall that lets everything out and answers in.
const OUTWARDS: &str = r#"
table inet firewall {
  chain forward { type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "lan" accept
    ct status dnat accept
  }
}
"#;

/// The helper of the kernel, that reads the control connection and opens what it announces.
const HELPER: &str = r#"
table inet helper {
  ct helper ftp-control { type "ftp" protocol tcp; l3proto ip; }
  chain pre { type filter hook prerouting priority filter;
    tcp dport { 21, 2121 } ct helper set "ftp-control"
  }
}
"#;

/// The network that a client is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientSide {
    Open,
    Firewall,
    Nat,
    NatHelper,
    NatPool,
    DoubleNat,
    Ipv6,
}

/// The network that a server is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerSide {
    Open,
    FirewallRange,
    /// With nothing but the control port open.
    FirewallControl,
    NatRange,
    /// With nothing but the control port forwarded.
    NatControl,
}

impl ClientSide {
    pub(crate) const ALL: [ClientSide; 7] = [
        ClientSide::Open,
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
            ClientSide::Open | ClientSide::Ipv6 => true,
            ClientSide::NatHelper => !tls,
            ClientSide::Firewall | ClientSide::Nat | ClientSide::NatPool | ClientSide::DoubleNat => false,
        }
    }

    /// Whether the files should get through.
    pub(crate) fn lets_through(self, way: Way) -> bool {
        match self {
            // The data connection comes from another address than the control connection: only TLS can
            // show whose it is.
            ClientSide::NatPool => way.passive && way.tls,
            _ => way.passive || self.lets_in(way.tls),
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

/// A NAT router at the internet.
fn nat(
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

impl ServerSide {
    pub(crate) const ALL: [ServerSide; 5] = [
        ServerSide::Open,
        ServerSide::FirewallRange,
        ServerSide::FirewallControl,
        ServerSide::NatRange,
        ServerSide::NatControl,
    ];

    /// Whether only the control port leads in.
    fn is_control_only(self) -> bool {
        matches!(self, ServerSide::FirewallControl | ServerSide::NatControl)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            ServerSide::Open => "open",
            ServerSide::FirewallRange => "firewall, range open",
            ServerSide::FirewallControl => "firewall, control port open",
            ServerSide::NatRange => "nat, range forwarded",
            ServerSide::NatControl => "nat, control port forwarded",
        }
    }

    /// Whether it can be reached over IPv6.
    pub(crate) fn has_ipv6(self) -> bool {
        !matches!(self, ServerSide::NatRange | ServerSide::NatControl)
    }

    /// What the server has to be told about its network.
    pub(crate) fn settings(self) -> &'static [&'static str] {
        match self {
            ServerSide::Open | ServerSide::FirewallRange => &[],
            ServerSide::FirewallControl => &["--one-port"],
            ServerSide::NatRange => &["--announce", "22.0.1.2"],
            ServerSide::NatControl => &["--one-port", "--announce", "22.0.1.2"],
        }
    }

    /// Builds it, beside the internet; gives the server.
    pub(crate) fn build(self, network: &mut Network, internet: &Host) -> io::Result<Host> {
        let server = network.host("server")?;
        let (first, last) = RANGE;
        let open =
            if self.is_control_only() { format!("{CONTROL}") } else { format!("{CONTROL}, {first}-{last}") };
        match self {
            ServerSide::Open | ServerSide::FirewallRange | ServerSide::FirewallControl => {
                network.link(&End(&server, "eth0", SERVER), &End(internet, "servers", SERVERS))?;
                server.route(TO_SERVERS)?;
                if self != ServerSide::Open {
                    server.rules(&format!(
                        "table inet firewall {{
                           chain input {{ type filter hook input priority 0; policy drop;
                             iifname lo accept
                             ct state established,related accept
                             meta l4proto ipv6-icmp accept
                             tcp dport {{ {open} }} accept
                           }}
                         }}"
                    ))?;
                }
            }
            ServerSide::NatRange | ServerSide::NatControl => {
                let router = nat(network, internet, "srouter", "servers", (SERVER, SERVERS), TO_SERVERS)?;
                let lan = End(&router, "lan", &["10.20.0.1/24"]);
                network.link(&End(&server, "eth0", &["10.20.0.2/24"]), &lan)?;
                server.route(&["10.20.0.1"])?;
                router.rules(&format!(
                    "table ip nat {{
                       chain pre {{ type nat hook prerouting priority dstnat;
                         iifname wan tcp dport {{ {open} }} dnat to 10.20.0.2
                       }}
                     }}"
                ))?;
            }
        }
        Ok(server)
    }
}
