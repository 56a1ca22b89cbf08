//! Users and groups: what they see, what they may do, and their limits; with the real program and real clients.
#![allow(clippy::unwrap_used)]

mod bans;
mod limits;
mod mounts;
mod quota;
mod sources;
mod store;
mod timing;

use portolan_testkit::launch::{Served, Talk, must_run};
use std::fs;
use std::process::Command;
use std::sync::LazyLock;
use tempfile::TempDir;

/// The hash of `secret`.
static SECRET: LazyLock<String> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "secret\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    let hash = must_run(command.args(["user", "hash", "--password-file"]).arg(file));
    String::from_utf8(hash).unwrap().trim().to_owned()
});

/// A folder with these folders in it, and a configuration in which `SECRET` stands for the hash of `secret`.
fn prepared(folders: &[&str], text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    folders.iter().for_each(|name| fs::create_dir_all(folder.path().join(name)).unwrap());
    (folder, format!("listen = [\"LISTEN\"]\n{}", text.replace("SECRET", &SECRET)))
}

/// A server with those.
fn serve(folders: &[&str], text: &str) -> Served {
    let (folder, text) = prepared(folders, text);
    Served::configured(env!("CARGO_BIN_EXE_portolan"), folder, &text)
}

/// Logs in with the password `secret`; gives the reply.
fn log_in(talk: &mut Talk, name: &str) -> String {
    talk.ask(&format!("USER {name}"));
    talk.ask("PASS secret")
}

/// What lftp prints that does these commands as this user.
fn lftp(served: &Served, user: &str, commands: &str) -> String {
    let script = format!(
        "set ftp:ssl-allow no; set net:max-retries 1; set cmd:fail-exit no; open -u {user},secret -p {} 127.0.0.1; {commands}; bye",
        served.port
    );
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new("lftp");
    command.args(["--norc", "-c", &script]).current_dir(home.path()).env("HOME", home.path());
    let output = command.output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
