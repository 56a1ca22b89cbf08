//! A name server (BIND): names that are looked up, and names that are written.

use super::talk::Talk;
use super::{Outcome, Scene, must, wait_until};
use crate::served::Served;
use crate::sides::{CONTROL, SERVER, SERVERS, TO_SERVERS};
use portolan_testkit::network::{End, Host};
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Child, Stdio};

/// The key that updates are signed with, in Base64.
const KEY: &str = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I=";

/// A name that leads to the server gets another address, and loses its name server for a while.
pub(super) fn look_up_again(scene: &mut Scene) -> Outcome {
    let server = open_server(scene)?;
    let host = scene.outsider(1)?;
    let zone = Zone::new(scene, host)?;
    let mut named = zone.serve()?;
    zone.set("22.0.1.2")?;
    let settings = ["--announce", "ftp.example.test"];
    let (root, state) = (scene.root(), scene.file("state"));
    let served = Served::start_with_resolver(&server, &zone.resolver, &root, &state, &settings)?;
    served.wait_for("are told the address 22.0.1.2")?;
    zone.set("22.0.1.9")?;
    served.wait_for("are told the address 22.0.1.9")?;
    let told = Talk::log_in(&scene.client, &format!("22.0.1.2:{CONTROL}"))?.passive()?;
    must(told.ip().to_string() == "22.0.1.9", &format!("{told} is announced"))?;
    named.kill()?;
    named.wait()?;
    served.wait_for("22.0.1.9 is kept")?;
    let again = zone.serve()?;
    scene.network.keep(again);
    zone.set("22.0.1.2")?;
    served.wait_for_times("are told the address 22.0.1.2", 2)
}

/// The server's address changes, and so does its name; at last while the name server is gone.
pub(super) fn update(scene: &mut Scene) -> Outcome {
    let server = open_server(scene)?;
    let host = scene.outsider(1)?;
    let zone = Zone::new(scene, host)?;
    let mut named = zone.serve()?;
    let settings = scene.file("portolan.toml");
    fs::write(
        &settings,
        format!(
            "announce = \"interface:eth0\"\n[[dynamic-dns]]\nname = \"ftp.example.test\"\nservice = \"rfc2136\"\n\
             server = \"33.0.1.2\"\nkey = \"update\"\nsecret = \"{KEY}\"\n"
        ),
    )?;
    let settings = settings.display().to_string();
    let start = || Served::start(&server, &scene.root(), &scene.file("state"), &["-c", &settings]);
    let served = start()?;
    served.wait_for("ftp.example.test stands for 22.0.1.2 now")?;
    wait_until("the name has the first address", || Ok(zone.get()? == "22.0.1.2"))?;
    drop(served);
    // What was written is known after a restart.
    let served = start()?;
    served.wait_for("are told the address 22.0.1.2")?;
    server.ip("addr del 22.0.1.2/24 dev eth0")?;
    server.ip("addr add 22.0.1.8/24 dev eth0")?;
    server.route(&TO_SERVERS[..1])?;
    served.wait_for("ftp.example.test stands for 22.0.1.8 now")?;
    must(!served.log().contains("stands for 22.0.1.2"), "the name was written though nothing had changed")?;
    wait_until("the name has the second address", || Ok(zone.get()? == "22.0.1.8"))?;
    named.kill()?;
    named.wait()?;
    server.ip("addr del 22.0.1.8/24 dev eth0")?;
    server.ip("addr add 22.0.1.9/24 dev eth0")?;
    server.route(&TO_SERVERS[..1])?;
    served.wait_for("ftp.example.test cannot be written")?;
    let again = zone.serve()?;
    scene.network.keep(again);
    served.wait_for("ftp.example.test stands for 22.0.1.9 now")?;
    wait_until("the name has the third address", || Ok(zone.get()? == "22.0.1.9"))
}

/// A server with an address of its own.
fn open_server(scene: &mut Scene) -> io::Result<Host> {
    let server = scene.network.host("server")?;
    scene
        .network
        .link(&End(&server, "eth0", &SERVER[..1]), &End(&scene.internet, "servers", &SERVERS[..1]))?;
    server.route(&TO_SERVERS[..1])?;
    Ok(server)
}

/// The zone `example.test`, and where its server is.
struct Zone {
    host: Host,
    folder: PathBuf,
    resolver: PathBuf,
}

impl Zone {
    fn new(scene: &Scene, host: Host) -> io::Result<Zone> {
        let folder = scene.file("named");
        fs::create_dir(&folder)?;
        fs::write(folder.join("zone"), "$TTL 2\n@ SOA ns root 1 60 60 60 2\n@ NS ns\nns A 33.0.1.2\n")?;
        fs::write(
            folder.join("named.conf"),
            format!(
                "options {{ directory \"{folder}\"; pid-file none; session-keyfile none; listen-on {{ 33.0.1.2; }};\n\
                 listen-on-v6 {{ none; }}; recursion no; dnssec-validation no; }};\n\
                 controls {{ }};\n\
                 key update {{ algorithm hmac-sha256; secret \"{KEY}\"; }};\n\
                 zone example.test {{ type master; file \"zone\"; allow-update {{ key update; }}; }};\n",
                folder = folder.display()
            ),
        )?;
        let resolver = folder.join("resolv.conf");
        fs::write(&resolver, "nameserver 33.0.1.2\noptions timeout:1 attempts:1\n")?;
        Ok(Zone { host, folder, resolver })
    }

    fn serve(&self) -> io::Result<Child> {
        let mut named = self.host.command("named");
        named.args(["-g", "-c"]).arg(self.folder.join("named.conf"));
        let named = named.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        wait_until("the name server answers", || Ok(self.ask("ns")? == "33.0.1.2"))?;
        Ok(named)
    }

    /// Gives the name `ftp` this address.
    fn set(&self, address: &str) -> Outcome {
        let mut nsupdate = self.host.command("nsupdate");
        nsupdate.args(["-y", &format!("hmac-sha256:update:{KEY}")]).stdin(Stdio::piped());
        let mut nsupdate = nsupdate.spawn()?;
        if let Some(mut input) = nsupdate.stdin.take() {
            write!(
                input,
                "server 33.0.1.2\nzone example.test\nupdate delete ftp.example.test A\n\
                 update add ftp.example.test 2 A {address}\nsend\n"
            )?;
        }
        must(nsupdate.wait()?.success(), "nsupdate failed")
    }

    /// The address of the name `ftp`.
    fn get(&self) -> io::Result<String> {
        self.ask("ftp")
    }

    fn ask(&self, name: &str) -> io::Result<String> {
        let mut dig = self.host.command("dig");
        dig.args(["+short", "+time=1", "+tries=1", "@33.0.1.2", &format!("{name}.example.test")]);
        Ok(String::from_utf8_lossy(&dig.output()?.stdout).trim().to_owned())
    }
}
