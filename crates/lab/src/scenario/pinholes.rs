//! Holes in the server's own firewall.

use super::talk::Talk;
use super::{Outcome, Scene, must, wait_until};
use crate::served::Served;
use crate::sides::rules::host_firewall;
use crate::sides::{CONTROL, PUBLIC, SERVER, SERVERS, TO_SERVERS};
use portolan_testkit::network::End;

pub(super) fn run(scene: &mut Scene) -> Outcome {
    let server = scene.network.host("server")?;
    scene.network.link(&End(&server, "eth0", SERVER), &End(&scene.internet, "servers", SERVERS))?;
    server.route(TO_SERVERS)?;
    server.rules(&host_firewall(&CONTROL.to_string(), "meta mark 0x706f7274 accept"))?;
    let before = server.shown("list ruleset")?;
    let third = scene.outsider(1)?;
    let (root, state) = (scene.root(), scene.file("state"));
    let settings = scene.file("portolan.toml");
    std::fs::write(&settings, "pinholes = true\n[limits]\ndata-connection = 2\n")?;
    let settings = ["-c", &settings.display().to_string()];
    let served = Served::start(&server, &root, &state, &settings)?;
    scene.must_transfer()?;
    let mut talk = Talk::log_in(&scene.client, &format!("{PUBLIC}:{CONTROL}"))?;
    let place = talk.passive()?;
    let other = std::net::SocketAddrV4::new(*place.ip(), place.port() ^ 1);
    must(scene.client.connect(place.into()).is_ok(), "the client does not get to its port")?;
    must(third.connect(place.into()).is_err(), "a third host gets to the port")?;
    talk.passive()?;
    must(scene.client.connect(other.into()).is_err(), "the client gets to a port that it was not told")?;
    // A transfer's connection was awaited for two seconds: then the hole is closed.
    talk.passive()?;
    wait_until("the holes are closed", || Ok(!server.shown("list ruleset")?.contains("expires")))?;
    // The process that opens holes ends, and is there again.
    let pids = server.command("pkill").args(["-KILL", "-f", "portolan pinholes portolan-2121"]).status()?;
    must(pids.success(), "there is no process for pinholes")?;
    wait_until("files get through again", || {
        scene.transfers(&scene.client, &format!("{PUBLIC}:{CONTROL}"), &[])
    })?;
    served.signal("KILL")?;
    wait_until("the table is gone", || Ok(server.shown("list ruleset")? == before))?;
    drop(served);
    let served = Served::start(&server, &root, &state, &settings)?;
    scene.must_transfer()?;
    served.stop()?;
    wait_until("the table is gone again", || Ok(server.shown("list ruleset")? == before))
}
