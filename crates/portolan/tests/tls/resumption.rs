//! Data connections prove by TLS that they belong to their session.

use crate::secure::*;
use crate::serve;
use rustls::HandshakeKind;
use std::fs;
use std::io::{Read, Write};
use std::net::Ipv4Addr;

const BOTH: [&rustls::SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// An address that is this machine's and not the client's.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

#[test]
fn two_hundred_small_files_cost_one_full_handshake() {
    for version in BOTH {
        let served = serve(&["--tls-resume", "require"]);
        fs::write(served.root().join("small"), "some text").unwrap();
        let how = How::of_version(&served, version);
        let mut talk = SecureTalk::logged_in(&served, &how);
        for number in 0..100 {
            assert_eq!(
                talk.retrieve(&how, "small"),
                (b"some text".to_vec(), HandshakeKind::Resumed),
                "{number}"
            );
            let kind = talk.store(&how, &format!("up{number}"), b"some text");
            assert_eq!(kind, HandshakeKind::Resumed, "{number}");
        }
        for _ in 0..200 {
            let line = served.wait_for_log("portolan::transfer");
            assert!(line.contains("tls=\"resumed\""), "{line}");
        }
    }
}

#[test]
fn without_resumption_it_gets_522_and_the_file_stays_as_it_is() {
    for version in BOTH {
        let served = serve(&["--tls-resume", "require"]);
        fs::write(served.root().join("a"), "old").unwrap();
        let how = How::of_version(&served, version);
        let mut talk = SecureTalk::logged_in(&served, &how);
        let data = talk.connect_data();
        assert!(talk.ask("STOR a").starts_with("150"));
        let mut data = how.forgetful().wrap(data).unwrap();
        let _ = data.write_all(b"new").and_then(|()| data.flush());
        let reply = talk.reply();
        assert!(reply.starts_with("522") && reply.contains("resume"), "{reply}");
        assert_eq!(fs::read(served.root().join("a")).unwrap(), b"old");
        // The session goes on.
        assert_eq!(talk.store(&how, "a", b"new"), HandshakeKind::Resumed);
        assert_eq!(fs::read(served.root().join("a")).unwrap(), b"new");
    }
}

#[test]
fn what_resumes_may_come_from_another_address_and_nothing_else_may() {
    for version in BOTH {
        for policy in ["prefer", "require"] {
            let served = serve(&["--tls-resume", policy]);
            fs::write(served.root().join("a"), "secret").unwrap();
            let how = How::of_version(&served, version);
            let mut talk = SecureTalk::logged_in(&served, &how);
            // A stranger with TLS of its own, one without TLS, one that says nothing: all before the client.
            let port = talk.epsv();
            let strangers: Vec<_> = (0..3).map(|_| connect_from(ELSEWHERE, port)).collect();
            let data = connect_from(ELSEWHERE, port);
            assert!(talk.ask("RETR a").starts_with("150"));
            for (number, mut stranger) in strangers.into_iter().enumerate() {
                match number {
                    0 => drop(how.forgetful().wrap(stranger)),
                    1 => drop(stranger.write_all(b"hello?\r\n")),
                    _ => {}
                }
            }
            let mut data = how.wrap(data).unwrap();
            assert_eq!(data.conn.handshake_kind(), Some(HandshakeKind::Resumed));
            let mut text = String::new();
            data.read_to_string(&mut text).unwrap();
            assert_eq!(text, "secret");
            assert!(talk.reply().starts_with("226"));
            served.wait_for_log("taken from another address");
        }
    }
}

#[test]
fn a_stranger_who_does_not_resume_gets_nothing_and_keeps_nobody_waiting() {
    let served = serve(&[]);
    fs::write(served.root().join("a"), "secret").unwrap();
    let how = How::of_version(&served, &TLS13);
    let mut talk = SecureTalk::logged_in(&served, &how);
    let port = talk.epsv();
    let mut stranger = how.forgetful().wrap(connect_from(ELSEWHERE, port)).unwrap();
    served.wait_for_log("stranger closed");
    let own = connect_from(Ipv4Addr::LOCALHOST, port);
    assert!(talk.ask("RETR a").starts_with("150"));
    let mut own = how.wrap(own).unwrap();
    let mut text = String::new();
    own.read_to_string(&mut text).unwrap();
    assert_eq!(text, "secret");
    assert!(talk.reply().starts_with("226"));
    let mut nothing = Vec::new();
    let _ = stranger.read_to_end(&mut nothing);
    assert!(nothing.is_empty());
}

#[test]
fn another_sessions_ticket_proves_nothing() {
    for version in BOTH {
        let served = serve(&["--tls-resume", "require"]);
        fs::write(served.root().join("a"), "secret").unwrap();
        let (how, other) = (How::of_version(&served, version), How::of_version(&served, version));
        let mut talk = SecureTalk::logged_in(&served, &how);
        let mut thief = SecureTalk::logged_in(&served, &other);
        // The thief's own session works, so its tickets are good.
        assert_eq!(thief.retrieve(&other, "a").1, HandshakeKind::Resumed);
        let data = talk.connect_data();
        assert!(talk.ask("RETR a").starts_with("150"));
        let _ = other.wrap(data);
        let reply = talk.reply();
        assert!(reply.starts_with("522"), "{reply}");
        assert_eq!(talk.retrieve(&how, "a").0, b"secret");
    }
}

#[test]
fn two_sessions_with_one_cache_of_tickets_get_their_own_data() {
    // As rclone has it: tickets of one session are offered in another.
    for version in BOTH {
        let served = serve(&[]);
        let how = How::of_version(&served, version);
        let mut talks: Vec<SecureTalk> = (0..4).map(|_| SecureTalk::logged_in(&served, &how)).collect();
        for round in 0..5 {
            for (number, talk) in talks.iter_mut().enumerate() {
                let text = format!("{number} {round}");
                fs::write(served.root().join(&text), &text).unwrap();
                assert_eq!(talk.retrieve(&how, &text).0, text.as_bytes());
            }
        }
    }
}

#[test]
fn data_that_did_not_resume_gets_no_tickets_that_prove_anything() {
    for version in BOTH {
        let served = serve(&[]);
        fs::write(served.root().join("a"), "secret").unwrap();
        let how = How::of_version(&served, version);
        let mut talk = SecureTalk::logged_in(&served, &how);
        let late = how.forgetful();
        // The right address, and a full handshake: fine with `prefer`, and worth nothing elsewhere.
        assert_eq!(talk.retrieve(&late, "a").1, HandshakeKind::Full);
        assert_eq!(talk.retrieve(&late, "a").1, HandshakeKind::Full);
    }
}

#[test]
fn with_off_the_address_alone_counts() {
    let served = serve(&["--tls-resume", "off"]);
    fs::write(served.root().join("a"), "text").unwrap();
    let how = How::of_version(&served, &TLS13);
    let mut talk = SecureTalk::logged_in(&served, &how);
    assert_eq!(talk.retrieve(&how.forgetful(), "a").0, b"text");
    let data = connect_from(ELSEWHERE, talk.epsv());
    assert!(how.wrap(data).is_err(), "a connection from elsewhere is taken");
}

#[test]
fn a_client_that_closes_an_upload_without_reading_loses_nothing() {
    // As Go does, and rclone with it. Tickets that lay unread would have its system throw away the rest.
    let served = serve(&["--tls-resume", "require"]);
    let how = How::of_version(&served, &TLS13);
    let mut talk = SecureTalk::logged_in(&served, &how);
    let content = vec![7; 8 << 20];
    for _ in 0..5 {
        let mut data = talk.open_data(&how, "STOR up");
        data.write_all(&content).unwrap();
        data.conn.send_close_notify();
        data.flush().unwrap();
        drop(data);
        let reply = talk.reply();
        assert!(reply.starts_with("226"), "{reply}");
        assert_eq!(fs::metadata(served.root().join("up")).unwrap().len(), 8 << 20);
    }
}
