//! Routers that forward what they are asked for.

use super::talk::Talk;
use super::{Outcome, Scene, must, wait_until};
use crate::served::Served;
use crate::sides::{CONTROL, PUBLIC, SERVER, SERVERS, TO_SERVERS, behind_nat, nat};
use crate::upnp;
use portolan_testkit::network::{End, Host};
use std::fs;
use std::io;

/// Where miniupnpd writes what it forwards.
const CHAIN: &str = "list chain inet filter prerouting_miniupnpd";

/// Ports are asked for, asked for again when the router has forgotten, and given back.
pub(super) fn restart(scene: &mut Scene, way: &str) -> Outcome {
    let (server, router) = behind(scene)?;
    let settings = upnp::write(scene.network.folder())?;
    let mut daemon = upnp::daemon(&router, &settings)?;
    let way = format!("--map-ports={way}");
    let served = Served::start(&server, &scene.root(), &scene.file("state"), &["--one-port", &way])?;
    served.wait_for("leads TCP port 2121")?;
    scene.must_transfer()?;
    // Longer than the router's clock may be wrong.
    std::thread::sleep(std::time::Duration::from_secs(4));
    daemon.kill()?;
    daemon.wait()?;
    for chain in ["miniupnpd", "prerouting_miniupnpd", "postrouting_miniupnpd"] {
        router.shown(&format!("flush chain inet filter {chain}"))?;
    }
    let _ = fs::remove_file(scene.file("leases"));
    let public = format!("{PUBLIC}:{CONTROL}");
    must(!scene.transfers(&scene.client, &public, &[])?, "the router forwards though it forgot")?;
    scene.network.keep(upnp::daemon(&router, &settings)?);
    wait_until("the port is forwarded again", || Ok(router.shown(CHAIN)?.contains("dnat")))
        .map_err(|error| io::Error::other(format!("{error}\n{}", served.log())))?;
    scene.must_transfer()?;
    served.stop()?;
    must(!router.shown(CHAIN)?.contains("dnat"), "the port is forwarded though the server has stopped")
}

/// Somebody else has the port outside: the one that the router gives instead is announced.
pub(super) fn another_port(scene: &mut Scene) -> Outcome {
    let (network, internet) = (&mut scene.network, &scene.internet);
    let router = nat(network, internet, "srouter", "servers", (SERVER, SERVERS), TO_SERVERS)?;
    router.bridge("lan", "10.20.0.1/24")?;
    let mut hosts = Vec::new();
    for (name, address) in [("first", "10.20.0.2/24"), ("second", "10.20.0.3/24")] {
        let host = network.host(name)?;
        network.plug(&End(&host, "eth0", &[address]), &router, "lan", name)?;
        host.route(&["10.20.0.1"])?;
        hosts.push(host);
    }
    upnp::start(network, &router)?;
    let ask = ["--one-port", "--map-ports"];
    let first = Served::start(&hosts[0], &scene.root(), &scene.file("state1"), &ask)?;
    first.wait_for("leads TCP port 2121")?;
    let second = Served::start(&hosts[1], &scene.root(), &scene.file("state2"), &ask)?;
    second.wait_for("leads TCP port 2121 (outside ")?;
    let log = second.log();
    let outside = log.split_once("(outside ").and_then(|(_, rest)| rest.split_once(')'));
    let outside = outside.map(|(port, _)| format!("{PUBLIC}:{port}")).unwrap_or_default();
    let told = Talk::log_in(&scene.client, &outside)?.passive()?.to_string();
    must(told == outside, &format!("{told} is announced, and not {outside}"))?;
    for way in [&["--ftp-pasv", "--no-ftp-skip-pasv-ip", "--disable-epsv"][..], &[]] {
        must(scene.transfers(&scene.client, &outside, way)?, "a file does not get through")?;
    }
    scene.must_transfer()
}

/// A server that was killed asks for the same again, and the router gives it.
pub(super) fn crash(scene: &mut Scene) -> Outcome {
    let (server, router) = behind(scene)?;
    let settings = upnp::write(scene.network.folder())?;
    scene.network.keep(upnp::daemon(&router, &settings)?);
    let ask = ["--one-port", "--map-ports=pcp"];
    for _ in 0..2 {
        let served = Served::start(&server, &scene.root(), &scene.file("state"), &ask)?;
        served.wait_for("22.0.1.2 leads TCP port 2121 to this server")?;
        scene.must_transfer()?;
        served.signal("KILL")?;
    }
    Ok(())
}

/// A server behind a router that forwards nothing by itself.
fn behind(scene: &mut Scene) -> io::Result<(Host, Host)> {
    let server = scene.network.host("server")?;
    let router = behind_nat(&mut scene.network, &scene.internet, &server, "10.20.0.2/24")?;
    router.rules(crate::sides::rules::UPNP)?;
    Ok((server, router))
}
