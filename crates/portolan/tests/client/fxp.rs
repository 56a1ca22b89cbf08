//! `portolan fxp`, between Portolan's own servers and other people's.

use crate::scene::{PROGRAM, Scene, Which};
use portolan_client::tls::Trust;
use portolan_client::{Connection, Credentials, Options, TlsPolicy};
use portolan_testkit::authority::Authority;
use portolan_testkit::launch::{Served, free_ports, isolate};
use portolan_testkit::peers::Peer;
use portolan_wire::Verb;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fs;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// Two addresses of this machine, so that the data of the one server comes from elsewhere for the other.
const IPV4: [&str; 2] = ["198.51.100.2", "198.51.100.1"];
const IPV6: [&str; 2] = ["[::1]", "[2001:db8::1]"];

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + at / 509) as u8).collect()
}

/// One of Portolan's of this name, where people without a name may transfer between servers or not.
fn serve(authority: &Authority, (name, address): (&str, &str), fxp: bool, resume: &str) -> Served {
    isolate();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("root")).unwrap();
    authority.server(name).write(folder.path(), "server");
    let (port, passive) = (free_ports(1), free_ports(20));
    let text = format!(
        "listen = [\"{address}:{port}\"]\npassive-ports = \"{passive}-{}\"\n\
         [tls]\npolicy = \"require\"\nresume = \"{resume}\"\ncertificate = \"server.pem\"\nkey = \"server.key\"\n\
         [anonymous]\nroot = \"root\"\nwrite = true\nfxp = {fxp}\n",
        passive + 19
    );
    fs::write(folder.path().join("portolan.toml"), text).unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["serve", "-c"]).arg(folder.path().join("portolan.toml"));
    Served::launch(command, folder, port)
}

/// Two servers of Portolan, whose data has to be protected and, but for the right, to resume TLS.
struct Pair {
    addresses: [&'static str; 2],
    servers: [Served; 2],
    /// Where the authority of both is, as `ca.pem`.
    own: TempDir,
}

impl Pair {
    /// `rights`: whether people without a name may transfer between servers there.
    fn new(addresses: [&'static str; 2], rights: [bool; 2]) -> Pair {
        let own = tempfile::tempdir().unwrap();
        let authority = Authority::new("Test authority");
        fs::write(own.path().join("ca.pem"), authority.pem()).unwrap();
        let servers = [0, 1].map(|number| {
            let address = addresses[number];
            let name = address.trim_matches(['[', ']']);
            serve(&authority, (name, address), rights[number], "require")
        });
        Pair { addresses, servers, own }
    }

    fn url(&self, number: usize, path: &str) -> String {
        format!("ftp://{}:{}/{path}", self.addresses[number], self.servers[number].port)
    }

    fn fxp(&self, path: &str, target: &str) -> Output {
        let mut command = Command::new(PROGRAM);
        command.args(["fxp", "-v", "--tls", "required", &self.url(0, path), &self.url(1, target)]);
        command.arg("--ca").arg(self.own.path().join("ca.pem")).stdin(Stdio::null());
        command.env("XDG_STATE_HOME", self.own.path().join("state")).env("HOME", self.own.path());
        command.output().unwrap()
    }

    async fn connection(&self, number: usize) -> Connection {
        let mut options = Options::new(self.addresses[number]);
        options.port = self.servers[number].port;
        options.tls = TlsPolicy::Required;
        options.credentials = Credentials::anonymous();
        options.observer = Some(std::sync::Arc::new(move |event| println!("{number}: {event:?}")));
        let authority = CertificateDer::from_pem_file(self.own.path().join("ca.pem")).unwrap();
        options.trust = Trust { authorities: Some(vec![authority]), ..Trust::default() };
        Connection::open(options).await.unwrap()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn who_listens_begins_tls_by_cpsv() {
    let pair = Pair::new(IPV4, [true, true]);
    for length in [0, 5, 3_000_000] {
        fs::write(pair.servers[0].root().join("file"), content(length)).unwrap();
        let output = pair.fxp("file", "");
        let said = said(&output);
        assert!(output.status.success() && said.contains("> CPSV") && said.contains("was copied"), "{said}");
        assert!(fs::read(pair.servers[1].root().join("file")).unwrap() == content(length), "{length}");
        for server in &pair.servers {
            let line = server.wait_for_log("portolan::transfer");
            assert!(line.contains("tls=\"full\""), "{line}");
        }
    }
}

/// 227 has no room for such an address, and `CPSV` no other reply.
#[test]
fn over_ipv6_who_listens_begins_tls_by_sscn() {
    let pair = Pair::new(IPV6, [true, true]);
    fs::write(pair.servers[0].root().join("file"), content(300_000)).unwrap();
    let output = pair.fxp("file", "");
    let said = said(&output);
    assert!(output.status.success() && said.contains("> SSCN ON") && said.contains("> EPRT |2|"), "{said}");
    assert!(fs::read(pair.servers[1].root().join("file")).unwrap() == content(300_000));
}

/// With `SSCN`, either one begins, whichever listens.
#[tokio::test]
async fn either_begins_tls_by_sscn() {
    let pair = Pair::new(IPV4, [true, true]);
    let whole = content(300_000);
    fs::write(pair.servers[0].root().join("file"), &whole).unwrap();
    let both = [pair.connection(0).await, pair.connection(1).await];
    for connection in &both {
        assert!(connection.features().offers("SSCN") && connection.features().offers("CPSV"));
        connection.demand(Verb::Type, Some(b"I")).await.unwrap();
    }
    for (listens, begins) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        both[begins].demand(Verb::Sscn, Some(b"ON")).await.unwrap();
        let reply = both[listens].demand(Verb::Pasv, None).await.unwrap();
        let text = String::from_utf8(reply.lines[0].clone()).unwrap();
        let address = text.split(['(', ')']).nth(1).unwrap();
        both[1 - listens].demand(Verb::Port, Some(address.as_bytes())).await.unwrap();
        let name = format!("{listens}{begins}");
        let (stored, retrieved) = tokio::join!(
            both[1].demand(Verb::Stor, Some(name.as_bytes())),
            both[0].demand(Verb::Retr, Some(b"file"))
        );
        assert!(stored.is_ok() && retrieved.is_ok(), "{name}: {stored:?} {retrieved:?}");
        assert!(fs::read(pair.servers[1].root().join(&name)).unwrap() == whole, "{name}");
        both[begins].demand(Verb::Sscn, Some(b"OFF")).await.unwrap();
    }
    // Where nobody begins, or both do, there is no data, and both servers go on.
    for begin in [&b"OFF"[..], b"ON"] {
        for connection in &both {
            connection.demand(Verb::Sscn, Some(begin)).await.unwrap();
        }
        let reply = both[1].demand(Verb::Pasv, None).await.unwrap();
        let text = String::from_utf8(reply.lines[0].clone()).unwrap();
        let address = text.split(['(', ')']).nth(1).unwrap();
        both[0].demand(Verb::Port, Some(address.as_bytes())).await.unwrap();
        let (stored, retrieved) =
            tokio::join!(both[1].ask(Verb::Stor, Some(b"nothing")), both[0].ask(Verb::Retr, Some(b"file")));
        for reply in [stored.unwrap(), retrieved.unwrap()] {
            assert_eq!(reply.number, 425, "{reply}");
        }
    }
}

#[test]
fn without_the_right_nothing_is_copied_and_nothing_touched() {
    for rights in [[true, false], [false, true], [false, false]] {
        let pair = Pair::new(IPV4, rights);
        fs::write(pair.servers[0].root().join("file"), "new").unwrap();
        fs::write(pair.servers[1].root().join("file"), "old").unwrap();
        let output = pair.fxp("file", "");
        assert!(!output.status.success(), "{rights:?}: {}", said(&output));
        assert_eq!(fs::read(pair.servers[1].root().join("file")).unwrap(), b"old", "{rights:?}");
    }
}

#[test]
fn what_is_not_there_is_said_before_anything_is_touched() {
    let pair = Pair::new(IPV4, [true, true]);
    fs::write(pair.servers[1].root().join("file"), "old").unwrap();
    let output = pair.fxp("none", "file");
    let said = said(&output);
    assert!(output.status.code() == Some(6) && said.contains("550"), "{said}");
    assert_eq!(fs::read(pair.servers[1].root().join("file")).unwrap(), b"old");
}

/// Copies a file, and says how that went.
fn copy(from: &Scene, to: &Scene, tls: &str) -> (bool, String) {
    let whole = content(1_000_000);
    fs::write(from.root().join("file"), &whole).unwrap();
    // One knows the other's authority too.
    let both = [from, to].map(|scene| fs::read_to_string(scene.own.path().join("ca.pem")).unwrap());
    fs::write(from.own.path().join("ca.pem"), both.concat()).unwrap();
    let urls = (from.url("file"), to.url(""));
    let output = from.command(&["fxp", "-v", "--tls", tls, &urls.0, &urls.1]).output().unwrap();
    let (went_well, said) = (output.status.success(), said(&output));
    assert!(!went_well || fs::read(to.root().join("file")).unwrap() == whole, "{said}");
    (went_well, said)
}

#[test]
fn in_the_clear() {
    for (from, to) in [
        (Which::Portolan, Which::Portolan),
        (Which::Portolan, Which::Other(Peer::ProFtpd)),
        (Which::Other(Peer::Vsftpd), Which::Portolan),
        (Which::Other(Peer::ProFtpd), Which::Other(Peer::PureFtpd)),
    ] {
        let (went_well, said) = copy(&Scene::new(from), &Scene::new(to), "off");
        assert!(went_well, "{from:?} {to:?}: {said}");
    }
    let (source, target) = (Scene::new(Which::Portolan), Scene::new(Which::Portolan));
    let (code, _, said) = source.try_run(&["fxp", "--tls", "off", &source.url("none"), &target.url("")]);
    assert!(code == 6 && said.contains("550"), "{code} {said}");
}

/// ProFTPD demands that data resumes TLS, which nobody can, unless it is the client of the handshake itself. Then it
/// verifies the other one.
#[test]
fn proftpd_begins_tls_by_sscn() {
    for proftpd_listens_to in [false, true] {
        let authority = Authority::new("Test authority");
        let portolan = Scene::under(&authority, Which::Portolan, &["--tls", "require"]);
        let proftpd = Scene::under(&authority, Which::Other(Peer::ProFtpd), &[]);
        let (from, to) = if proftpd_listens_to { (&portolan, &proftpd) } else { (&proftpd, &portolan) };
        let (went_well, said) = copy(from, to, "required");
        assert!(went_well && said.contains("> SSCN ON") && said.contains("was copied"), "{said}");
    }
}

/// The one of 1.3.8 does not survive that it does not trust the other's certificate, and Portolan has sent all by then.
#[test]
fn a_server_that_dies_of_it_has_copied_nothing() {
    let (portolan, proftpd) = (Scene::new(Which::Portolan), Scene::new(Which::Other(Peer::ProFtpd)));
    for (from, to) in [(&portolan, &proftpd), (&proftpd, &portolan)] {
        let (went_well, said) = copy(from, to, "required");
        assert!(!went_well && !said.contains("was copied"), "{said}");
    }
}

/// Servers that know neither word: Portolan begins.
#[test]
fn with_others_portolan_begins_tls() {
    for peer in [Peer::PureFtpd, Peer::Pyftpdlib] {
        let authority = Authority::new("Test authority");
        let portolan = Scene::of(serve(&authority, ("localhost", "127.0.0.1"), true, "prefer"), &authority);
        let other = Scene::under(&authority, Which::Other(peer), &[]);
        for (from, to) in [(&portolan, &other), (&other, &portolan)] {
            let (went_well, said) = copy(from, to, "required");
            assert!(went_well && said.contains("> CPSV"), "{peer:?}: {said}");
        }
    }
}
