//! Virtual hosts: each with its certificate, its folders, its users and its greeting.

use crate::folder;
use crate::secure::*;
use portolan_testkit::launch::{Served, Talk};
use std::fs;

fn serve() -> Served {
    let (folder, authority) = folder();
    for host in ["one", "two"] {
        authority.server(&format!("{host}.example")).write(folder.path(), host);
        fs::create_dir(folder.path().join(host)).unwrap();
        fs::write(folder.path().join(host).join("whose"), host).unwrap();
    }
    fs::write(folder.path().join("root/whose"), "default").unwrap();
    let text = r#"
listen = ["LISTEN"]
welcome = "Default"
[tls]
certificate = "server.pem"
key = "server.key"
[anonymous]
root = "root"
[[host]]
names = ["one.example", "www.one.example"]
certificate = "one.pem"
key = "one.key"
welcome = "One"
[host.anonymous]
root = "one"
[[host]]
names = ["two.example"]
certificate = "two.pem"
key = "two.key"
welcome = "Two"
[host.anonymous]
root = "two"
"#;
    Served::configured(env!("CARGO_BIN_EXE_portolan"), folder, text)
}

/// What the file says that each host has.
fn whose(talk: &mut Talk) -> String {
    String::from_utf8(talk.retrieve("whose")).unwrap()
}

#[test]
fn host_chooses_in_the_clear() {
    let served = serve();
    for (host, greeting, content) in [
        ("one.example", "220-One", "one"),
        ("WWW.one.EXAMPLE", "220-One", "one"),
        ("two.example", "220-Two", "two"),
        ("127.0.0.1", "220-Default", "default"),
    ] {
        let mut talk = served.talk();
        let reply = talk.ask(&format!("HOST {host}"));
        assert!(reply.starts_with(greeting), "{host}: {reply}");
        talk.log_in();
        assert!(talk.ask("HOST one.example").starts_with("503"));
        assert_eq!(whose(&mut talk), content, "{host}");
    }
    let mut talk = served.talk();
    assert!(talk.ask("HOST three.example").starts_with("504"));
    talk.log_in();
    assert_eq!(whose(&mut talk), "default");
}

#[test]
fn the_name_in_the_handshake_chooses_and_host_must_agree() {
    let served = serve();
    for (name, content) in [("one.example", "one"), ("two.example", "two"), ("localhost", "default")] {
        for version in [&TLS12, &TLS13] {
            // The client checks the certificate itself: it has to be that of the host.
            let how = How::new(&served, Wish { version, name, ..Wish::default() });
            let mut talk = SecureTalk::explicit(&served, &how).unwrap();
            let other = if content == "one" { "two.example" } else { "one.example" };
            assert!(talk.ask(&format!("HOST {other}")).starts_with("504"), "{name}");
            talk.log_in();
            let (got, kind) = talk.retrieve(&how, "whose");
            assert_eq!(got, content.as_bytes());
            assert_eq!(kind, rustls::HandshakeKind::Resumed);
        }
    }
}

#[test]
fn where_host_and_the_handshake_differ_the_session_ends() {
    let served = serve();
    let how = How::new(&served, Wish { name: "one.example", ..Wish::default() });
    let mut talk = served.talk();
    assert!(talk.ask("HOST two.example").starts_with("220"));
    assert!(talk.ask("AUTH TLS").starts_with("234"));
    let mut talk = SecureTalk { stream: how.wrap(talk.stream().try_clone().unwrap()).unwrap() };
    assert!(talk.reply().starts_with("421"));
    assert_eq!(talk.reply(), "");
}
