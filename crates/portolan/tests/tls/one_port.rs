//! One port for control and data connections where both begin with TLS.

use crate::secure::*;
use crate::serve;
use portolan_testkit::launch::{Served, free_ports};
use rustls::HandshakeKind;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

const BOTH: [&rustls::SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

const HOME: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// An address that is this machine's and not the client's.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// Longer than what counts as at once.
const APART: Duration = Duration::from_millis(70);

/// A server at one port with a file, and the port.
fn serve_one_port(policy: &str) -> (Served, u16) {
    let port = free_ports(1);
    let address = format!("127.0.0.1:{port}");
    let served = serve(&["--one-port", "--listen-implicit", &address, "--tls-resume", policy]);
    fs::write(served.root().join("a"), "secret").unwrap();
    (served, port)
}

/// A session that has shaken hands already: what it is greeted with.
fn greeting(stream: Stream) -> String {
    SecureTalk { stream }.reply()
}

fn session(how: &How, port: u16) -> SecureTalk {
    let mut talk = SecureTalk { stream: how.wrap(connect_from(HOME, port)).unwrap() };
    assert!(talk.reply().starts_with("220"));
    talk.log_in();
    talk
}

fn text_of(mut data: Stream) -> String {
    let mut text = String::new();
    data.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn who_shakes_hands_first_at_the_clients_address_gets_no_data_of_it() {
    for version in BOTH {
        for policy in ["prefer", "require"] {
            let (served, port) = serve_one_port(policy);
            let how = How::of_version(&served, version);
            let mut talk = session(&how, port);
            assert_eq!(talk.epsv(), port);
            let neighbour = || connect_from(HOME, port);
            let before = neighbour();
            let data = neighbour();
            let behind = neighbour();
            assert!(talk.ask("RETR a").starts_with("150"));
            let late = neighbour();
            let shaken = [before, behind, late].map(|stream| how.forgetful().wrap(stream).unwrap());
            let data = how.wrap(data).unwrap();
            assert_eq!(text_of(data), "secret");
            assert!(talk.reply().starts_with("226"));
            for stream in shaken {
                let greeting = greeting(stream);
                assert!(greeting.starts_with("220"), "{greeting}");
            }
        }
    }
}

#[test]
fn another_session_of_the_client_is_told_from_its_data_by_the_order() {
    for version in BOTH {
        let (served, port) = serve_one_port("prefer");
        let how = How::of_version(&served, version);
        let mut talk = session(&how, port);
        // The handshakes in any order, before and after the command.
        for (early, first) in [(true, true), (true, false), (false, true), (false, false)] {
            talk.epsv();
            let another = connect_from(HOME, port);
            sleep(APART);
            let data = connect_from(HOME, port);
            let shake = |another: TcpStream, data: TcpStream| {
                if first {
                    let another = how.wrap(another).unwrap();
                    (another, how.wrap(data).unwrap())
                } else {
                    let data = how.wrap(data).unwrap();
                    (how.wrap(another).unwrap(), data)
                }
            };
            let (another, data) = if early {
                let shaken = shake(another, data);
                assert!(talk.ask("RETR a").starts_with("150"));
                shaken
            } else {
                assert!(talk.ask("RETR a").starts_with("150"));
                shake(another, data)
            };
            assert_eq!(another.conn.handshake_kind(), Some(HandshakeKind::Resumed));
            assert_eq!(text_of(data), "secret");
            assert!(talk.reply().starts_with("226"));
            let mut another = SecureTalk { stream: another };
            assert!(another.reply().starts_with("220"));
            another.log_in();
            another.ask("EPSV");
            let data = connect_from(HOME, port);
            assert!(another.ask("RETR a").starts_with("150"));
            assert_eq!(text_of(how.wrap(data).unwrap()), "secret");
        }
    }
}

#[test]
fn what_comes_behind_the_command_does_not_displace_what_came_before_it() {
    for version in BOTH {
        let (served, port) = serve_one_port("prefer");
        let how = How::of_version(&served, version);
        let mut talk = session(&how, port);
        talk.epsv();
        let data = connect_from(HOME, port);
        assert!(talk.ask("RETR a").starts_with("150"));
        sleep(APART);
        let another = how.wrap(connect_from(HOME, port)).unwrap();
        sleep(APART);
        assert_eq!(text_of(how.wrap(data).unwrap()), "secret");
        assert!(talk.reply().starts_with("226"));
        assert!(greeting(another).starts_with("220"));
    }
}

#[test]
fn a_flood_from_the_clients_address_does_not_push_its_data_aside() {
    let (served, port) = serve_one_port("prefer");
    let how = How::of_version(&served, &TLS13);
    let mut talk = session(&how, port);
    talk.epsv();
    let data = how.wrap(connect_from(HOME, port)).unwrap();
    sleep(APART);
    let flood: Vec<TcpStream> = (0..100).map(|_| connect_from(HOME, port)).collect();
    assert!(talk.ask("RETR a").starts_with("150"));
    let mut others = flood.into_iter().rev().take(10).map(|stream| how.forgetful().wrap(stream).unwrap());
    let first = others.next().unwrap();
    drop(others);
    assert_eq!(text_of(data), "secret");
    assert!(talk.reply().starts_with("226"));
    assert!(greeting(first).starts_with("220"));
}

#[test]
fn an_upload_that_is_refused_is_not_read_as_commands() {
    let (served, port) = serve_one_port("require");
    let how = How::of_version(&served, &TLS13);
    let mut talk = session(&how, port);
    talk.epsv();
    let data = connect_from(HOME, port);
    assert!(talk.ask("STOR up").starts_with("150"));
    let mut data = how.forgetful().wrap(data).unwrap();
    data.write_all(b"USER anonymous\r\nPASS x\r\n").unwrap();
    data.flush().unwrap();
    let reply = talk.reply();
    assert!(reply.starts_with("522"), "{reply}");
    assert_eq!(greeting(data), "");
}

#[test]
fn an_upload_is_told_by_its_first_bytes() {
    for version in BOTH {
        let (served, port) = serve_one_port("prefer");
        let how = How::of_version(&served, version);
        let mut talk = session(&how, port);
        for content in ["", "text"] {
            talk.epsv();
            let another = how.wrap(connect_from(HOME, port)).unwrap();
            let mut data = how.wrap(connect_from(HOME, port)).unwrap();
            let mut stranger = how.forgetful().wrap(connect_from(HOME, port)).unwrap();
            assert!(talk.ask("STOR up").starts_with("150"));
            // Somebody else's bytes are worth nothing while a connection of the client's own is there.
            stranger.write_all(b"forged").unwrap();
            stranger.flush().unwrap();
            sleep(APART);
            data.write_all(content.as_bytes()).unwrap();
            data.conn.send_close_notify();
            data.flush().unwrap();
            if content.is_empty() {
                // It says nothing, as another session does not either, until that is gone.
                drop(another);
            } else {
                assert!(greeting(another).starts_with("220"));
            }
            drop(stranger);
            let reply = talk.reply();
            assert!(reply.starts_with("226"), "{reply}");
            assert_eq!(fs::read_to_string(served.root().join("up")).unwrap(), content);
        }
    }
}

#[test]
fn what_resumes_may_come_from_another_address_and_is_data_or_another_session() {
    for version in BOTH {
        let (served, port) = serve_one_port("prefer");
        let how = How::of_version(&served, version);
        let mut talk = session(&how, port);
        talk.epsv();
        let stranger = how.forgetful().wrap(connect_from(ELSEWHERE, port)).unwrap();
        assert!(greeting(stranger).starts_with("220"));
        let another = how.wrap(connect_from(ELSEWHERE, port)).unwrap();
        sleep(APART);
        let data = how.wrap(connect_from(ELSEWHERE, port)).unwrap();
        sleep(APART);
        assert!(talk.ask("RETR a").starts_with("150"));
        assert_eq!(text_of(data), "secret");
        assert!(talk.reply().starts_with("226"));
        assert!(greeting(another).starts_with("220"));
        served.wait_for_log("taken from another address");
    }
}

#[test]
fn who_resumes_nothing_gets_522_where_it_must_and_its_data_where_it_need_not() {
    for version in BOTH {
        for policy in ["require", "prefer", "off"] {
            let (served, port) = serve_one_port(policy);
            let how = How::of_version(&served, version);
            let mut talk = session(&how, port);
            talk.epsv();
            let data = connect_from(HOME, port);
            assert!(talk.ask("RETR a").starts_with("150"));
            let data = how.forgetful().wrap(data).unwrap();
            if policy == "require" {
                let reply = talk.reply();
                assert!(reply.starts_with("522") && reply.contains("resume"), "{reply}");
                drop(data);
                // The session goes on.
                assert_eq!(talk.retrieve(&how, "a").0, b"secret");
            } else {
                assert_eq!(text_of(data), "secret");
                assert!(talk.reply().starts_with("226"));
            }
        }
    }
}

#[test]
fn a_handshake_that_fails_ends_the_transfer_that_waits_for_it_at_once() {
    let (served, port) = serve_one_port("prefer");
    let how = How::of_version(&served, &TLS13);
    let mut talk = session(&how, port);
    talk.epsv();
    let mut data = connect_from(HOME, port);
    assert!(talk.ask("RETR a").starts_with("150"));
    let began = Instant::now();
    data.write_all(b"this is no handshake at all").unwrap();
    let reply = talk.reply();
    assert!(reply.starts_with("425") && reply.contains("handshake"), "{reply}");
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(talk.retrieve(&how, "a").0, b"secret");
}

#[test]
fn data_in_the_clear_is_told_from_sessions_by_the_handshake() {
    let (served, port) = serve_one_port("prefer");
    let how = How::of_version(&served, &TLS13);
    let mut talk = session(&how, port);
    assert!(talk.ask("PROT C").starts_with("200"));
    talk.epsv();
    let mut data = connect_from(HOME, port);
    assert!(greeting(how.wrap(connect_from(HOME, port)).unwrap()).starts_with("220"));
    assert!(talk.ask("RETR a").starts_with("150"));
    let mut text = String::new();
    data.read_to_string(&mut text).unwrap();
    assert_eq!(text, "secret");
}
