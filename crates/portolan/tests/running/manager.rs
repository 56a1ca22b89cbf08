//! systemd, as far as a program sees it: sockets that it hands over, what it wants to be told, and units that it takes.

use crate::{rewrite, signal};
use portolan_testkit::launch::{Served, Talk, connect, free_ports, isolate, must_run};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn it_hears_what_happens() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("root")).unwrap();
    let manager = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    manager.set_read_timeout(Some(portolan_testkit::launch::PATIENCE)).unwrap();
    let told = || {
        let mut buffer = [0; 1024];
        let count = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    };
    let wait_for = |wanted: &str| {
        while !told().contains(wanted) {}
    };
    isolate();
    let port = free_ports(1);
    let text = format!("listen = [\"127.0.0.1:{port}\"]\n[anonymous]\nroot = \"root\"\n");
    fs::write(folder.path().join("portolan.toml"), text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.args(["serve", "-c"]).arg(folder.path().join("portolan.toml"));
    command.env("NOTIFY_SOCKET", folder.path().join("notify")).env("WATCHDOG_USEC", "300000");
    let mut served = Served::launch(command, folder, port);
    assert!(told().contains("READY=1"));
    wait_for("WATCHDOG=1");
    wait_for("WATCHDOG=1");
    rewrite(&served, "[anonymous]", "welcome = \"new\"\n[anonymous]");
    signal(served.pid(), "HUP");
    wait_for("RELOADING=1");
    wait_for("READY=1");
    signal(served.pid(), "USR2");
    let main = loop {
        if let Some(pid) = told().lines().find_map(|line| line.strip_prefix("MAINPID=")?.parse::<u32>().ok())
        {
            break pid;
        }
    };
    assert!(served.wait());
    signal(main, "TERM");
    wait_for("STOPPING=1");
}

#[test]
fn it_hands_sockets_over() {
    isolate();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("root")).unwrap();
    let port = free_ports(1);
    let mut command = Command::new("systemd-socket-activate");
    command
        .arg("-l")
        .arg(format!("127.0.0.1:{port}"))
        .arg("-E")
        .arg(format!("XDG_STATE_HOME={}", folder.path().display()));
    command.arg(env!("CARGO_BIN_EXE_portolan")).arg("serve").arg(folder.path().join("root"));
    command.arg("--listen").arg(format!("127.0.0.1:{port}"));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = loop {
        // It does not listen from the first moment on.
        match connect(server, None) {
            Ok(stream) => break stream,
            Err(_) => assert!(child.try_wait().unwrap().is_none(), "it has ended"),
        }
    };
    let mut talk = Talk::new(stream);
    assert!(talk.reply().starts_with("220"), "the first connection began the server, and is served");
    talk.log_in();
    signal(child.id(), "TERM");
    child.wait().unwrap();
}

#[test]
fn its_units_are_right() {
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/systemd");
    let folder = tempfile::tempdir().unwrap();
    for name in ["portolan.service", "portolan.socket"] {
        // What they start is not where an administrator puts it.
        let text = fs::read_to_string(units.join(name)).unwrap();
        fs::write(
            folder.path().join(name),
            text.replace("/usr/bin/portolan", env!("CARGO_BIN_EXE_portolan")),
        )
        .unwrap();
        let said = must_run(
            Command::new("systemd-analyze").arg("verify").arg("--man=no").arg(folder.path().join(name)),
        );
        assert_eq!(String::from_utf8_lossy(&said), "");
    }
}
