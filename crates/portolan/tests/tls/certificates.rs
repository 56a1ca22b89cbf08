//! Certificates of the server and of clients.

use crate::secure::*;
use crate::{folder, serve};
use portolan_testkit::launch::{Served, must_run};
use std::fs;
use std::io::Read;
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_portolan");

/// A certificate as the client sees it.
fn seen(talk: &SecureTalk) -> Vec<u8> {
    talk.stream.conn.peer_certificates().unwrap()[0].to_vec()
}

#[test]
fn one_is_made_on_the_first_start_and_kept() {
    let served = Served::start(PROGRAM, &[]);
    let fingerprint = |banner: &str| {
        let after = banner.split("of its own making, SHA-256\n").nth(1).unwrap();
        after.lines().take(2).map(|line| line.trim().to_owned()).collect::<Vec<_>>().join(":")
    };
    let printed = fingerprint(&served.banner);
    assert_eq!(printed.len(), 95, "{}", served.banner);
    let shown = must_run(Command::new("sh").arg("-c").arg(format!(
        "openssl s_client -connect 127.0.0.1:{} -starttls ftp </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256",
        served.port
    )));
    assert!(String::from_utf8(shown).unwrap().contains(&printed));
    // Another start, with the same state: the same certificate.
    let state = tempfile::tempdir().unwrap();
    fs::create_dir(state.path().join("root")).unwrap();
    fs::create_dir(state.path().join("portolan")).unwrap();
    let file = "portolan/certificate.pem";
    fs::copy(served.folder.path().join(file), state.path().join(file)).unwrap();
    let again = Served::start_in(PROGRAM, state, &[]);
    assert_eq!(fingerprint(&again.banner), printed);
}

#[test]
fn a_new_one_is_taken_up_while_a_transfer_runs() {
    let (folder, authority) = folder();
    let path = folder.path().to_owned();
    let text = "[tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\n\
                [anonymous]\nroot = \"root\"\nwrite = true\n";
    let served = Served::configured(PROGRAM, folder, &format!("listen = [\"LISTEN\"]\n{text}"));
    let content: Vec<u8> = (0..40_000_000u32).map(|number| (number % 251) as u8).collect();
    fs::write(served.root().join("large"), &content).unwrap();
    let how = How::of_version(&served, &TLS13);
    let mut talk = SecureTalk::logged_in(&served, &how);
    let before = seen(&talk);
    let mut data = talk.open_data(&how, "RETR large");
    let mut got = vec![0; 1000];
    data.read_exact(&mut got).unwrap();
    // A half-written file first, which changes nothing.
    fs::write(path.join("server.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
    served.wait_for_log("is not taken up");
    assert_eq!(seen(&SecureTalk::explicit(&served, &how.forgetful()).unwrap()), before);
    authority.server("localhost").write(&path, "server");
    served.wait_for_log("certificate taken up");
    let after = seen(&SecureTalk::explicit(&served, &how.forgetful()).unwrap());
    assert_ne!(before, after);
    data.read_to_end(&mut got).unwrap();
    let differs = got.iter().zip(&content).position(|(one, other)| one != other);
    assert_eq!((got.len(), differs), (content.len(), None));
    assert!(talk.reply().starts_with("226"));
    // The old session goes on, and resumes.
    assert_eq!(talk.retrieve(&how, "large").1, rustls::HandshakeKind::Resumed);
}

#[test]
fn what_is_wrong_with_certificates_is_said_before_anything_starts() {
    let (folder, authority) = folder();
    let path = folder.path();
    authority.server("localhost").write(path, "other");
    fs::write(path.join("empty"), "").unwrap();
    for (certificate, key, place, said) in [
        ("server.pem", "missing.key", "3:7", "missing.key: No such file"),
        ("server.pem", "other.key", "3:7", "the key does not belong to"),
        ("empty", "server.key", "2:15", "there is no certificate in it"),
        ("server.pem", "empty", "3:7", "there is no private key in it"),
    ] {
        let toml = path.join("portolan.toml");
        let text = format!(
            "[tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n[anonymous]\nroot = \"root\"\n"
        );
        fs::write(&toml, text).unwrap();
        let output = Command::new(PROGRAM).args(["config", "check"]).arg(&toml).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains(&format!("portolan.toml:{place}: ")) && message.contains(said), "{message}");
        assert_eq!(output.status.code(), Some(2));
        let mut serve = Command::new(PROGRAM);
        serve.arg("serve").arg(path.join("root")).arg("--tls-cert").arg(path.join(certificate));
        let output = serve.arg("--tls-key").arg(path.join(key)).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains(said), "{message}");
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn a_key_is_never_served() {
    // What the server makes for itself would lie in the folder that everybody may read.
    let (folder, _) = folder();
    let inside = folder.path().join("root/state");
    let start = |key: &str| {
        let mut serve = Command::new(PROGRAM);
        serve.arg("serve").arg(folder.path().join("root")).env("XDG_STATE_HOME", &inside);
        serve
            .arg("--tls-cert")
            .arg(folder.path().join("server.pem"))
            .arg("--tls-key")
            .arg(folder.path().join(key));
        let output = serve.args(["--listen", "127.0.0.1:1"]).output().unwrap();
        (String::from_utf8(output.stderr).unwrap(), output.status.code())
    };
    fs::copy(folder.path().join("server.key"), folder.path().join("root/inside.key")).unwrap();
    let (message, code) = start("root/inside.key");
    assert!(message.contains("inside.key lies in the folder") && code == Some(2), "{message}");
    fs::create_dir_all(inside.join("portolan")).unwrap();
    let (message, code) = start("server.key");
    assert!(message.contains("state/portolan lies in the folder") && code == Some(2), "{message}");
    // A folder that is not there yet is not made: the certificate is another one at each start.
    fs::remove_dir_all(&inside).unwrap();
    let port = portolan_testkit::launch::free_ports(1);
    let mut serve = Command::new(PROGRAM);
    serve.arg("serve").arg(folder.path()).args(["--listen", &format!("127.0.0.1:{port}")]);
    let served = Served::launch(serve, folder, port);
    assert!(served.banner.contains("of its own making"), "{}", served.banner);
    served.wait_for_log("cannot be kept");
    assert!(!served.folder.path().join("portolan").exists());
}

/// A server that asks clients for certificates; `anna` has a password, but hers can stand for it.
fn asking(how: &str) -> (Served, portolan_testkit::authority::Authority) {
    let (folder, authority) = folder();
    fs::write(folder.path().join("crl.pem"), authority.revocations(&[66])).unwrap();
    fs::write(folder.path().join("password"), "secret\n").unwrap();
    let hash = must_run(
        Command::new(PROGRAM).args(["user", "hash", "--password-file"]).arg(folder.path().join("password")),
    );
    let hash = String::from_utf8(hash).unwrap();
    let text = format!(
        "listen = [\"LISTEN\"]\n\
         [tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\nclient-certificates = \"{how}\"\n\
         client-authorities = \"ca.pem\"\nclient-revocations = \"crl.pem\"\ncertificate-login = true\n\
         [anonymous]\nroot = \"root\"\n\
         [[user]]\nname = \"anna\"\npassword = \"{}\"\nroot = \"root\"\nwrite = true\n",
        hash.trim()
    );
    (Served::configured(PROGRAM, folder, &text), authority)
}

/// The reply to the first line over TLS with this certificate; nothing when the handshake fails.
fn first_reply(
    served: &Served,
    certificate: Option<&portolan_testkit::authority::Issued>,
    line: &str,
) -> String {
    let mut replies = [&TLS12, &TLS13].map(|version| {
        let how = How::new(served, Wish { version, certificate, ..Wish::default() });
        SecureTalk::explicit(served, &how).map(|mut talk| talk.ask(line)).unwrap_or_default()
    });
    assert_eq!(replies[0].get(..3), replies[1].get(..3), "{replies:?}");
    std::mem::take(&mut replies[1])
}

#[test]
fn a_certificate_stands_for_the_password_of_the_user_it_names() {
    let (served, authority) = asking("ask");
    let anna = authority.client("anna", 1, false);
    assert!(first_reply(&served, Some(&anna), "USER anna").starts_with("232"));
    assert!(first_reply(&served, Some(&authority.client("otto", 2, false)), "USER anna").starts_with("331"));
    assert!(first_reply(&served, None, "USER anna").starts_with("331"));
    // One from another authority is none, whatever it says.
    let forged = portolan_testkit::authority::Authority::new("Test authority").client("anna", 1, false);
    assert_eq!(first_reply(&served, Some(&forged), "USER anna"), "");
    // Files travel, over data connections with the certificate and by resumption.
    fs::write(served.root().join("a"), "text").unwrap();
    let how = How::new(&served, Wish { certificate: Some(&anna), ..Wish::default() });
    let mut talk = SecureTalk::explicit(&served, &how).unwrap();
    assert!(talk.ask("USER anna").starts_with("232"));
    assert!(talk.ask("PBSZ 0").starts_with("200"));
    assert!(talk.ask("PROT P").starts_with("200"));
    talk.store(&how, "b", b"text");
    assert_eq!(talk.retrieve(&how, "a").0, b"text");
}

#[test]
fn expired_revoked_and_missing_certificates_are_refused() {
    let (served, authority) = asking("require");
    let good = authority.client("anna", 1, false);
    assert!(first_reply(&served, Some(&good), "USER anna").starts_with("232"));
    assert_eq!(first_reply(&served, Some(&authority.client("anna", 2, true)), "USER anna"), "");
    assert_eq!(first_reply(&served, Some(&authority.client("anna", 66, false)), "USER anna"), "");
    assert_eq!(first_reply(&served, None, "USER anna"), "");
    // A new list is taken up; the session that was begun with the old one cannot be resumed into a new one.
    let how = How::new(&served, Wish { certificate: Some(&good), ..Wish::default() });
    let mut talk = SecureTalk::explicit(&served, &how).unwrap();
    assert!(talk.ask("USER anna").starts_with("232"));
    fs::write(served.folder.path().join("crl.pem"), authority.revocations(&[66, 1])).unwrap();
    served.wait_for_log("revocation lists for clients taken up");
    let refused =
        SecureTalk::explicit(&served, &how).map(|mut talk| talk.ask("USER anna")).unwrap_or_default();
    assert_eq!(refused, "");
    assert!(talk.ask("PWD").starts_with("257"), "who was in stays in");
}

#[test]
fn strict_names_refuse_what_the_certificate_is_not_for() {
    let (folder, authority) = folder();
    authority.server("ftp.example.org").write(folder.path(), "server");
    let text = "listen = [\"LISTEN\"]\n[tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\n\
                strict-names = true\n[anonymous]\nroot = \"root\"\n";
    let served = Served::configured(PROGRAM, folder, text);
    let how = |name| How::new(&served, Wish { name, ..Wish::default() });
    assert!(SecureTalk::explicit(&served, &how("ftp.example.org")).is_ok());
    let refused = SecureTalk::explicit(&served, &how("www.example.org")).err().unwrap().to_string();
    // An alert, not a certificate that the client would have to refuse itself.
    assert!(refused.contains("alert"), "{refused}");
}

#[test]
fn implicit_tls_has_no_greeting_in_the_clear() {
    let port = portolan_testkit::launch::free_ports(1);
    let served = serve(&["--listen-implicit", &format!("127.0.0.1:{port}")]);
    assert!(served.banner.contains(&format!("ftps://127.0.0.1:{port}/")), "{}", served.banner);
    let stream = portolan_testkit::launch::connect(([127, 0, 0, 1], port).into(), None).unwrap();
    let how = How::of_version(&served, &TLS13);
    let mut talk = SecureTalk { stream: how.wrap(stream).unwrap() };
    assert!(talk.reply().starts_with("220"));
    fs::write(served.root().join("a"), "text").unwrap();
    talk.log_in();
    assert_eq!(talk.retrieve(&how, "a").0, b"text");
}
