//! Active mode.

use crate::serve;
use portolan_testkit::launch::{Talk, free_ports, isolate};
use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, format!("PORT 127,0,0,1,{},{}", port >> 8, port & 255))
}

#[test]
fn many_transfers_come_from_the_one_port_below_the_control_port_at_once() {
    let served = serve(&[]);
    fs::write(served.root().join("a"), vec![1; 8 << 20]).unwrap();
    let mut transfers = Vec::new();
    for _ in 0..20 {
        let mut talk = served.talk_logged_in();
        talk.ask("TYPE I");
        let (listener, port) = listen();
        assert!(talk.ask(&port).starts_with("200"));
        assert!(talk.ask("RETR a").starts_with("150"));
        let (data, from) = listener.accept().unwrap();
        assert_eq!(from, SocketAddr::from((Ipv4Addr::LOCALHOST, served.port - 1)));
        transfers.push((talk, data));
    }
    for (mut talk, mut data) in transfers {
        let mut bytes = Vec::new();
        data.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len(), 8 << 20);
        assert!(talk.reply().starts_with("226"));
    }
}

#[test]
fn the_port_can_be_set() {
    isolate();
    let fixed = free_ports(1);
    let served = serve(&["--active-port", &fixed.to_string()]);
    let mut talk = served.talk_logged_in();
    let (listener, port) = listen();
    talk.ask(&port);
    assert!(talk.ask("LIST").starts_with("150"));
    assert_eq!(listener.accept().unwrap().1.port(), fixed);
}

#[test]
fn a_port_that_cannot_be_had_is_told_once_and_any_other_is_used() {
    isolate();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port_taken = taken.local_addr().unwrap().port();
    let served = serve(&["--active-port", &port_taken.to_string()]);
    let mut talk = served.talk_logged_in();
    for _ in 0..3 {
        let (listener, port) = listen();
        talk.ask(&port);
        assert!(talk.ask("LIST").starts_with("150"));
        assert_ne!(listener.accept().unwrap().1.port(), port_taken);
        assert!(talk.reply().starts_with("226"));
    }
    assert!(talk.ask("QUIT").starts_with("221"));
    served.wait_for_log("active data connections come from any port");
    assert!(!served.log().iter().any(|line| line.contains("come from any port")));
}

#[test]
fn the_default_port_is_the_control_connections_own() {
    let served = serve(&[]);
    // The client listens where its control connection comes from, as RFC 959 has it.
    let options = |socket: &socket2::Socket| socket.set_reuse_address(true).unwrap();
    let new = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let (listener, control) = (new(), new());
    [&listener, &control].into_iter().for_each(options);
    let home = SocketAddr::from((Ipv4Addr::LOCALHOST, free_ports(1)));
    control.bind(&home.into()).unwrap();
    control.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, served.port)).into()).unwrap();
    listener.bind(&home.into()).unwrap();
    listener.listen(1).unwrap();
    let mut talk = Talk::new(control.into());
    assert!(talk.reply().starts_with("220"));
    talk.log_in();
    assert!(talk.ask("LIST").starts_with("150"));
    let listener: TcpListener = listener.into();
    assert_eq!(listener.accept().unwrap().1.port(), served.port - 1);
    assert!(talk.reply().starts_with("226"));
}

#[test]
fn a_port_that_is_closed_is_425() {
    let served = serve(&[]);
    let mut talk = served.talk_logged_in();
    let (listener, port) = listen();
    drop(listener);
    assert!(talk.ask(&port).starts_with("200"));
    assert!(talk.ask("LIST").starts_with("150"));
    assert!(talk.reply().starts_with("425"));
    assert!(talk.ask("PWD").starts_with("257"));
}
