//! Nobody new is taken in.

use crate::{portolan, refused, serve};
use portolan_testkit::launch::{Served, Talk, connect};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;

const STATE: &str = "state = \"state\"\n[anonymous]\nroot = \"root\"";

/// The first reply of a new control connection.
fn greeting(served: &Served) -> String {
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, served.port));
    Talk::new(connect(server, None).unwrap()).reply()
}

#[test]
fn while_it_is_locked_nobody_new_gets_in_and_the_reason_is_said() {
    let served = serve(STATE);
    let mut before = served.talk_logged_in();
    portolan(&served, &["lock", "--reason", "New disks\r\n230 come in", "--time", "3600"]);
    assert_eq!(greeting(&served), "421 New disks  230 come in; try again in 60 min\r\n");
    assert!(before.ask("NOOP").starts_with("200"));
    let status = portolan(&served, &["status"]);
    assert!(status.contains("Sessions     1") && status.contains("New disks"), "{status}");
    assert!(portolan(&served, &["status", "--json"]).contains(r#""locked":{"reason":"New disks"#));
    portolan(&served, &["unlock"]);
    assert!(greeting(&served).starts_with("220"));
    portolan(&served, &["lock", "--time", "1"]);
    assert!(greeting(&served).starts_with("421 The server takes nobody in now; try again in 1 min"));
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert!(greeting(&served).starts_with("220"));
}

#[test]
fn a_lock_lasts_over_a_new_start() {
    let served = serve(STATE);
    portolan(&served, &["lock"]);
    let socket = served.folder.path().join("state/control.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    portolan(&served, &["restart"]);
    assert!(greeting(&served).starts_with("421 The server takes nobody in now; try again later"));
    portolan(&served, &["unlock"]);
    assert!(greeting(&served).starts_with("220"));
    portolan(&served, &["drain"]);
}

#[test]
fn a_server_that_is_drained_stops_when_everybody_has_left() {
    let mut served = serve(STATE);
    let mut last = served.talk_logged_in();
    portolan(&served, &["drain"]);
    assert!(greeting(&served).starts_with("421 The server is about to stop"));
    assert!(last.ask("NOOP").starts_with("200"));
    drop(last.open_data("LIST"));
    last.reply();
    assert!(last.ask("QUIT").starts_with("221"));
    assert!(served.wait());
    assert!(refused(&served, &["status"]).contains("no server answers at"));
    assert!(!served.folder.path().join("state/control.sock").exists());

    let mut served = serve(STATE);
    let mut idle = served.talk_logged_in();
    portolan(&served, &["drain", "--time", "1"]);
    assert!(idle.reply().starts_with("421 The server is shutting down"));
    assert!(served.wait());
}
