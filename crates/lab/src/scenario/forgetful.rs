//! A router that forgets connections on which nothing is said for six seconds.

use super::{Outcome, Scene, must};
use crate::served::Served;
use crate::sides::{CONTROL, PUBLIC, SERVER, SERVERS, TO_SERVERS, nat};
use portolan_testkit::network::{End, Host};
use std::fs;
use std::io;

/// A control connection says nothing while a long transfer runs; keep-alive speaks in its stead.
pub(super) fn reminded(scene: &mut Scene) -> Outcome {
    let (_served, client) = set_up(scene, 1)?;
    must(long_transfer(scene, &client)?, "the control connection was forgotten")
}

/// Without it, the client never hears that all is there.
pub(super) fn forgotten(scene: &mut Scene) -> Outcome {
    let (_served, client) = set_up(scene, 0)?;
    must(!long_transfer(scene, &client)?, "the router remembers, so that nothing was tried")
}

/// A server with a file that is larger than all buffers on the way, and a client behind such a router.
fn set_up(scene: &mut Scene, keep_alive: u64) -> io::Result<(Served, Host)> {
    let server = scene.network.host("server")?;
    scene.network.link(&End(&server, "eth0", SERVER), &End(&scene.internet, "servers", SERVERS))?;
    server.route(TO_SERVERS)?;
    let client = behind_forgetful_router(scene)?;
    let settings = scene.file("portolan.toml");
    fs::write(&settings, format!("keep-alive = {keep_alive}\n"))?;
    let settings = settings.display().to_string();
    let served = Served::start(&server, &scene.root(), &scene.file("state"), &["-c", &settings])?;
    fs::write(scene.root().join("file"), content())?;
    Ok((served, client))
}

fn content() -> Vec<u8> {
    vec![7; 60_000_000]
}

/// Whether a transfer of a dozen seconds ends well.
fn long_transfer(scene: &Scene, client: &Host) -> io::Result<bool> {
    let mut curl = client.command("curl");
    curl.args(["-sS", "--limit-rate", "5M", "--max-time", "25", "--no-keepalive", "-o", "down"]);
    curl.arg(format!("ftp://{PUBLIC}:{CONTROL}/file")).current_dir(scene.network.folder());
    let ended = curl.stderr(std::process::Stdio::null()).status()?.success();
    Ok(ended && fs::read(scene.file("down"))? == content())
}

fn behind_forgetful_router(scene: &mut Scene) -> io::Result<Host> {
    let (own, other) = (&["44.0.1.2/24"][..], &["44.0.1.1/24"][..]);
    let (network, internet) = (&mut scene.network, &scene.internet);
    let router = nat(network, internet, "crouter", "forgetful", (own, other), &["44.0.1.1"])?;
    router.sysctl("net.netfilter.nf_conntrack_tcp_timeout_established=6")?;
    router.sysctl("net.netfilter.nf_conntrack_tcp_loose=0")?;
    let client = scene.network.host("neighbour")?;
    let lan = End(&router, "lan", &["192.168.10.1/24"]);
    scene.network.link(&End(&client, "eth0", &["192.168.10.2/24"]), &lan)?;
    client.route(&["192.168.10.1"])?;
    Ok(client)
}
