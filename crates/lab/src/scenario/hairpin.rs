//! A client on the server's own network that asks for the public address, and is turned round by the router.

use super::talk::Talk;
use super::{Outcome, Scene, must};
use crate::served::Served;
use crate::sides::{CONTROL, PUBLIC, SERVER, SERVERS, TO_SERVERS, nat};
use portolan_testkit::network::End;

pub(super) fn run(scene: &mut Scene) -> Outcome {
    let (network, internet) = (&mut scene.network, &scene.internet);
    let router = nat(network, internet, "srouter", "servers", (SERVER, SERVERS), TO_SERVERS)?;
    router.bridge("lan", "10.20.0.1/24")?;
    let mut hosts = Vec::new();
    for (name, address) in [("server", "10.20.0.2/24"), ("neighbour", "10.20.0.50/24")] {
        let host = network.host(name)?;
        network.plug(&End(&host, "eth0", &[address]), &router, "lan", name)?;
        host.route(&["10.20.0.1"])?;
        hosts.push(host);
    }
    let [server, neighbour] = &hosts[..] else { return must(false, "two hosts") };
    router.rules(&format!(
        "table ip turn {{
           chain pre {{ type nat hook prerouting priority dstnat;
             ip daddr {PUBLIC} tcp dport {{ {CONTROL}, 50000-50003 }} dnat to 10.20.0.2
           }}
           chain post {{ type nat hook postrouting priority srcnat;
             ip saddr 10.20.0.0/24 ip daddr 10.20.0.2 masquerade
           }}
         }}"
    ))?;
    let settings = ["--announce", PUBLIC, "--passive-ports", "50000-50003"];
    let _served = Served::start(server, &scene.root(), &scene.file("state"), &settings)?;
    let pasv = ["--disable-epsv", "--no-ftp-skip-pasv-ip"];
    for (who, at) in [(neighbour, PUBLIC), (neighbour, "10.20.0.2"), (&scene.client, PUBLIC)] {
        let place = format!("{at}:{CONTROL}");
        let told = Talk::log_in(who, &place)?.passive()?.ip().to_string();
        must(told == at, &format!("who comes to {at} is told {told}"))?;
        for way in [&pasv[..], &[]] {
            must(scene.transfers(who, &place, way)?, &format!("a file does not get to {at}"))?;
        }
    }
    Ok(())
}
