//! Behind a proxy that says whose connections are: HAProxy, and what pretends to be one.

use portolan_testkit::launch::{Served, Talk, connect, free_ports, isolate, must_run};
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};

/// Where the proxy listens, in front of the same port of the server.
const PROXY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 5);

struct HaProxy(Child);

impl Drop for HaProxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server that trusts these, and a proxy in front of it that speaks that version.
fn serve(trusted: &str, version: &str, one_port: bool) -> (Served, HaProxy) {
    isolate();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("root")).unwrap();
    let (port, first) = (free_ports(1), free_ports(10));
    let last = first + 9;
    let passive = if one_port { "passive = \"control-port\"\n" } else { "" };
    let text = format!(
        "listen = [\"127.0.0.1:{port}\"]\npassive-ports = \"{first}-{last}\"\n{passive}\
         proxy-protocol = \"{trusted}\"\n[anonymous]\nroot = \"root\"\nwrite = true\n"
    );
    let file = folder.path().join("portolan.toml");
    fs::write(&file, text).unwrap();
    let haproxy = format!(
        "defaults\n mode tcp\n timeout connect 10s\n timeout client 60s\n timeout server 60s\n\
         listen control\n bind {PROXY}:{port}\n bind {PROXY}:{first}-{last}\n server it 127.0.0.1 {version}\n"
    );
    fs::write(folder.path().join("haproxy"), haproxy).unwrap();
    let mut command = Command::new("haproxy");
    command.arg("-f").arg(folder.path().join("haproxy")).stdout(Stdio::null()).stderr(Stdio::null());
    let proxy = HaProxy(command.spawn().unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.args(["serve", "-c"]).arg(file);
    let served = Served::launch(command, folder, port);
    while connect(SocketAddr::from((PROXY, port)), None).is_err() {}
    (served, proxy)
}

#[test]
fn t43_the_real_peers_address_counts_on_control_and_data() {
    for (version, one_port) in
        [("send-proxy", false), ("send-proxy-v2", false), ("send-proxy-v2", true), ("send-proxy", true)]
    {
        let (served, _proxy) = serve("127.0.0.1/32", version, one_port);
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("up"), vec![7; 300_000]).unwrap();
        let url = format!("ftp://{PROXY}:{}/up", served.port);
        let curl = |arguments: &[&str]| {
            let mut command = Command::new("curl");
            command.args(["-sS", "-k", "--interface", "127.0.0.9"]).args(arguments).current_dir(home.path());
            must_run(&mut command)
        };
        for tls in [&[][..], &["--ssl-reqd"]] {
            for mode in [&[][..], &["--disable-epsv"]] {
                curl(&[tls, mode, &["-T", "up", &url]].concat());
                curl(&[tls, mode, &["-o", "down", &url]].concat());
                assert_eq!(fs::read(home.path().join("down")).unwrap(), vec![7; 300_000]);
            }
        }
        while !served.wait_for_log("session begins").contains("peer=127.0.0.9:") {}
        let mut talk = Talk::to(SocketAddr::from((PROXY, served.port)), Some(IpAddr::from([127, 0, 0, 8])));
        talk.log_in();
        assert!(talk.ask("STAT").contains("Connected from 127.0.0.8:"));
        // Where it went to is what it is told to come to.
        assert!(talk.ask("PASV").contains("(127,0,0,5,"));
        let port = talk.epsv();
        // A thief who comes by way of the proxy is still not the client.
        let mut thief =
            connect(SocketAddr::from((PROXY, port)), Some(IpAddr::from([127, 0, 0, 66]))).unwrap();
        let mut own = connect(SocketAddr::from((PROXY, port)), Some(IpAddr::from([127, 0, 0, 8]))).unwrap();
        assert!(talk.ask("NLST").starts_with("150"), "{version} {one_port}");
        let mut names = String::new();
        own.read_to_string(&mut names).unwrap();
        assert_eq!(names, "up\r\n");
        assert!(talk.reply().starts_with("226"));
        let mut stolen = Vec::new();
        thief.set_read_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
        let _ = thief.read_to_end(&mut stolen);
        assert!(!stolen.starts_with(b"up"));
    }
}

#[test]
fn t43_nobody_else_is_believed_and_who_should_say_it_has_to() {
    let (served, _proxy) = serve("127.0.0.1/32", "send-proxy-v2", false);
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, served.port));
    // From elsewhere it is a command like any other, and none.
    let mut talk = Talk::to(server, Some(IpAddr::from([127, 0, 0, 7])));
    assert!(talk.ask("PROXY TCP4 192.0.2.9 198.51.100.1 4000 21").starts_with("500"));
    talk.log_in();
    assert!(talk.ask("STAT").contains("Connected from 127.0.0.7:"));
    // From there nothing else is taken, nor is nothing.
    for said in [&b"USER anonymous\r\n"[..], b"PROXY TCP4 1.2.3.4\r\n", b"PROXY", b"\r\n\r\n\0\r\nQUIT\n"] {
        let mut socket = connect(server, Some(Ipv4Addr::LOCALHOST.into())).unwrap();
        socket.write_all(said).unwrap();
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer);
        assert!(answer.is_empty(), "{}", answer.escape_ascii());
    }
    served.wait_for_log("the proxy does not say whose it is");
    // It looks whether the server is there (LOCAL).
    let mut socket = connect(server, Some(Ipv4Addr::LOCALHOST.into())).unwrap();
    socket.write_all(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0").unwrap();
    let mut greeting = [0; 3];
    socket.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"220");
}
