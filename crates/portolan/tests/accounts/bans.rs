//! Addresses that may not connect.

use crate::store::{must, refused};
use crate::{log_in, prepared, serve};
use portolan_testkit::launch::{Served, Talk, connect};
use portolan_testkit::postgres::Postgres;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const PEOPLE: &str = r#"
state = "state"
[bans]
faults = 3
never = ["127.0.0.9"]
[[user]]
name = "anna"
password = "SECRET"
root = "root"
"#;

/// The greeting of a server that is reached from 127.0.0.`last`.
fn greeting(served: &Served, last: u8) -> String {
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, served.port));
    let stream = connect(server, Some(IpAddr::from([127, 0, 0, last]))).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

/// Says a wrong password three times, from 127.0.0.`last`.
fn guess(served: &Served, last: u8) {
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, served.port));
    let mut talk = Talk::to(server, Some(IpAddr::from([127, 0, 0, last])));
    for _ in 0..3 {
        talk.ask("USER anna");
        assert!(talk.ask("PASS wrong").starts_with("530"));
    }
}

fn is_banned(greeting: &str) -> bool {
    greeting.starts_with("421 Too many faults from your address, try again in 5 min")
}

#[test]
fn who_guesses_passwords_is_banned_until_it_is_lifted() {
    let mut served = serve(&["root"], PEOPLE);
    guess(&served, 9);
    guess(&served, 2);
    assert!(is_banned(&greeting(&served, 2)));
    assert!(greeting(&served, 1).starts_with("220") && greeting(&served, 9).starts_with("220"));

    // It is kept when the server starts again.
    let folder = std::mem::replace(&mut served.folder, tempfile::tempdir().unwrap());
    drop(served);
    let text = std::fs::read_to_string(folder.path().join("portolan.toml")).unwrap();
    let (_, text) = text.split_once('\n').unwrap();
    let address = text.lines().find(|line| line.starts_with("listen")).unwrap();
    let text = text.replace(address, "listen = [\"LISTEN\"]");
    let served = Served::configured(env!("CARGO_BIN_EXE_portolan"), folder, &text);
    while !is_banned(&greeting(&served, 2)) {}

    let folder = served.folder.path();
    let listed = must(folder, &["ban", "list"]);
    assert!(listed.starts_with("127.0.0.2 ") && listed.contains("wrong passwords"), "{listed}");
    must(folder, &["ban", "remove", "127.0.0.2"]);
    while is_banned(&greeting(&served, 2)) {}
    assert!(refused(folder, &["ban", "remove", "127.0.0.2"]).contains("is not banned"));

    must(folder, &["ban", "add", "127.0.0.3", "--for", "300", "--reason", "port scan"]);
    while !is_banned(&greeting(&served, 3)) {}
    assert!(must(folder, &["ban", "list", "--json"]).contains(r#""reason":"port scan""#));
}

#[test]
fn who_speaks_no_ftp_is_banned() {
    let served = serve(&["root"], PEOPLE);
    for _ in 0..3 {
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, served.port));
        let mut stream = connect(server, Some(IpAddr::from([127, 0, 0, 4]))).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let said: Vec<String> = BufReader::new(stream).lines().map_while(Result::ok).collect();
        assert!(said.last().unwrap().starts_with("421"), "{said:?}");
    }
    assert!(is_banned(&greeting(&served, 4)));
}

#[test]
fn where_it_is_only_logged_nobody_is_banned() {
    let served = serve(&["root"], &PEOPLE.replace("faults = 3", "faults = 3\nmode = \"log\""));
    guess(&served, 2);
    served.wait_for_log("would be banned");
    assert!(greeting(&served, 2).starts_with("220"));
}

#[test]
fn nodes_share_what_they_ban() {
    let postgres = Postgres::start();
    let text = format!("accounts = \"{}\"\n{PEOPLE}", postgres.url());
    let nodes = [(), ()].map(|()| {
        let (folder, text) = prepared(&["root"], &text);
        Served::configured(env!("CARGO_BIN_EXE_portolan"), folder, &text)
    });
    let mut talk = nodes[1].talk();
    assert!(log_in(&mut talk, "anna").starts_with("230"));
    guess(&nodes[0], 2);
    while !is_banned(&greeting(&nodes[1], 2)) {}
}
