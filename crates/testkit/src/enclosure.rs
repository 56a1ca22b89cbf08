//! Namespaces of the system in which networks can be made, and which end with this program.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Set for the program once it is inside.
const INSIDE: &str = "PORTOLAN_INSIDE";

/// Starts this program anew inside, if it is outside. Inside, `ip netns` has folders of its own.
///
/// # Errors
/// When the system allows no namespaces.
pub fn enter() -> io::Result<()> {
    if std::env::var_os(INSIDE).is_none() {
        return Err(outside());
    }
    must("mount", &["-t", "tmpfs", "tmpfs", "/run"])?;
    std::fs::create_dir("/run/netns")
}

/// Replaces this process; comes back only with an error.
fn outside() -> io::Error {
    let mut unshare = Command::new("unshare");
    // When the first process of the new process namespace ends, all the others do.
    unshare.args([
        "--net",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "--propagation",
        "private",
    ]);
    if !rustix::process::geteuid().is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    match std::env::current_exe() {
        Ok(program) => unshare.arg(program).args(std::env::args_os().skip(1)).env(INSIDE, "1").exec(),
        Err(error) => error,
    }
}

/// Runs a command, which has to succeed.
///
/// # Errors
/// What it said.
pub fn must(program: &str, arguments: &[&str]) -> io::Result<()> {
    let output = Command::new(program).args(arguments).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{program} {}: {}", arguments.join(" "), said.trim())))
}
