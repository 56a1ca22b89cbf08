//! The metrics.

use crate::{FOLDERS, serve, upload};
use portolan_testkit::launch::{free_ports, isolate, must_run};
use std::process::Command;

#[test]
fn they_tell_what_was_done() {
    isolate();
    let port = free_ports(1);
    let served = serve(&format!("metrics = \"127.0.0.1:{port}\"\n{FOLDERS}"), &[]);
    let mut talk = served.talk_logged_in();
    upload(&mut talk, "a", b"some");
    talk.ask("NOSUCH");
    assert_eq!(talk.retrieve("a"), b"some");
    let curl = || {
        let mut command = Command::new("curl");
        let text = must_run(command.args(["-sS", "--fail"]).arg(format!("http://127.0.0.1:{port}/metrics")));
        String::from_utf8(text).unwrap()
    };
    let text = curl();
    for line in [
        "portolan_sessions 1",
        "portolan_sessions_begun_total 1",
        "portolan_logins_total{result=\"ok\"} 1",
        "portolan_commands_total{verb=\"STOR\"} 1",
        "portolan_replies_total{code=\"226\"} 2",
        "portolan_transfers_total{direction=\"upload\",mode=\"passive\",tls=\"no\",result=\"ok\"} 1",
        "portolan_transfer_bytes_total{direction=\"download\"} 4",
    ] {
        assert!(text.lines().any(|own| own == line), "{line}: {text}");
    }
    assert!(!text.contains("NOSUCH") && text.ends_with("# EOF\n"));
    talk.ask("QUIT");
    while !curl().contains("portolan_sessions 0") {}
    let mut command = Command::new("curl");
    let home = command.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}"]);
    assert_eq!(must_run(home.arg(format!("http://127.0.0.1:{port}/"))), b"404");
}
