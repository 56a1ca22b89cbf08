//! What the server gives up at its start, and what it may do all the same. Most of it takes a system where the tests are
//! root.
#![allow(clippy::unwrap_used)]

mod identity;
mod kernel;
mod process;

use portolan_testkit::launch::{Served, Talk, must_run};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// The number of the user `nobody`, and of their group.
const NOBODY: u32 = 65534;

/// True where users can be others than those that run the tests.
fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("this takes root, and is left out");
    }
    root
}

/// A folder that everybody may enter, with `root` in it.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(folder.path().join("root")).unwrap();
    folder
}

/// The program, where other users may start it: what is built may lie in somebody's home.
fn program(folder: &Path) -> PathBuf {
    let (built, program) = (env!("CARGO_BIN_EXE_portolan"), folder.join("portolan"));
    if !program.exists() && fs::hard_link(built, &program).is_err() {
        fs::copy(built, &program).unwrap();
    }
    program
}

/// A command that serves what a configuration in a folder says.
fn command(folder: &Path, text: &str) -> Command {
    let file = folder.join("portolan.toml");
    fs::write(&file, text).unwrap();
    let mut command = Command::new(program(folder));
    command.arg("serve").arg("-c").arg(file);
    command
}

/// What comes of `portolan` with these arguments for the server of a folder.
fn portolan(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.args(arguments).arg("-c").arg(folder.join("portolan.toml"));
    command.env_remove("STATE_DIRECTORY").env("XDG_STATE_HOME", folder).output().unwrap()
}

/// The same; it must succeed.
fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = portolan(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The process that answers for the server of a folder.
fn pid(folder: &Path) -> u32 {
    let status: serde_json::Value = serde_json::from_str(&run(folder, &["status", "--json"])).unwrap();
    status["pid"].as_u64().unwrap().try_into().unwrap()
}

/// What `/proc` says of a process, or of each of its threads.
fn status(process: &str, key: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).unwrap();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Adds a user with the password `secret`.
fn add_user(folder: &Path, name: &str, home: &Path) {
    let file = folder.join("secret");
    fs::write(&file, "secret\n").unwrap();
    let (file, home) = (file.to_str().unwrap(), home.to_str().unwrap());
    run(folder, &["user", "add", name, "--password-file", file, "--folder", home, "--rights", "full"]);
}

/// Logs in; gives the reply.
fn log_in(talk: &mut Talk, name: &str, password: &str) -> String {
    talk.ask(&format!("USER {name}"));
    talk.ask(&format!("PASS {password}"))
}

/// Uploads a file by the client `curl`.
fn upload(served: &Served, user: &str, file: &Path, name: &str) {
    let url = format!("ftp://127.0.0.1:{}/{name}", served.port);
    must_run(Command::new("curl").args(["-sS", "-u", user, "-T"]).arg(file).arg(url));
}
