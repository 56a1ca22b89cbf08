//! Routers that are in the way, and what the server says of them.

use super::talk::Talk;
use super::{Outcome, Scene, must};
use crate::served::Served;
use crate::sides::rules::{HELPER, MASQUERADE, OUTWARDS, forward};
use crate::sides::{CONTROL, PUBLIC, SERVER, SERVERS, TO_SERVERS, behind_nat, nat};
use crate::upnp;
use portolan_testkit::network::End;

/// The address is set in the server, and the router has a helper that would have set it too.
pub(super) fn set_twice(scene: &mut Scene) -> Outcome {
    let server = scene.network.host("server")?;
    let router = behind_nat(&mut scene.network, &scene.internet, &server, "10.20.0.2/24")?;
    router.rules(&forward("wan", &CONTROL.to_string(), "10.20.0.2"))?;
    router.rules(HELPER)?;
    let settings = scene.file("portolan.toml");
    std::fs::write(&settings, format!("announce = \"{PUBLIC}\"\n[limits]\ndata-connection = 2\n"))?;
    let settings = settings.display().to_string();
    let (root, state) = (scene.root(), scene.file("state"));
    let served = Served::start(&server, &root, &state, &["-c", &settings])?;
    let public = format!("{PUBLIC}:{CONTROL}");
    let pasv = ["--disable-epsv", "--no-ftp-skip-pasv-ip"];
    for _ in 0..2 {
        must(!scene.transfers(&scene.client, &public, &pasv)?, "PASV gets through")?;
    }
    scene.must_transfer()?;
    served.wait_for("take `announce` out of the settings")?;
    drop(served);
    // That helps.
    let _served = Served::start::<&str>(&server, &root, &state, &[])?;
    must(scene.transfers(&scene.client, &public, &pasv)?, "PASV does not get through")
}

/// The router that is asked has no public address itself.
pub(super) fn two_routers(scene: &mut Scene) -> Outcome {
    let (network, internet) = (&mut scene.network, &scene.internet);
    let provider = nat(network, internet, "provider", "servers", (SERVER, SERVERS), TO_SERVERS)?;
    let router = network.router("srouter")?;
    network.link(&End(&router, "wan", &["100.64.0.2/24"]), &End(&provider, "lan", &["100.64.0.1/24"]))?;
    router.route(&["100.64.0.1"])?;
    router.rules(MASQUERADE)?;
    router.rules(OUTWARDS)?;
    let server = network.host("server")?;
    network.link(&End(&server, "eth0", &["10.20.0.2/24"]), &End(&router, "lan", &["10.20.0.1/24"]))?;
    server.route(&["10.20.0.1"])?;
    upnp::start(network, &router)?;
    let served = Served::start(&server, &scene.root(), &scene.file("state"), &["--map-ports"])?;
    served.wait_for("another router stands before it")
}

/// What comes by one port is told one address, and what comes by the other another.
pub(super) fn two_listeners(scene: &mut Scene) -> Outcome {
    let server = scene.network.host("server")?;
    let router = behind_nat(&mut scene.network, &scene.internet, &server, "10.20.0.2/24")?;
    router.rules(&forward("wan", "2121, 2122, 50000-50003", "10.20.0.2"))?;
    let settings = scene.file("portolan.toml");
    std::fs::write(
        &settings,
        format!(
            "listen = [\"0.0.0.0:2121\", {{ address = \"0.0.0.0:2122\", announce = \"55.0.1.2\" }}]\n\
             announce = \"{PUBLIC}\"\npassive-ports = \"50000-50003\"\n"
        ),
    )?;
    let settings = settings.display().to_string();
    let _served = Served::start(&server, &scene.root(), &scene.file("state"), &["-c", &settings])?;
    scene.must_transfer()?;
    for (port, wanted) in [(2121, PUBLIC), (2122, "55.0.1.2")] {
        let told = Talk::log_in(&scene.client, &format!("{PUBLIC}:{port}"))?.passive()?.ip().to_string();
        must(told == wanted, &format!("at port {port}, {told} is announced"))?;
    }
    Ok(())
}
