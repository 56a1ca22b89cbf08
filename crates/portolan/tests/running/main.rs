//! What a running server is told: another configuration, a lock, a new start; and by whom.
#![allow(clippy::unwrap_used)]

mod lock;
mod manager;
mod proxied;
mod reload;
mod restart;

use portolan_testkit::launch::Served;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// A server with a configuration file of this text, which has `LISTEN` as it was said to.
fn serve(text: &str) -> Served {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("root")).unwrap();
    Served::configured(env!("CARGO_BIN_EXE_portolan"), folder, &format!("listen = [\"LISTEN\"]\n{text}"))
}

/// Changes the configuration file in place.
fn rewrite(served: &Served, from: &str, to: &str) {
    let file = served.folder.path().join("portolan.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(file, text.replace(from, to)).unwrap();
}

/// What comes of `portolan` with these arguments, for a server whose configuration is in that folder.
fn portolan_in(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.args(arguments).arg("-c").arg(folder.join("portolan.toml"));
    command.env_remove("STATE_DIRECTORY").env("XDG_STATE_HOME", folder).output().unwrap()
}

/// What it prints; it must succeed.
fn portolan(served: &Served, arguments: &[&str]) -> String {
    let output = portolan_in(served.folder.path(), arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What it says; it must not succeed.
fn refused(served: &Served, arguments: &[&str]) -> String {
    let output = portolan_in(served.folder.path(), arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Sends a signal.
fn signal(pid: u32, name: &str) {
    let pid = pid.to_string();
    assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
}
