//! Who is asked for the address outside fails, and comes back with another one.

use super::talk::Talk;
use super::web::nginx;
use super::{Outcome, Scene, must};
use crate::served::Served;
use crate::sides::rules::forward;
use crate::sides::{CONTROL, behind_nat};
use portolan_testkit::network::Host;
use std::io;
use std::process::{Child, Stdio};

pub(super) fn stun(scene: &mut Scene) -> Outcome {
    comes_back(scene, "stun://33.0.1.2", &coturn)
}

/// A STUN server on the first outsider.
pub(super) fn coturn(scene: &Scene, host: &Host) -> io::Result<Child> {
    let mut coturn = host.command("turnserver");
    coturn.args(["-n", "-z", "--stun-only", "--no-cli", "--listening-ip=33.0.1.2", "--log-file=stdout"]);
    coturn.arg("--pidfile").arg(scene.file("coturn.pid"));
    coturn.stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

pub(super) fn echo(scene: &mut Scene) -> Outcome {
    let start =
        |scene: &Scene, host: &Host| nginx(scene, host, r#"location /ip { return 200 "$remote_addr\n"; }"#);
    comes_back(scene, "http://33.0.1.2/ip", &start)
}

fn comes_back(
    scene: &mut Scene,
    source: &str,
    start: &dyn Fn(&Scene, &Host) -> io::Result<Child>,
) -> Outcome {
    let server = scene.network.host("server")?;
    let router = behind_nat(&mut scene.network, &scene.internet, &server, "10.20.0.2/24")?;
    router.rules(&forward("wan", &CONTROL.to_string(), "10.20.0.2"))?;
    let outsider = scene.outsider(1)?;
    let mut asked = start(scene, &outsider)?;
    let settings = ["--one-port", "--announce", source];
    let served = Served::start(&server, &scene.root(), &scene.file("state"), &settings)?;
    served.wait_for("are told the address 22.0.1.2")?;
    told(scene, "22.0.1.2", "22.0.1.2")?;
    asked.kill()?;
    asked.wait()?;
    // A change of the network makes the server ask.
    server.ip("addr add 10.20.0.99/32 dev eth0")?;
    served.wait_for("22.0.1.2 is kept")?;
    told(scene, "22.0.1.2", "22.0.1.2")?;
    router.ip("addr del 22.0.1.2/24 dev wan")?;
    router.ip("addr add 22.0.1.7/24 dev wan")?;
    // The routes went with the old address.
    router.route(&["22.0.1.1"])?;
    let again = start(scene, &outsider)?;
    scene.network.keep(again);
    served.wait_for("are told the address 22.0.1.7")?;
    must(served.log().contains("it was 22.0.1.2"), "the log does not say what the address was")?;
    told(scene, "22.0.1.7", "22.0.1.7")
}

/// What a client is told that comes to this address.
fn told(scene: &Scene, at: &str, wanted: &str) -> Outcome {
    let told = Talk::log_in(&scene.client, &format!("{at}:{CONTROL}"))?.passive()?;
    must(told.ip().to_string() == wanted, &format!("{told} is announced, and not {wanted}"))
}
