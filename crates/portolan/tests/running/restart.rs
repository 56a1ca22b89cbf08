//! A new start that nobody notices.

use crate::{portolan, refused, rewrite, serve, signal};
use portolan_testkit::launch::{Served, Talk, connect, join_network, must_run};
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const STATE: &str = r#"
state = "state"
[anonymous]
root = "root"
write = true
"#;

/// The number of the process that answers.
fn pid(served: &Served) -> u32 {
    let status: serde_json::Value = serde_json::from_str(&portolan(served, &["status", "--json"])).unwrap();
    status["pid"].as_u64().unwrap().try_into().unwrap()
}

#[test]
fn transfers_go_on_and_no_connection_is_refused() {
    for passive in ["", "passive = \"control-port\"\n"] {
        let mut served = serve(&format!("{passive}{STATE}"));
        fs::write(served.root().join("large"), vec![7; 64 << 20]).unwrap();
        let (mut down, mut up, mut idle) =
            (served.talk_logged_in(), served.talk_logged_in(), served.talk_logged_in());
        down.ask("TYPE I");
        let mut downloaded = down.open_data("RETR large");
        downloaded.read_exact(&mut [0; 1000]).unwrap();
        up.ask("TYPE I");
        let mut uploaded = up.open_data("STOR up");
        uploaded.write_all(&[8; 1 << 20]).unwrap();
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, served.port));
        let (done, greeted) = (AtomicBool::new(false), AtomicUsize::new(0));
        let network = fs::File::open("/proc/thread-self/ns/net").unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                join_network(&network);
                while !done.load(Ordering::Relaxed) {
                    let mut new = Talk::new(connect(server, None).unwrap());
                    let reply = new.reply();
                    // Who is there at that moment may be told to come again.
                    assert!(reply.starts_with("220") || reply.starts_with("421"), "{reply:?}");
                    greeted.fetch_add(1, Ordering::Relaxed);
                }
            });
            assert!(portolan(&served, &["restart"]).contains("goes on"));
            done.store(true, Ordering::Relaxed);
        });
        assert!(greeted.load(Ordering::Relaxed) > 0);
        assert_ne!(pid(&served), served.pid());
        assert!(idle.reply().starts_with("421 The server is shutting down"));
        // New sessions are the new server's, with all they need, while the old one is there.
        assert!(served.talk_logged_in().retrieve("large").len() == 64 << 20);
        let mut rest = Vec::new();
        downloaded.read_to_end(&mut rest).unwrap();
        assert_eq!(rest.len(), (64 << 20) - 1000);
        assert!(down.reply().starts_with("226"));
        uploaded.write_all(&[8; 1 << 20]).unwrap();
        drop(uploaded);
        assert!(up.reply().starts_with("226"));
        assert!(up.reply().starts_with("421"));
        assert_eq!(fs::metadata(served.root().join("up")).unwrap().len(), 2 << 20);
        let next = pid(&served);
        assert!(served.wait(), "the old server is over when its last transfer is");
        must_run(Command::new("curl").arg("-sS").arg(format!("ftp://{server}/up")));
        signal(next, "USR2");
        served.wait_for_log("another server goes on");
        assert_ne!(pid(&served), next);
        portolan(&served, &["drain"]);
    }
}

#[test]
fn a_new_server_that_does_not_start_changes_nothing() {
    let served = serve(STATE);
    let mut talk = served.talk_logged_in();
    rewrite(&served, "listen = [", "listen = [\"192.0.2.7:2121\", ");
    let said = refused(&served, &["restart"]);
    assert!(said.contains("the new server did not start (exit status: 1)"), "{said}");
    served.wait_for_log("cannot listen on 192.0.2.7:2121");
    assert!(talk.ask("NOOP").starts_with("200"));
    served.talk_logged_in();
    assert_eq!(pid(&served), served.pid());
}

#[test]
fn what_there_is_one_of_goes_over_to_the_new_server() {
    use portolan_testkit::launch::free_ports;
    portolan_testkit::launch::isolate();
    let (metrics, passive) = (free_ports(1), free_ports(1));
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("root")).unwrap();
    fs::write(folder.path().join("root/large"), vec![7; 64 << 20]).unwrap();
    let port = free_ports(1);
    let text = format!(
        "listen = [\"127.0.0.1:{port}\"]\nmetrics = \"127.0.0.1:{metrics}\"\npassive-ports = \"{passive}\"\n{STATE}"
    );
    let file = folder.path().join("portolan.toml");
    fs::write(&file, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.args(["serve", "-c"]).arg(file);
    let mut served = Served::launch(command, folder, port);
    let mut down = served.talk_logged_in();
    down.ask("TYPE I");
    let mut downloaded = down.open_data("RETR large");
    downloaded.read_exact(&mut [0; 1000]).unwrap();
    assert!(portolan(&served, &["restart"]).contains("goes on"));
    // The one passive port, while the old server still has a transfer that came by it.
    let mut new = served.talk_logged_in();
    let begun = std::time::Instant::now();
    while !new.ask("EPSV").starts_with("229") {
        assert!(begun.elapsed() < portolan_testkit::launch::PATIENCE);
    }
    assert_eq!(new.retrieve("large").len(), 64 << 20);
    let url = format!("http://127.0.0.1:{metrics}/metrics");
    let fetch = || Command::new("curl").args(["-sS", "--fail", &url]).output().unwrap();
    while !String::from_utf8_lossy(&fetch().stdout).contains("portolan_sessions 1") {
        assert!(begun.elapsed() < portolan_testkit::launch::PATIENCE);
    }
    // Who is here counts as before, by what has changed since.
    let mut rest = Vec::new();
    downloaded.read_to_end(&mut rest).unwrap();
    assert!(down.reply().starts_with("226"));
    assert!(served.wait());
    portolan(&served, &["drain", "--time", "1"]);
}

#[test]
fn what_changes_counts_for_who_is_still_with_the_old_server() {
    let mut served = serve(STATE);
    let mut up = served.talk_logged_in();
    let mut data = up.open_data("STOR up");
    data.write_all(b"some").unwrap();
    portolan(&served, &["restart"]);
    rewrite(&served, "[anonymous]", "[anonymous]\nenabled = false");
    assert!(up.reply().starts_with("426"));
    assert!(up.reply().starts_with("421"));
    assert!(served.wait());
    portolan(&served, &["drain", "--time", "1"]);
}
