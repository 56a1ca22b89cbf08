//! One run of a client: how long it took, and what it used up.

use crate::account::Group;
use portolan_testkit::network::Host;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// No longer than this, however slow a client is.
const LONGEST: Duration = Duration::from_secs(300);

/// Descriptors that programs have by themselves.
const DESCRIPTORS: u32 = 1024;

/// What a run cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) wall: Duration,
    /// Processor time of all its processes.
    pub(crate) used: Duration,
}

/// Runs a program with its arguments to its end, which has to be a good one: here, or on a host. It keeps what it wants
/// to remember in `home`.
pub(crate) fn run(line: &[String], home: &Path, host: Option<&Host>) -> io::Result<Spent> {
    let [program, arguments @ ..] = line else { return Err(io::ErrorKind::InvalidInput.into()) };
    let group = Group::new()?;
    let log = home.join("said");
    let output = File::create(&log)?;
    let mut command = group.command(program, DESCRIPTORS);
    command.args(arguments).env_clear().env("HOME", home).env("TZ", "UTC");
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    let began = Instant::now();
    let child = match host {
        Some(host) => host.within(|| command.spawn())?,
        None => command.spawn()?,
    };
    let (status, ended) = wait(child, &group)?;
    if status.success() {
        return Ok(Spent { wall: ended - began, used: group.used()? });
    }
    let said = fs::read_to_string(&log)?;
    Err(io::Error::other(format!(
        "{program}: {status}: {}",
        said.trim_end().lines().last().unwrap_or_default()
    )))
}

/// Waits until it has ended, but not for ever.
fn wait(mut child: Child, group: &Group) -> io::Result<(ExitStatus, Instant)> {
    let (ended, has_ended) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || ended.send((child.wait(), Instant::now())));
        let Ok((status, at)) = has_ended.recv_timeout(LONGEST) else {
            group.kill();
            return Err(io::Error::other(format!("it did not end within {} s", LONGEST.as_secs())));
        };
        Ok((status?, at))
    })
}
