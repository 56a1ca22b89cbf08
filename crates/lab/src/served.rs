//! A server that runs on a host of a network.

use crate::patience::wait_until;
use portolan_testkit::enclosure::must;
use portolan_testkit::network::Host;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running server; it is gone when this is dropped.
pub(crate) struct Served {
    child: Child,
    log: PathBuf,
}

impl Served {
    /// Starts one that lets everybody write to `root`. What it keeps, and its log, go to `folder`.
    pub(crate) fn start<S: AsRef<str>>(
        host: &Host,
        root: &Path,
        folder: &Path,
        settings: &[S],
    ) -> io::Result<Served> {
        let command = host.command(&program()?.display().to_string());
        Served::launch(command, root, folder, settings)
    }

    /// Starts one that asks this name server.
    pub(crate) fn start_with_resolver(
        host: &Host,
        resolver: &Path,
        root: &Path,
        folder: &Path,
        settings: &[&str],
    ) -> io::Result<Served> {
        let command = host.command_with_resolver(&program()?.display().to_string(), resolver);
        Served::launch(command, root, folder, settings)
    }

    fn launch<S: AsRef<str>>(
        mut command: Command,
        root: &Path,
        folder: &Path,
        settings: &[S],
    ) -> io::Result<Served> {
        fs::create_dir_all(root)?;
        fs::create_dir_all(folder)?;
        command.arg("serve").arg("--write").arg(root).args(settings.iter().map(AsRef::as_ref));
        command.env("XDG_STATE_HOME", folder).env_remove("STATE_DIRECTORY");
        let log = folder.join("log");
        let mut child = command.stdout(Stdio::piped()).stderr(fs::File::create(&log)?).spawn()?;
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let served = Served { child, log };
        let ready =
            BufReader::new(output).lines().map_while(Result::ok).any(|line| line.contains("Firewall"));
        if ready { Ok(served) } else { Err(io::Error::other(served.log())) }
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it has logged this.
    pub(crate) fn wait_for(&self, text: &str) -> io::Result<()> {
        self.wait_for_times(text, 1)
    }

    /// Waits until it has logged this so many times.
    pub(crate) fn wait_for_times(&self, text: &str, times: usize) -> io::Result<()> {
        wait_until("it is logged", || Ok(self.log().matches(text).count() >= times))
            .map_err(|_| io::Error::other(format!("`{text}` is not in the log:\n{}", self.log())))
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> io::Result<String> {
        self.signal("TERM")?;
        self.child.wait()?;
        Ok(self.log())
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) -> io::Result<()> {
        must("kill", &["-s", name, &self.child.id().to_string()])
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program under test: it lies beside this one.
pub(crate) fn program() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("portolan");
    if program.is_file() {
        return Ok(program);
    }
    let text = format!("{} is not there; `cargo build` makes it", program.display());
    Err(io::Error::new(io::ErrorKind::NotFound, text))
}
