//! A client on the JDK's own TLS, which uses each ticket of TLS 1.3 once.

use crate::serve;
use portolan_testkit::launch::{free_ports, isolate, must_run};
use std::fs;
use std::process::Command;

#[test]
fn many_files_in_every_mode_where_resumption_is_demanded() {
    isolate();
    let port = free_ports(1);
    let served = serve(&[
        "--tls",
        "require",
        "--tls-resume",
        "require",
        "--listen-implicit",
        &format!("127.0.0.1:{port}"),
    ]);
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/Client.java");
    let classes = tempfile::tempdir().unwrap();
    must_run(Command::new("javac").arg("-d").arg(classes.path()).arg(program));
    for version in ["TLSv1.2", "TLSv1.3"] {
        for (kind, port) in [("explicit", served.port), ("implicit", port)] {
            for mode in ["passive", "active"] {
                let mut java = Command::new("java");
                java.arg("-cp").arg(classes.path()).arg("Client").arg(port.to_string());
                must_run(java.args([version, kind, mode, "20"]));
                let uploaded = fs::metadata(served.root().join("up19")).unwrap().len();
                assert_eq!(uploaded, 10_000, "{version} {kind} {mode}");
                assert_eq!(fs::metadata(served.root().join("empty")).unwrap().len(), 0);
            }
        }
    }
}
