//! Listening sockets that another process hands over: systemd, or a server of before. And handing them over to the one
//! that comes after.
//!
//! Both ways the sockets are inherited as systemd has it (`sd_listen_fds(3)`). A server that is followed by another adds
//! a socket of its own, by which the other says that it is ready.

use command_fds::{CommandFdExt, FdMapping};
use listenfd::ListenFd;
use portolan_server::Server;
use rustix::io::{FdFlags, fcntl_setfd};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;
use tokio::process::Command;

/// How long a server has to begin.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where inherited descriptors begin.
const FIRST: i32 = 3;

/// What was handed over.
#[derive(Default)]
pub(super) struct Handed {
    /// Sockets that listen.
    pub(super) sockets: Vec<TcpListener>,
    /// Where the server of before waits.
    before: Option<UnixDatagram>,
}

impl Handed {
    /// True when it comes from a server of before.
    pub(super) fn is_successor(&self) -> bool {
        self.before.is_some()
    }

    /// Says to the server of before that this one is ready.
    pub(super) fn say_ready(self) {
        if let Some(before) = self.before
            && let Err(error) = before.send(b"ready")
        {
            tracing::warn!(%error, "the server of before is gone");
        }
    }
}

/// Takes what was handed over. Programs that this one starts inherit nothing of it.
pub(super) fn take() -> Handed {
    let (mut descriptors, mut handed) = (ListenFd::from_env(), Handed::default());
    for number in 0..descriptors.len() {
        if let Ok(Some(socket)) = descriptors.take_tcp_listener(number) {
            let _ = fcntl_setfd(&socket, FdFlags::CLOEXEC);
            handed.sockets.push(socket);
        } else if let Ok(Some(before)) = descriptors.take_unix_datagram(number) {
            let _ = fcntl_setfd(&before, FdFlags::CLOEXEC);
            handed.before = Some(before);
        }
    }
    handed
}

/// Starts a server like this one, and hands the sockets over; the number of its process, once it is ready. If it does not
/// come so far, all is as it was.
pub(super) async fn hand_over(server: &Server, program: &Path) -> Result<u32, String> {
    let cannot = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
    let mut sockets = server.sockets().map_err(|error| cannot("cannot hand the sockets over", &error))?;
    let (here, there) = tokio::net::UnixDatagram::pair().map_err(|error| cannot("no socket", &error))?;
    let there = there.into_std().map_err(|error| cannot("no socket", &error))?;
    sockets.push(OwnedFd::from(there));
    let mut command = std::process::Command::new(program);
    command.args(std::env::args_os().skip(1)).env("LISTEN_FDS", sockets.len().to_string());
    for name in ["LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_FDS_FIRST_FD", "WATCHDOG_PID"] {
        command.env_remove(name);
    }
    let mapping = |(parent_fd, child_fd)| FdMapping { parent_fd, child_fd };
    let mappings = sockets.into_iter().zip(FIRST..).map(mapping).collect();
    command.fd_mappings(mappings).map_err(|error| cannot("cannot hand the sockets over", &error))?;
    let mut child = Command::from(command)
        .spawn()
        .map_err(|error| cannot(&format!("cannot start {}", program.display()), &error))?;
    let mut answer = [0; 16];
    let answered = tokio::select! {
        ready = here.recv(&mut answer) => {
            let pid = child.id().ok_or_else(|| "the new server is gone".to_owned());
            ready.map_err(|error| cannot("the new server says nothing", &error)).and(pid)
        }
        status = child.wait() => {
            let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            Err(format!("the new server did not start ({status}); its messages say why"))
        }
        () = tokio::time::sleep(PATIENCE) => {
            Err(format!("the new server was not ready after {} s", PATIENCE.as_secs()))
        }
    };
    if answered.is_err() {
        // It may have ended by itself.
        let _ = child.kill().await;
    }
    answered
}
