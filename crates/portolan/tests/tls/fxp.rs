//! What the right to transfer between servers opens, and what it leaves closed.

use crate::folder;
use crate::secure::*;
use portolan_testkit::launch::Served;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};

/// An address that is this machine's and not the client's.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

fn serve(resume: &str) -> Served {
    let (folder, _) = folder();
    fs::write(folder.path().join("root/a"), "secret").unwrap();
    let text = format!(
        "listen = [\"LISTEN\"]\n[tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\nresume = \"{resume}\"\n\
         [anonymous]\nroot = \"root\"\nwrite = true\nfxp = true\n"
    );
    Served::configured(env!("CARGO_BIN_EXE_portolan"), folder, &text)
}

fn read(mut data: Stream) -> String {
    let mut text = String::new();
    data.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn the_client_comes_before_a_stranger_who_came_first() {
    for resume in ["prefer", "require"] {
        let served = serve(resume);
        let how = How::of_version(&served, &TLS13);
        let mut talk = SecureTalk::logged_in(&served, &how);
        let port = talk.epsv();
        let mut stranger = how.forgetful().wrap(connect_from(ELSEWHERE, port)).unwrap();
        let own = connect_from(Ipv4Addr::LOCALHOST, port);
        assert!(talk.ask("RETR a").starts_with("150"));
        assert_eq!(read(how.wrap(own).unwrap()), "secret", "{resume}");
        assert!(talk.reply().starts_with("226"));
        let mut nothing = Vec::new();
        let _ = stranger.read_to_end(&mut nothing);
        assert!(nothing.is_empty());
    }
}

#[test]
fn a_stranger_without_tls_spoils_nothing() {
    let served = serve("require");
    let how = How::of_version(&served, &TLS13);
    let mut talk = SecureTalk::logged_in(&served, &how);
    let port = talk.epsv();
    connect_from(ELSEWHERE, port).write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    served.wait_for_log("data connection refused");
    let own = connect_from(Ipv4Addr::LOCALHOST, port);
    assert!(talk.ask("RETR a").starts_with("150"));
    assert_eq!(read(how.wrap(own).unwrap()), "secret");
    assert!(talk.reply().starts_with("226"));
}

#[test]
fn another_server_is_taken_where_the_client_does_not_come() {
    let served = serve("require");
    let how = How::of_version(&served, &TLS13);
    let mut talk = SecureTalk::logged_in(&served, &how);
    let port = talk.epsv();
    let other = connect_from(ELSEWHERE, port);
    assert!(talk.ask("RETR a").starts_with("150"));
    assert_eq!(read(how.forgetful().wrap(other).unwrap()), "secret");
    assert!(talk.reply().starts_with("226"));
}

#[test]
fn who_begins_tls_does_not_wait_for_ever() {
    let served = serve("require");
    let how = How::of_version(&served, &TLS13);
    let mut talk = SecureTalk::logged_in(&served, &how);
    // The one before was awaited in another way.
    assert!(talk.ask("PASV").starts_with("227"));
    let reply = talk.ask("CPSV");
    let numbers: Vec<u16> =
        reply.split(['(', ')']).nth(1).unwrap().split(',').map(|n| n.parse().unwrap()).collect();
    let mut other: TcpStream = connect_from(ELSEWHERE, numbers[4] * 256 + numbers[5]);
    assert!(talk.ask("RETR a").starts_with("150"));
    // The first message of the handshake is the server's.
    let mut hello = [0; 1];
    other.read_exact(&mut hello).unwrap();
    assert_eq!(hello, [22]);
    // What is no handshake ends it.
    other.write_all(b"220 Hello\r\n").unwrap();
    let reply = talk.reply();
    assert!(reply.starts_with("425"), "{reply}");
    assert!(talk.ask("NOOP").starts_with("200"));
}
