//! A PostgreSQL of a test's own, in a temporary folder.

use crate::launch::{PATIENCE, must_run};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A running PostgreSQL, which is gone when this is dropped. It listens on a socket in its folder only.
pub struct Postgres {
    child: Child,
    folder: TempDir,
}

/// The newest version that is installed.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("the package postgresql is needed");
    let newest = versions.filter_map(|entry| Some(entry.ok()?.path())).max();
    newest.expect("the package postgresql is needed").join("bin")
}

/// A command of it. It refuses to run as root.
fn command(program: &str) -> Command {
    let program = programs().join(program);
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command
}

impl Postgres {
    /// Starts one with an empty database.
    pub fn start() -> Postgres {
        let folder = tempfile::tempdir().unwrap();
        // It is another user who is to write there.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let data = folder.path().join("data");
        must_run(
            command("initdb").args(["-A", "trust", "-U", "portolan", "-N", "-D"]).arg(&data).current_dir("/"),
        );
        let mut started = command("postgres");
        started.arg("-D").arg(&data).arg("-k").arg(folder.path()).args(["-c", "listen_addresses="]);
        started.args(["-c", "fsync=off"]).current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
        let postgres = Postgres { child: started.spawn().unwrap(), folder };
        let until = Instant::now() + PATIENCE;
        while !postgres.socket().exists() {
            assert!(Instant::now() < until, "PostgreSQL does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        postgres
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join(".s.PGSQL.5432")
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("postgres://portolan@localhost/postgres?host={}", text(self.folder.path()))
    }
}

fn text(path: &Path) -> String {
    path.display().to_string().replace('/', "%2F")
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
