//! Things that happen in networks over time, each from its beginning to its end.

mod address;
mod bounce;
mod dialled;
mod forgetful;
mod hairpin;
mod mapping;
mod names;
mod pinholes;
mod routers;
mod talk;
mod web;

use crate::patience::wait_until;
use crate::served::program;
use crate::side_by_side;
use crate::sides::{CLIENT, CLIENTS, CONTROL, PUBLIC, TO_CLIENTS};
use portolan_testkit::network::{End, Host, Network};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Scenarios at the same time: most of their time is waiting.
const AT_ONCE: usize = 8;

/// What goes wrong says what it is.
type Outcome = io::Result<()>;

/// Its name, and what happens.
type Scenario = (&'static str, fn(&mut Scene) -> Outcome);

/// All of them. Those that wait longest come first.
const ALL: [Scenario; 25] = [
    ("a UPnP router restarts", |scene| mapping::restart(scene, "upnp")),
    ("a PCP router restarts", |scene| mapping::restart(scene, "pcp")),
    ("a NAT-PMP router restarts", |scene| mapping::restart(scene, "nat-pmp")),
    ("the DNS is updated by RFC 2136, and the name server restarts", names::update),
    ("a name is looked up again when its time is over", names::look_up_again),
    ("a STUN server is asked, fails, and comes back", address::stun),
    ("a page on the web is asked, fails, and comes back", address::echo),
    ("services of dynamic DNS are asked in their own words", web::services),
    ("a service of dynamic DNS that says no is left alone", web::abuse),
    ("the client asks its router to lead the server in", dialled::by_router),
    ("the client asks a STUN server what its address is", dialled::by_stun),
    ("the client is on IPv6, the server on IPv4, NAT64 between them", dialled::by_nat64),
    ("the outside port is another one", mapping::another_port),
    ("the server dies, and takes its mappings over", mapping::crash),
    ("a router forgets an idle connection, and keep-alive reminds it", forgetful::reminded),
    ("a router forgets an idle connection, and nothing reminds it", forgetful::forgotten),
    ("a neighbour comes by the public address", hairpin::run),
    ("an address that is set twice", routers::set_twice),
    ("two listeners, each with an address of its own", routers::two_listeners),
    ("a router behind another one", routers::two_routers),
    ("T01: nothing is sent to a third host", bounce::third_host),
    ("T03: a third host steals nothing", bounce::theft),
    ("T04: a loop of PASV starves nobody", bounce::exhaustion),
    ("T32: nothing that a server says opens a router", bounce::slipstream),
    ("pinholes open for whom they should, and close", pinholes::run),
];

/// Runs those whose name has `only` in it, and says whether all went as they should.
///
/// What goes wrong beside others is tried once more alone, and the line says so: routers forget by the clock, and
/// where a whole machine stood still for seconds, nobody could remind them.
pub(crate) fn run(only: Option<&str>) -> bool {
    let chosen: Vec<_> = ALL.iter().filter(|(name, _)| only.is_none_or(|only| name.contains(only))).collect();
    let found =
        side_by_side::run(chosen.len(), AT_ONCE, |number| attempt(&format!("s{number}"), chosen[number].1));
    let mut right = 0;
    for (number, ((name, scenario), (outcome, took))) in chosen.iter().zip(found).enumerate() {
        let (outcome, note) = match outcome {
            Ok(()) => (Ok(()), String::new()),
            Err(error) => (
                attempt(&format!("a{number}"), *scenario).0,
                format!(", at the second try; at first: {error}"),
            ),
        };
        match outcome {
            Ok(()) => {
                right += 1;
                println!("{name:<66}as it should be ({} s{note})", took.as_secs());
            }
            Err(error) => println!("{name:<66}WRONG: {error}"),
        }
    }
    println!("{right} of {} scenarios as they should be", chosen.len());
    right == chosen.len() && right > 0
}

/// Plays one in networks of its own, and says how it ended and after how long.
fn attempt(name: &str, scenario: fn(&mut Scene) -> Outcome) -> (Outcome, Duration) {
    let begun = Instant::now();
    let outcome = Scene::new(name).and_then(|mut scene| scenario(&mut scene));
    (outcome, begun.elapsed())
}

/// The internet, with a client that has an address of its own there.
struct Scene {
    network: Network,
    internet: Host,
    client: Host,
}

impl Scene {
    fn new(name: &str) -> io::Result<Scene> {
        let mut network = Network::new(name)?;
        let internet = network.router("internet")?;
        let client = network.host("client")?;
        network.link(&End(&client, "eth0", CLIENT), &End(&internet, "clients", CLIENTS))?;
        client.route(TO_CLIENTS)?;
        Ok(Scene { network, internet, client })
    }

    /// Another host at the internet, whose network is 33.0.`number`.0/24 and whose address there is .2.
    fn outsider(&mut self, number: u8) -> io::Result<Host> {
        let host = self.network.host(&format!("outsider{number}"))?;
        let (own, other) = (format!("33.0.{number}.2/24"), format!("33.0.{number}.1/24"));
        let device = format!("outsider{number}");
        self.network.link(&End(&host, "eth0", &[&own]), &End(&self.internet, &device, &[&other]))?;
        host.route(&[&format!("33.0.{number}.1")])?;
        Ok(host)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.network.folder().join(name)
    }

    /// The folder that servers of this scene serve.
    fn root(&self) -> PathBuf {
        self.file("root")
    }

    /// A file goes up and comes down again, by curl with these arguments.
    fn transfers(&self, from: &Host, to: &str, arguments: &[&str]) -> io::Result<bool> {
        let (up, down) = (self.file("up"), self.file("down"));
        let content: Vec<u8> = (0..200_000u32).map(|number| (number % 251) as u8).collect();
        fs::write(&up, &content)?;
        let _ = fs::remove_file(&down);
        let url = format!("ftp://{to}/file");
        for way in [["-T", "up"], ["-o", "down"]] {
            let mut curl = from.command("curl");
            curl.args(["-sS", "--connect-timeout", "5", "--max-time", "60", &url]).args(way).args(arguments);
            curl.current_dir(self.network.folder()).stderr(Stdio::null());
            if !curl.status()?.success() {
                return Ok(false);
            }
        }
        Ok(fs::read(down)? == content)
    }

    /// The same by Portolan's client; what it said.
    fn goes(&self, from: &Host, to: &str, arguments: &[&str]) -> io::Result<String> {
        let (went_well, said) = self.try_client(from, to, arguments)?;
        if went_well { Ok(said) } else { Err(io::Error::other(said)) }
    }

    /// The same where it must not get through.
    fn fails(&self, from: &Host, to: &str, arguments: &[&str]) -> io::Result<String> {
        let (went_well, said) = self.try_client(from, to, &[arguments, &["--retries", "0"]].concat())?;
        if went_well { Err(io::Error::other(said)) } else { Ok(said) }
    }

    fn try_client(&self, from: &Host, to: &str, arguments: &[&str]) -> io::Result<(bool, String)> {
        let content: Vec<u8> = (0..200_000u32).map(|number| (number % 249) as u8).collect();
        fs::write(self.file("up"), &content)?;
        let _ = fs::remove_file(self.file("down"));
        let url = format!("ftp://{to}:{CONTROL}/file");
        let mut said = String::new();
        for command in [["put", "up", &url, "-v"], ["get", &url, "-o=down", "-v"]] {
            let mut client = from.command("timeout");
            client.arg("60").arg(program()?).args(command).args(["--trust", "new"]).args(arguments);
            let folder = self.network.folder();
            client.current_dir(folder).env("HOME", folder).env("XDG_STATE_HOME", self.file("client"));
            let output = client.stdin(Stdio::null()).output()?;
            said.push_str(&String::from_utf8_lossy(&output.stderr));
            if !output.status.success() {
                return Ok((false, said));
            }
        }
        let same = fs::read(self.file("down"))? == content;
        if same { Ok((true, said)) } else { Err(io::Error::other("other bytes came through")) }
    }

    /// The same by curl, to where servers are known.
    fn must_transfer(&self) -> Outcome {
        let public = format!("{PUBLIC}:{CONTROL}");
        must(self.transfers(&self.client, &public, &[])?, "a file does not get through")
    }
}

fn must(so: bool, else_text: &str) -> Outcome {
    if so { Ok(()) } else { Err(io::Error::other(else_text)) }
}
