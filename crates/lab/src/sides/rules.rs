//! Rules of nftables that routers of several kinds have.

/// A router to the internet that hides who is behind it.
pub(crate) const MASQUERADE: &str = r#"
table ip nat {
  chain post { type nat hook postrouting priority srcnat; oifname "wan" masquerade
  }
}
"#;

/// One that gives every other connection another address.
pub(crate) const POOL: &str = r#"
table ip nat {
  chain post { type nat hook postrouting priority srcnat;
    oifname "wan" snat to numgen inc mod 2 map { 0 : 11.0.1.2, 1 : 11.0.1.3 }
  }
}
"#;

/// A firewall that lets everything out and answers in.
pub(crate) const OUTWARDS: &str = r#"
table inet firewall {
  chain forward { type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "lan" accept
    ct status dnat accept
  }
}
"#;

/// The helper of the kernel, that reads the control connection and opens what it announces.
pub(crate) const HELPER: &str = r#"
table inet helper {
  ct helper ftp-control { type "ftp" protocol tcp; l3proto ip; }
  chain pre { type filter hook prerouting priority filter;
    tcp dport { 21, 2121 } ct helper set "ftp-control"
  }
}
"#;

/// The chains that miniupnpd writes its mappings into.
pub(crate) const UPNP: &str = r"
table inet filter {
  chain miniupnpd { }
  chain prerouting_miniupnpd { }
  chain postrouting_miniupnpd { }
  chain forward { type filter hook forward priority -5; policy accept;
    jump miniupnpd
  }
  chain prerouting { type nat hook prerouting priority -100; policy accept;
    jump prerouting_miniupnpd
  }
  chain postrouting { type nat hook postrouting priority 100; policy accept;
    jump postrouting_miniupnpd
  }
}
";

/// A host's own firewall that lets in answers and these ports, and what another line says.
pub(crate) fn host_firewall(ports: &str, line: &str) -> String {
    format!(
        "table inet firewall {{
           chain input {{ type filter hook input priority 0; policy drop;
             iifname lo accept
             ct state established,related accept
             meta l4proto ipv6-icmp accept
             tcp dport {{ {ports} }} accept
             {line}
           }}
         }}"
    )
}

/// What comes from outside to these ports goes to a host within. `to` is an address, or a balancer of several.
pub(crate) fn forward(device: &str, ports: &str, to: &str) -> String {
    format!(
        "table ip nat {{
           chain pre {{ type nat hook prerouting priority dstnat;
             iifname {device} tcp dport {{ {ports} }} dnat to {to}
           }}
         }}"
    )
}
