//! The machine: what spoils measurements on it, what it is, and where Portolan is on it.

use rustix::process::{Resource, Rlimit};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Makes the network of this thread ready. The congestion control that many systems have by default (BBR) paces
/// what it sends and halves every server's speed here; connections in TIME_WAIT that pile up slow what comes after
/// them.
pub(crate) fn prepare() -> io::Result<()> {
    portolan_testkit::enclosure::must("ip", &["link", "set", "lo", "up"])?;
    fs::write("/proc/sys/net/ipv4/tcp_congestion_control", "reno")?;
    fs::write("/proc/sys/net/ipv4/tcp_max_tw_buckets", "64")?;
    fs::write("/proc/sys/net/core/somaxconn", "4096")?;
    fs::write("/proc/sys/net/ipv4/ip_local_port_range", "15000 65000")?;
    allow_descriptors()
}

/// As many descriptors as there may be: ten thousand sessions, here and there.
pub(crate) fn allow_descriptors() -> io::Result<()> {
    let most = rustix::process::getrlimit(Resource::Nofile).maximum;
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most })?;
    Ok(())
}

/// The program that is measured, as a server and as a client: it lies beside this one.
pub(crate) fn portolan() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("portolan");
    if program.is_file() {
        return Ok(program);
    }
    Err(io::Error::other("build Portolan first: cargo build --release -p portolan"))
}

/// How many cores it has.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Processor time that this process has used up so far: the load.
pub(crate) fn own_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// What it is, in a line.
pub(crate) fn describe() -> String {
    let of = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = of("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("?");
    let cores = cores();
    let kernel = of("/proc/sys/kernel/osrelease");
    let date = Command::new("date").arg("+%Y-%m-%d").output();
    let date =
        date.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    format!(
        "{date}, {cores} cores ({}), Linux {}",
        model.trim_start_matches([' ', '\t', ':']),
        kernel.split('-').next().unwrap_or_default()
    )
}
