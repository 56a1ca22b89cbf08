//! What a server or a client costs: the processor time and memory of all its processes, dead ones included.

use rustix::process::WaitOptions;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// A control group (version 2) of the kernel, which keeps accounts of the processes in it.
#[derive(Debug)]
pub(crate) struct Group {
    folder: PathBuf,
}

impl Group {
    pub(crate) fn new() -> io::Result<Group> {
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        let mounted = mounts.lines().find_map(|line| {
            let mut fields = line.split(' ');
            let place = fields.nth(1)?;
            (fields.next()? == "cgroup2").then_some(place)
        });
        let above = mounted.ok_or_else(|| io::Error::other("no control groups of version 2 are mounted"))?;
        let name = format!("portolan-bench-{:08x}", rand::random::<u32>());
        let folder = PathBuf::from(above).join(name);
        fs::create_dir(&folder)
            .map_err(|error| io::Error::other(format!("{}: {error}", folder.display())))?;
        Ok(Group { folder })
    }

    /// A command that runs in it, and may have so many descriptors.
    pub(crate) fn command(&self, program: &str, descriptors: u32) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("echo $$ > \"$0\" && ulimit -Sn {descriptors} && exec \"$@\"")]);
        command.arg(self.folder.join("cgroup.procs")).arg(program);
        command
    }

    /// Processor time that was used up, by user and system.
    pub(crate) fn used(&self) -> io::Result<Duration> {
        let stat = fs::read_to_string(self.folder.join("cpu.stat"))?;
        let usage = stat.lines().find_map(|line| line.strip_prefix("usage_usec "));
        let micros = usage.and_then(|usage| usage.trim().parse().ok());
        micros.map(Duration::from_micros).ok_or_else(|| io::Error::other("cpu.stat without usage_usec"))
    }

    /// Memory in KiB, where what processes share counts in parts (PSS).
    pub(crate) fn memory(&self) -> io::Result<u64> {
        let mut sum = 0;
        for process in fs::read_to_string(self.folder.join("cgroup.procs"))?.lines() {
            // One that ended just now has none.
            let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
            let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
            let kib = pss.and_then(|pss| pss.trim().strip_suffix(" kB"));
            sum += kib.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(sum)
    }

    /// Ends all that is in it.
    pub(crate) fn kill(&self) {
        let _ = fs::write(self.folder.join("cgroup.kill"), "1");
    }
}

/// Waits until everybody who was started here, or was left by one of those, has ended. Who is left belongs to the first
/// process of the namespace, which is this one; were they not asked for, they would stay as zombies until no more
/// processes may be.
pub(crate) fn bury() {
    while let Ok(Some(_)) = rustix::process::wait(WaitOptions::empty()) {}
}

impl Drop for Group {
    fn drop(&mut self) {
        // The folder is gone once the last process is.
        for _ in 0..200 {
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
