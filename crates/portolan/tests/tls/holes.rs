//! Holes of other servers, by their numbers in the catalogue that the tests of this project share.

use crate::secure::*;
use crate::serve;
use portolan_testkit::launch::{Served, Talk, connect};
use std::fs;
use std::io::{Read, Write};
use std::net::Ipv4Addr;

/// A control connection that is not greeted yet, to the port of implicit TLS.
fn raw(port: u16) -> std::net::TcpStream {
    connect((Ipv4Addr::LOCALHOST, port).into(), None).unwrap()
}

#[test]
fn t05_what_comes_in_the_clear_behind_auth_is_thrown_away_and_counted() {
    let served = serve(&[]);
    let how = How::of_version(&served, &TLS13);
    for injected in ["USER injected\r\n", "USER anonymous\r\nPASS x\r\n", "\r\n", "NOO"] {
        let mut talk = served.talk();
        talk.send(format!("AUTH TLS\r\n{injected}").as_bytes());
        assert!(talk.reply().starts_with("234"));
        let mut talk = SecureTalk { stream: how.wrap(talk.stream().try_clone().unwrap()).unwrap() };
        // It answers this and nothing before: nobody is logged in, and no name is known.
        assert!(talk.ask("PASS x").starts_with("503"), "{injected:?}");
        assert!(talk.ask("PWD").starts_with("530"), "{injected:?}");
    }
    let line = served.wait_for_log("attacks=4");
    assert!(line.contains("clear text behind AUTH"), "{line}");
}

#[test]
fn t30_clear_data_after_prot_p_is_refused_both_ways() {
    let served = serve(&[]);
    fs::write(served.root().join("a"), "secret").unwrap();
    let how = How::of_version(&served, &TLS13);
    let mut talk = SecureTalk::logged_in(&served, &how);
    let mut data = talk.connect_data();
    assert!(talk.ask("STOR b").starts_with("150"));
    data.write_all(b"clear text that is no handshake at all").unwrap();
    assert!(talk.reply().starts_with("425"));
    assert!(!served.root().join("b").exists());
    let mut data = talk.connect_data();
    assert!(talk.ask("RETR a").starts_with("150"));
    data.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(talk.reply().starts_with("425"));
    let mut got = Vec::new();
    let _ = data.read_to_end(&mut got);
    assert!(!String::from_utf8_lossy(&got).contains("secret"));
    assert_eq!(talk.retrieve(&how, "a").0, b"secret");
}

#[test]
fn t30_an_upload_without_its_end_is_broken_and_the_old_file_stays() {
    for version in [&TLS12, &TLS13] {
        let served = serve(&[]);
        fs::write(served.root().join("a"), "old").unwrap();
        let how = How::of_version(&served, version);
        let mut talk = SecureTalk::logged_in(&served, &how);
        let mut data = talk.open_data(&how, "STOR a");
        data.write_all(b"half of the new").unwrap();
        // The end of TCP without the end of TLS: what somebody on the way can do.
        data.sock.shutdown(std::net::Shutdown::Both).unwrap();
        assert!(talk.reply().starts_with("426"));
        assert_eq!(fs::read(served.root().join("a")).unwrap(), b"old");
        // A new file keeps what arrived, so that the client can go on.
        let mut data = talk.open_data(&how, "STOR b");
        data.write_all(b"half").unwrap();
        data.sock.shutdown(std::net::Shutdown::Both).unwrap();
        assert!(talk.reply().starts_with("426"));
        assert_eq!(fs::read(served.root().join("b")).unwrap(), b"half");
    }
}

#[test]
fn t30_a_download_that_fails_has_no_end() {
    let served = serve(&[]);
    let file = fs::File::create(served.root().join("a")).unwrap();
    file.set_len(50 << 20).unwrap();
    let how = How::of_version(&served, &TLS13);
    let mut talk = SecureTalk::logged_in(&served, &how);
    let mut data = talk.open_data(&how, "RETR a");
    data.read_exact(&mut [0; 1000]).unwrap();
    file.set_len(1 << 20).unwrap();
    assert!(data.read_to_end(&mut Vec::new()).is_err(), "the half file looks whole");
    assert!(talk.reply().starts_with("451"));
}

#[test]
fn t30_empty_files_both_ways() {
    for version in [&TLS12, &TLS13] {
        let served = serve(&["--tls-resume", "require"]);
        let how = How::of_version(&served, version);
        let mut talk = SecureTalk::logged_in(&served, &how);
        talk.store(&how, "empty", b"");
        assert_eq!(fs::metadata(served.root().join("empty")).unwrap().len(), 0);
        assert_eq!(talk.retrieve(&how, "empty").0, b"");
    }
}

/// Stores a file whose bytes and end leave together with the end of the handshake.
fn store_at_once(talk: &mut SecureTalk, how: &How, name: &str, bytes: &[u8], after: &str) {
    let mut data = talk.connect_data();
    assert!(talk.ask(&format!("STOR {name}")).starts_with("150"));
    let mut connection = how.connection();
    while connection.is_handshaking() {
        if connection.wants_write() {
            connection.write_tls(&mut data).unwrap();
        }
        connection.read_tls(&mut data).unwrap();
        connection.process_new_packets().unwrap();
    }
    connection.writer().write_all(bytes).unwrap();
    connection.send_close_notify();
    let mut all = Vec::new();
    while connection.wants_write() {
        connection.write_tls(&mut all).unwrap();
    }
    data.write_all(&all).unwrap();
    talk.stream.write_all(after.as_bytes()).unwrap();
}

#[test]
fn t30_a_whole_upload_in_the_segment_that_ends_the_handshake() {
    for version in [&TLS12, &TLS13] {
        let served = serve(&[]);
        let how = How::of_version(&served, version);
        let mut talk = SecureTalk::logged_in(&served, &how);
        for text in ["", "some text"] {
            store_at_once(&mut talk, &how, "a", text.as_bytes(), "");
            assert!(talk.reply().starts_with("226"));
            assert_eq!(fs::read_to_string(served.root().join("a")).unwrap(), text);
        }
    }
}

#[test]
fn t10_abort_right_behind_a_whole_upload() {
    // The end is there already when the transfer is told to stop: it must end all the same.
    let served = serve(&[]);
    let how = How::of_version(&served, &TLS13);
    let mut talk = SecureTalk::logged_in(&served, &how);
    for _ in 0..50 {
        store_at_once(&mut talk, &how, "a", &[7; 60_000], "ABOR\r\n");
        let first = talk.reply();
        assert!(first.starts_with("426") || first.starts_with("226"), "{first}");
        assert!(talk.reply().starts_with("226"));
    }
    assert!(talk.ask("NOOP").starts_with("200"));
}

#[test]
fn t29_handshakes_that_stall_are_ended_and_cost_nobody_else_anything() {
    let port = portolan_testkit::launch::free_ports(1);
    let served = serve(&["--listen-implicit", &format!("127.0.0.1:{port}")]);
    let how = How::of_version(&served, &TLS13);
    // Some say AUTH and nothing more, some half a record, some nothing where TLS begins at once.
    let mut stalled: Vec<Talk> = (0..20).map(|_| served.talk()).collect();
    for talk in &mut stalled {
        assert!(talk.ask("AUTH TLS").starts_with("234"));
        talk.send(&[0x16, 3, 1, 2, 0, 1]);
    }
    let mut silent: Vec<_> = (0..20).map(|_| raw(port)).collect();
    // A good client comes through while all of them stall.
    SecureTalk::logged_in(&served, &how);
    for talk in &mut stalled {
        talk.stream().set_nonblocking(true).unwrap();
        assert_eq!(talk.stream().peek(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        talk.stream().set_nonblocking(false).unwrap();
    }
    for talk in &mut stalled {
        assert_eq!(talk.reply(), "");
    }
    for stream in &mut silent {
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    }
}

#[test]
fn t29_one_address_cannot_take_all_handshakes() {
    let served = serve(&[]);
    let mut stalled: Vec<Talk> = Vec::new();
    let refused = (0..300).find_map(|_| {
        let mut talk = served.talk();
        let reply = talk.ask("AUTH TLS");
        stalled.push(talk);
        (!reply.starts_with("234")).then_some(reply)
    });
    let reply = refused.unwrap();
    assert!(reply.starts_with("431"), "{reply}");
    // In the clear the refused session goes on, and another address is not touched.
    assert!(stalled.last_mut().unwrap().ask("NOOP").starts_with("200"));
    let server = (Ipv4Addr::LOCALHOST, served.port).into();
    let mut other = Talk::to(server, Some(Ipv4Addr::new(127, 0, 0, 8).into()));
    assert!(other.ask("AUTH TLS").starts_with("234"));
}

/// Whether the server takes a client whose first line in TLS is this.
fn first_line(served: &Served, how: &How, line: &str) -> String {
    SecureTalk::explicit(served, how).unwrap().ask(line)
}

#[test]
fn t31_what_a_browser_was_tricked_into_sending_ends_the_session() {
    let served = serve(&[]);
    let how = How::of_version(&served, &TLS13);
    for line in ["GET / HTTP/1.1", "POST /x HTTP/1.1", "Host: example.org", "EHLO me", "OPTIONS * HTTP/1.1"] {
        assert!(first_line(&served, &how, line).starts_with("421"), "{line}");
    }
    assert!(first_line(&served, &how, "NOOP").starts_with("200"));
    // A client that says what it speaks has to speak FTP.
    for (protocols, works) in
        [(&["http/1.1", "h2"][..], false), (&["ftp"], true), (&["http/1.1", "ftp"], true), (&[], true)]
    {
        let how = How::new(&served, Wish { protocols, ..Wish::default() });
        assert_eq!(SecureTalk::explicit(&served, &how).is_ok(), works, "{protocols:?}");
    }
}

#[test]
fn t10_abort_over_tls() {
    let served = serve(&[]);
    let file = fs::File::create(served.root().join("a")).unwrap();
    file.set_len(200 << 20).unwrap();
    let how = How::of_version(&served, &TLS13);
    let mut talk = SecureTalk::logged_in(&served, &how);
    let mut data = talk.open_data(&how, "RETR a");
    data.read_exact(&mut [0; 1000]).unwrap();
    assert!(talk.ask("ABOR").starts_with("426"));
    assert!(talk.reply().starts_with("226"));
    assert!(data.read_to_end(&mut Vec::new()).is_err());
    assert!(talk.ask("NOOP").starts_with("200"));
}

#[test]
fn t09_an_urgent_byte_does_not_spoil_tls() {
    let served = serve(&[]);
    let how = How::of_version(&served, &TLS13);
    let mut talk = SecureTalk::logged_in(&served, &how);
    socket2::SockRef::from(&talk.stream.sock).send_out_of_band(&[0xf2]).unwrap();
    assert!(talk.ask("NOOP").starts_with("200"));
}
