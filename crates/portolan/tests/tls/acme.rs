//! Certificates by ACME, from a real ACME server that runs on the loopback interface.

use crate::folder;
use crate::secure::*;
use portolan_testkit::launch::{PATIENCE, Served, free_ports, isolate};
use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// A running program, killed when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(command: &mut Command, port: u16) -> Running {
    let running = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let begun = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(begun.elapsed() < PATIENCE, "{command:?} does not listen");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    running
}

/// An authority, and the name server that it asks.
struct World {
    directory: String,
    /// Where records are set in the name server.
    names: u16,
    http: u16,
    alpn: u16,
    _running: [Running; 2],
}

impl World {
    /// Where a server with its state in this folder keeps what it got from this authority.
    fn kept(&self, folder: &Path) -> std::path::PathBuf {
        let name = self.directory.trim_start_matches("https://").replace([':', '/'], "_");
        folder.join("state/acme").join(name)
    }
}

/// An authority that knows its own certificate by `ca.pem` in this folder.
fn world(folder: &Path) -> World {
    isolate();
    let first = free_ports(6);
    let [acme, management, http, alpn, dns, names] = [0, 1, 2, 3, 4, 5].map(|number| first + number);
    let config = format!(
        r#"{{"pebble": {{"listenAddress": "127.0.0.1:{acme}", "managementListenAddress": "127.0.0.1:{management}",
        "certificate": "{folder}/server.pem", "privateKey": "{folder}/server.key",
        "httpPort": {http}, "tlsPort": {alpn}, "ocspResponderURL": "", "externalAccountBindingRequired": false}}}}"#,
        folder = folder.display()
    );
    fs::write(folder.join("pebble.json"), config).unwrap();
    let mut server = Command::new("pebble-challtestsrv");
    server.args(["-dns01", &format!("127.0.0.1:{dns}"), "-management", &format!("127.0.0.1:{names}")]);
    server.args([
        "-http01",
        "",
        "-https01",
        "",
        "-tlsalpn01",
        "",
        "-defaultIPv4",
        "127.0.0.1",
        "-defaultIPv6",
        "",
    ]);
    let server = run(&mut server, names);
    let mut pebble = Command::new("pebble");
    pebble.arg("-config").arg(folder.join("pebble.json")).args(["-dnsserver", &format!("127.0.0.1:{dns}")]);
    // It waits up to 15 s before it asks, and refuses some requests at random, which clients have to bear.
    pebble.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_WFE_NONCEREJECT", "5");
    let pebble = run(&mut pebble, acme);
    let directory = format!("https://localhost:{acme}/dir");
    World { directory, names, http, alpn, _running: [pebble, server] }
}

fn serve(folder: tempfile::TempDir, world: &World, challenge: &str) -> Served {
    let text = format!(
        "listen = [\"LISTEN\"]\nstate = \"state\"\nnames = [\"ftp.example.org\"]\n[tls.acme]\n\
         directory = \"{}\"\ndirectory-authorities = \"ca.pem\"\ncontact = \"mailto:me@example.org\"\n{challenge}\n\
         [anonymous]\nroot = \"root\"\n\
         [[host]]\nnames = [\"two.example.org\", \"www.two.example.org\"]\nacme = true\n\
         [host.anonymous]\nroot = \"root\"\n",
        world.directory
    );
    Served::configured(env!("CARGO_BIN_EXE_portolan"), folder, &text)
}

/// The names in the certificate that a client gets that asks for this one; the authority is not checked,
/// since each start of it has new keys.
fn shown(served: &Served, name: &str) -> String {
    let shell = format!(
        "openssl s_client -connect 127.0.0.1:{} -starttls ftp -servername {name} </dev/null 2>/dev/null \
         | openssl x509 -noout -issuer -ext subjectAltName",
        served.port
    );
    let output = Command::new("sh").arg("-c").arg(shell).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn must_obtain(served: &Served, world: &World) {
    for _ in 0..2 {
        served.wait_for_log("certificate taken up");
    }
    let (one, two) = (shown(served, "ftp.example.org"), shown(served, "www.two.example.org"));
    assert!(one.contains("Pebble") && one.contains("DNS:ftp.example.org"), "{one}");
    assert!(two.contains("Pebble") && two.contains("DNS:www.two.example.org"), "{two}");
    for file in ["account.json", "ftp.example.org.pem", "two.example.org.pem"] {
        let mode = fs::metadata(world.kept(served.folder.path()).join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn by_http_and_again_from_the_disk() {
    let (folder, _) = folder();
    let authority = fs::read(folder.path().join("ca.pem")).unwrap();
    let world = world(folder.path());
    let challenge = format!("challenge = \"http-01\"\nlisten = [\"127.0.0.1:{}\"]", world.http);
    let mut served = serve(folder, &world, &challenge);
    must_obtain(&served, &world);
    // Another start takes what is there, and asks nobody.
    let state = served.folder.path().join("state");
    let again = crate::folder().0;
    must_copy(&state, &again.path().join("state"));
    Command::new("kill").arg(served.pid().to_string()).status().unwrap();
    served.wait();
    let served = serve(again, &world, &challenge);
    assert!(served.banner.contains("Certificate  by ACME"), "{}", served.banner);
    assert!(shown(&served, "two.example.org").contains("Pebble"));
    assert!(!served.log().iter().any(|line| line.contains("asking for a certificate")));
    // One whose time is nearly over is renewed while the server runs, one that is damaged is obtained again;
    // both with the account that is there.
    let third = crate::folder().0;
    must_copy(&served.folder.path().join("state"), &third.path().join("state"));
    fs::write(third.path().join("ca.pem"), authority).unwrap();
    drop(served);
    let kept = world.kept(third.path());
    let account = fs::read(kept.join("account.json")).unwrap();
    let mut old = rcgen::CertificateParams::new(vec!["ftp.example.org".to_owned()]).unwrap();
    let now = std::time::SystemTime::now();
    old.not_before = (now - std::time::Duration::from_secs(80 * 86_400)).into();
    old.not_after = (now + std::time::Duration::from_secs(10 * 86_400)).into();
    let key = rcgen::KeyPair::generate().unwrap();
    let old = old.self_signed(&key).unwrap().pem() + &key.serialize_pem();
    fs::write(kept.join("ftp.example.org.pem"), old).unwrap();
    fs::write(kept.join("two.example.org.pem"), "").unwrap();
    let served = serve(third, &world, &challenge);
    must_obtain(&served, &world);
    assert_eq!(fs::read(world.kept(served.folder.path()).join("account.json")).unwrap(), account);
}

fn must_copy(from: &Path, to: &Path) {
    portolan_testkit::launch::must_run(Command::new("cp").arg("-a").arg(from).arg(to));
}

#[test]
fn by_tls_alpn() {
    let (folder, _) = folder();
    let world = world(folder.path());
    let challenge = format!("challenge = \"tls-alpn-01\"\nlisten = [\"127.0.0.1:{}\"]", world.alpn);
    must_obtain(&serve(folder, &world, &challenge), &world);
}

#[test]
fn by_dns_with_a_program() {
    let (folder, _) = folder();
    let world = world(folder.path());
    let program = folder.path().join("record");
    let text = format!(
        "#!/bin/sh\nset -e\necho \"$1 $2\" >> {log}\n\
         case $1 in add) curl -sSf -d \"{{\\\"host\\\":\\\"$2.\\\",\\\"value\\\":\\\"$3\\\"}}\" http://127.0.0.1:{port}/set-txt;;\n\
         remove) curl -sSf -d \"{{\\\"host\\\":\\\"$2.\\\"}}\" http://127.0.0.1:{port}/clear-txt;; esac\n",
        log = folder.path().join("calls").display(),
        port = world.names,
    );
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let served = serve(folder, &world, "challenge = \"dns-01\"\ndns-program = \"record\"");
    must_obtain(&served, &world);
    let calls = fs::read_to_string(served.folder.path().join("calls")).unwrap();
    for verb in ["add", "remove"] {
        for name in ["ftp.example.org", "two.example.org", "www.two.example.org"] {
            assert!(calls.contains(&format!("{verb} _acme-challenge.{name}\n")), "{calls}");
        }
    }
}

#[test]
fn what_goes_wrong_is_said_and_costs_nothing_else() {
    let (folder, _) = folder();
    let mut world = world(folder.path());
    // The authority asks on another port than the one where it is answered.
    world.http = free_ports(1);
    let challenge = format!("challenge = \"http-01\"\nlisten = [\"127.0.0.1:{}\"]", world.http);
    let served = serve(folder, &world, &challenge);
    let line = served.wait_for_log("no certificate");
    assert!(line.contains("connection refused") && line.contains("again_in=60"), "{line}");
    let how = How::of_version(&served, &TLS13);
    // The certificate of its own making is shown meanwhile, which this client does not trust.
    assert!(SecureTalk::explicit(&served, &how).is_err());
    served.talk_logged_in();
}
