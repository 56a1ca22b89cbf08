//! Passive mode: shared ports.

use crate::serve;
use portolan_testkit::launch::{Served, Talk, connect, free_ports, isolate};
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A server with one passive port, which it gives too.
fn serve_one_port(arguments: &[&str]) -> (Served, u16) {
    isolate();
    let port = free_ports(1);
    let range = format!("{port}-{port}");
    (serve(&[&["--passive-ports", &range], arguments].concat()), port)
}

fn address(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))
}

fn talk_from(served: &Served, last: u8) -> Talk {
    let mut talk = Talk::to(SocketAddr::new(address(1), served.port), Some(address(last)));
    talk.log_in();
    talk.ask("TYPE I");
    talk
}

#[test]
fn one_port_serves_fifty_peers_at_once() {
    let (served, port) = serve_one_port(&[]);
    let mut talks: Vec<(u8, Talk)> = (1..=50).map(|last| (last, talk_from(&served, last))).collect();
    for (last, talk) in &mut talks {
        fs::write(served.root().join(last.to_string()), format!("for {last}")).unwrap();
        assert_eq!(talk.epsv(), port);
    }
    let mut transfers = Vec::new();
    for (last, mut talk) in talks.into_iter().rev() {
        let data = connect(SocketAddr::new(address(1), port), Some(address(last))).unwrap();
        talk.send(format!("RETR {last}\r\n").as_bytes());
        transfers.push((last, talk, data));
    }
    for (last, mut talk, mut data) in transfers {
        let mut text = String::new();
        data.read_to_string(&mut text).unwrap();
        assert_eq!(text, format!("for {last}"));
        assert!(talk.reply().starts_with("150") && talk.reply().starts_with("226"));
    }
}

#[test]
fn sessions_of_one_peer_take_turns_over_one_port_and_never_mix_up() {
    let (served, _) = serve_one_port(&[]);
    let root = served.root();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let mut talk = talk_from(&served, 1);
            let root = &root;
            fs::write(root.join(format!("down {number}")), format!("session {number}").repeat(1000)).unwrap();
            let namespace = fs::File::open("/proc/thread-self/ns/net").unwrap();
            scope.spawn(move || {
                // A thread of its own would otherwise be in the network of the whole process.
                portolan_testkit::launch::join_network(&namespace);
                for round in 0..20 {
                    assert_eq!(
                        talk.retrieve(&format!("down {number}")),
                        format!("session {number}").repeat(1000).as_bytes()
                    );
                    let mut data = talk.open_data(&format!("STOR up {number}"));
                    data.write_all(format!("{number} {round}").as_bytes()).unwrap();
                    drop(data);
                    assert!(talk.reply().starts_with("226"));
                    assert_eq!(
                        fs::read_to_string(root.join(format!("up {number}"))).unwrap(),
                        format!("{number} {round}")
                    );
                }
            });
        }
    });
}

#[test]
fn t03_a_stranger_gets_nothing_and_disturbs_nobody() {
    let (served, port) = serve_one_port(&[]);
    fs::write(served.root().join("a"), "mine").unwrap();
    let mut talk = talk_from(&served, 1);
    talk.epsv();
    for _ in 0..10 {
        let mut stranger = connect(SocketAddr::new(address(1), port), Some(address(2))).unwrap();
        assert_eq!(stranger.read(&mut [0; 1]).unwrap_or(0), 0);
    }
    served.wait_for_log("stranger");
    let mut data = connect(SocketAddr::new(address(1), port), Some(address(1))).unwrap();
    assert!(talk.ask("RETR a").starts_with("150"));
    let mut text = String::new();
    data.read_to_string(&mut text).unwrap();
    assert_eq!(text, "mine");
    assert!(talk.reply().starts_with("226"));
}

#[test]
fn t04_a_loop_of_pasv_starves_nobody() {
    let (served, port) = serve_one_port(&[]);
    fs::write(served.root().join("a"), "mine").unwrap();
    let mut greedy = talk_from(&served, 2);
    for _ in 0..5_000 {
        assert!(greedy.ask("PASV").starts_with("227"));
        assert!(greedy.ask("EPSV").starts_with("229"));
    }
    let mut other = talk_from(&served, 1);
    assert_eq!(other.retrieve("a"), b"mine");
    // A session of the same peer gets its turn too, and the greedy one comes after it.
    let mut sibling = talk_from(&served, 2);
    sibling.send(b"EPSV\r\n");
    while !served.log().iter().any(|line| line.contains("waits for a passive port")) {
        greedy.send(b"NOOP\r\n");
        assert!(greedy.reply().starts_with("200"));
    }
    greedy.send(b"PASV\r\n");
    let reply = sibling.reply();
    assert!(reply.starts_with("229"), "{reply}");
    drop(connect(SocketAddr::new(address(1), port), Some(address(2))).unwrap());
    assert!(greedy.reply().starts_with("227"));
    // Without a login there is nothing to take.
    let mut stranger = served.talk();
    assert!(stranger.ask("PASV").starts_with("530"));
}

#[test]
fn no_data_connection_is_425_and_the_session_lives_on() {
    let folder = tempfile::tempdir().unwrap();
    isolate();
    let port = free_ports(1);
    let config = folder.path().join("portolan.toml");
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("a"), "mine").unwrap();
    fs::write(
        &config,
        format!(
            "listen = [\"127.0.0.1:{port}\"]\n[limits]\ndata-connection = 1\n[anonymous]\nroot = \"root\"\n"
        ),
    )
    .unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.args(["serve", "-c"]).arg(&config);
    let served = Served::launch(command, folder, port);
    let mut talk = served.talk_logged_in();
    talk.epsv();
    assert!(talk.ask("RETR a").starts_with("150"));
    assert!(talk.reply().starts_with("425"));
    assert_eq!(talk.retrieve("a"), b"mine");
}

#[test]
fn peers_nearby_are_told_the_address_that_they_came_to() {
    // What others are told is tried in real networks, by the lab.
    let (served, port) = serve_one_port(&["--announce", "203.0.113.7"]);
    let mut talk = served.talk_logged_in();
    let reply = talk.ask("PASV");
    assert_eq!(reply, format!("227 Entering Passive Mode (127,0,0,1,{},{})\r\n", port >> 8, port & 255));
    assert_eq!(talk.epsv(), port);
}

#[test]
fn ports_are_not_to_be_guessed() {
    let served = serve(&[]);
    fs::write(served.root().join("a"), "x").unwrap();
    let mut talk = served.talk_logged_in();
    let mut ports = std::collections::HashSet::new();
    for _ in 0..40 {
        talk.retrieve("a");
        ports.insert(talk.epsv());
    }
    assert!(ports.len() > 5, "{ports:?}");
}

#[test]
fn a_connection_whose_transfer_was_refused_is_not_taken_for_the_next() {
    let (one_port, _) = serve_one_port(&[]);
    let many_ports = serve(&[]);
    for served in [one_port, many_ports] {
        fs::create_dir(served.root().join("d")).unwrap();
        fs::write(served.root().join("a"), "mine").unwrap();
        let mut talk = talk_from(&served, 1);
        for _ in 0..500 {
            let port = talk.epsv();
            // As clients do that connect before they hear that there is nothing to fetch.
            let unused = connect(SocketAddr::new(address(1), port), None).unwrap();
            assert!(talk.ask("RETR d").starts_with("550"));
            drop(unused);
            assert_eq!(talk.retrieve("a"), b"mine");
        }
    }
}

#[test]
fn two_servers_transfer_between_each_other_where_the_account_may() {
    isolate();
    // A second address stands for the other server.
    let hash = std::process::Command::new(env!("CARGO_BIN_EXE_portolan"))
        .args(["user", "hash", "--password-file", "/dev/stdin"])
        .stdin(fs::File::open("/proc/version").unwrap())
        .output()
        .unwrap();
    let hash = String::from_utf8(hash.stdout).unwrap();
    let password = fs::read_to_string("/proc/version").unwrap();
    let start = |address: &str| {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("root")).unwrap();
        let port = free_ports(1);
        let text = format!(
            "listen = [\"{address}:{port}\"]\n[anonymous]\nroot = \"root\"\nwrite = true\n[[user]]\nname = \"anna\"\n\
             password = \"{}\"\nroot = \"root\"\nwrite = true\nfxp = true\n",
            hash.trim()
        );
        fs::write(folder.path().join("portolan.toml"), text).unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_portolan"));
        command.args(["serve", "-c"]).arg(folder.path().join("portolan.toml"));
        let served = Served::launch(command, folder, port);
        let talk = Talk::to(format!("{address}:{port}").parse().unwrap(), None);
        (served, talk)
    };
    let (from, mut source) = start("127.0.0.1");
    let (to, mut target) = start("198.51.100.1");
    fs::write(from.root().join("a"), "over").unwrap();
    for talk in [&mut source, &mut target] {
        talk.log_in();
    }
    // Without the right, neither side takes part.
    assert!(source.ask("PORT 198,51,100,1,100,0").starts_with("504"));
    for talk in [&mut source, &mut target] {
        assert!(talk.ask("USER anna").starts_with("331"));
        assert!(talk.ask(&format!("PASS {}", password.lines().next().unwrap())).starts_with("230"));
        assert!(talk.ask("TYPE I").starts_with("200"));
    }
    let reply = target.ask("PASV");
    let address = reply.split(['(', ')']).nth(1).unwrap();
    assert!(address.starts_with("198,51,100,1,"), "{reply}");
    assert!(source.ask(&format!("PORT {address}")).starts_with("200"));
    assert!(target.ask("STOR b").starts_with("150"));
    assert!(source.ask("RETR a").starts_with("150"));
    assert!(source.reply().starts_with("226") && target.reply().starts_with("226"));
    assert_eq!(fs::read_to_string(to.root().join("b")).unwrap(), "over");
}
