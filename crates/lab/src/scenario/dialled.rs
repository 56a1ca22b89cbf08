//! Portolan's client where only the server can open data connections, or addresses are translated between the families.

use super::{Outcome, Scene, must};
use crate::served::Served;
use crate::sides::rules::{forward, host_firewall};
use crate::sides::{CONTROL, PUBLIC, SERVER, SERVERS, TO_SERVERS, nat};
use crate::upnp;
use portolan_testkit::network::{End, Host};
use std::fs;
use std::io;
use std::process::Stdio;

/// What the router of the client leads in.
const CHAIN: &str = "list chain inet filter prerouting_miniupnpd";

/// Nobody gets in to the server's passive ports, and the client is behind a router: that one is asked.
pub(super) fn by_router(scene: &mut Scene) -> Outcome {
    let _served = server(scene)?;
    let (client, router) = behind_nat(scene)?;
    upnp::start(&mut scene.network, &router)?;
    for source in ["pcp", "nat-pmp", "upnp", "router"] {
        let said = scene.goes(&client, PUBLIC, &["--mode", "active", "--active-address", source])?;
        must(said.contains("* the router leads 55.0.1.2:"), &said)?;
        must(!router.shown(CHAIN)?.contains("dnat"), "the router still forwards")?;
    }
    // Without being told anything.
    let said = scene.goes(&client, PUBLIC, &[])?;
    must(said.contains("* EPSV: ") && said.contains("* the router leads 55.0.1.2:"), &said)?;
    // It remembers.
    let said = scene.goes(&client, PUBLIC, &[])?;
    must(!said.contains("> EPSV") && said.contains("* the router leads 55.0.1.2:"), &said)?;
    must(!router.shown(CHAIN)?.contains("dnat"), "the router still forwards")
}

/// The router cannot be asked. Ports are forwarded by hand, and somebody outside knows the address.
pub(super) fn by_stun(scene: &mut Scene) -> Outcome {
    let _served = server(scene)?;
    let (client, router) = behind_nat(scene)?;
    let outsider = scene.outsider(1)?;
    let stun = super::address::coturn(scene, &outsider)?;
    scene.network.keep(stun);
    let active = ["--mode", "active", "--active-ports", "50000-50003"];
    let said = scene.fails(&client, PUBLIC, &active)?;
    must(said.contains("no router leads a port here"), &said)?;
    router.rules(&forward("wan", "50000-50003", "192.168.10.2"))?;
    let stun = [&active[..], &["--active-address", "stun://33.0.1.2"]].concat();
    let said = scene.goes(&client, PUBLIC, &stun)?;
    must(said.contains("* waiting for a data connection at 55.0.1.2:5000"), &said)?;
    let given = [&active[..], &["--active-address", "55.0.1.2"]].concat();
    scene.goes(&client, PUBLIC, &given)?;
    Ok(())
}

/// The client has IPv6 only, the server IPv4 only, and a router translates (RFC 6146). Only root can have its device.
pub(super) fn by_nat64(scene: &mut Scene) -> Outcome {
    if let Err(error) = fs::OpenOptions::new().write(true).open("/dev/net/tun") {
        println!("no NAT64 here: /dev/net/tun: {error}");
        return Ok(());
    }
    let server = scene.network.host("server")?;
    let (own, other) = (&SERVER[..1], &SERVERS[..1]);
    scene.network.link(&End(&server, "eth0", own), &End(&scene.internet, "servers", other))?;
    server.route(&TO_SERVERS[..1])?;
    let translator = scene.network.router("translator")?;
    scene.network.link(
        &End(&translator, "wan", &["44.0.1.2/24"]),
        &End(&scene.internet, "translator", &["44.0.1.1/24"]),
    )?;
    translator.route(&["44.0.1.1"])?;
    let client = scene.network.host("six")?;
    scene.network.link(
        &End(&client, "eth0", &["2001:db8:44::2/64"]),
        &End(&translator, "lan", &["2001:db8:44::1/64"]),
    )?;
    client.route(&["2001:db8:44::1"])?;
    scene.internet.route_to("44.0.2.0/24", "44.0.1.2")?;
    let settings = scene.file("tayga.conf");
    let text = format!(
        "tun-device nat64\nipv4-addr 44.0.2.1\nipv6-addr 2001:db8:44:1::1\nprefix 64:ff9b::/96\n\
         dynamic-pool 44.0.2.0/24\ndata-dir {}\n",
        scene.network.folder().display()
    );
    fs::write(&settings, text)?;
    let tayga = |arguments: &[&str]| {
        let mut tayga = translator.command("tayga");
        tayga.arg("-c").arg(&settings).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        tayga
    };
    must(tayga(&["--mktun"]).status()?.success(), "no device for tayga")?;
    translator.ip("link set nat64 up")?;
    translator.ip("route add 44.0.2.0/24 dev nat64")?;
    translator.ip("-6 route add 64:ff9b::/96 dev nat64")?;
    scene.network.keep(tayga(&["--nodetach"]).spawn()?);
    // 22.0.1.2
    let there = "[64:ff9b::1600:102]";
    for (epsv, verb) in [(true, "> EPSV"), (false, "> PASV")] {
        let settings = scene.file("portolan.toml");
        fs::write(&settings, format!("[[device]]\nfrom = \"0.0.0.0/0\"\nepsv = {epsv}\n"))?;
        let settings = settings.display().to_string();
        let _served = Served::start(&server, &scene.root(), &scene.file("state"), &["-c", &settings])?;
        for tls in ["off", "required"] {
            let said = scene.goes(&client, there, &["--tls", tls])?;
            must(said.contains(verb), &said)?;
        }
        // The server cannot connect to IPv6, and says so.
        let said = scene.fails(&client, there, &["--mode", "active"])?;
        must(said.contains("< 522 ") || !epsv, &said)?;
    }
    Ok(())
}

/// A server that is known, and of whose passive ports nobody knows anything outside.
fn server(scene: &mut Scene) -> io::Result<Served> {
    let server = scene.network.host("server")?;
    scene.network.link(&End(&server, "eth0", SERVER), &End(&scene.internet, "servers", SERVERS))?;
    server.route(TO_SERVERS)?;
    server.rules(&host_firewall(&CONTROL.to_string(), ""))?;
    Served::start(&server, &scene.root(), &scene.file("state"), &["--passive-ports", "50000-50003"])
}

/// A client behind a router, and the router.
fn behind_nat(scene: &mut Scene) -> io::Result<(Host, Host)> {
    let (network, internet) = (&mut scene.network, &scene.internet);
    let ends = (&["55.0.1.2/24"][..], &["55.0.1.1/24"][..]);
    let client = network.host("inner")?;
    let router = nat(network, internet, "crouter", "inner", ends, &["55.0.1.1"])?;
    network.link(&End(&client, "eth0", &["192.168.10.2/24"]), &End(&router, "lan", &["192.168.10.1/24"]))?;
    client.route(&["192.168.10.1"])?;
    Ok((client, router))
}
