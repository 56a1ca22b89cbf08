//! Listening sockets that another process hands over: systemd, or a server of before. And handing them over to the one
//! that comes after.
//!
//! Both ways the sockets are inherited as systemd has it (`sd_listen_fds(3)`). A server that is followed by another adds
//! a socket of its own, by which the other says that it is ready.

use super::confine::Confined;
use listenfd::ListenFd;
use portolan_helpers::Role;
use portolan_server::Server;
use rustix::io::{FdFlags, fcntl_setfd};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

/// How long a server has to begin.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was handed over.
#[derive(Default)]
pub(super) struct Handed {
    /// Sockets that listen.
    pub(super) sockets: Vec<TcpListener>,
    /// Where the server of before waits.
    before: Option<UnixDatagram>,
    /// The way to PAM that it had.
    pub(super) pam: Option<UnixStream>,
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
        } else if let Ok(Some(pam)) =
            descriptors.take_custom(number, libc::AF_UNIX, libc::SOCK_STREAM, "stream of UNIX")
        {
            let pam: UnixStream = pam;
            let _ = fcntl_setfd(&pam, FdFlags::CLOEXEC);
            handed.pam = Some(pam);
        }
    }
    // Of anybody else, it would be something else.
    handed.pam = handed.pam.take().filter(|_| handed.is_successor());
    handed
}

/// Starts a server like this one, and hands the sockets over; the number of its process, once it is ready. If it does not
/// come so far, all is as it was.
pub(super) async fn hand_over(
    server: &Server,
    Confined { launcher, successor, pam, .. }: &Confined,
) -> Result<u32, String> {
    let cannot = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
    let mut sockets = server.sockets().map_err(|error| cannot("cannot hand the sockets over", &error))?;
    let (here, there) = tokio::net::UnixDatagram::pair().map_err(|error| cannot("no socket", &error))?;
    let there = there.into_std().map_err(|error| cannot("no socket", &error))?;
    sockets.push(OwnedFd::from(there));
    if let Some(pam) = pam {
        let pam = pam.socket().try_clone();
        sockets.push(pam.map_err(|error| cannot("cannot hand the way to PAM over", &error))?.into());
    }
    let started = launcher.start_program(successor, Role::Successor, &sockets).await;
    let name = successor.first().map(|name| name.display().to_string()).unwrap_or_default();
    let mut started = started.map_err(|error| cannot(&format!("cannot start {name}"), &error))?;
    // What it does not take is gone when it is.
    drop(sockets);
    let mut answer = [0; 16];
    let answered = tokio::select! {
        ready = here.recv(&mut answer) => {
            ready.map_err(|error| cannot("the new server says nothing", &error))
        }
        status = started.wait() => {
            let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            Err(format!("the new server did not start ({status}); its messages say why"))
        }
        () = tokio::time::sleep(PATIENCE) => {
            Err(format!("the new server was not ready after {} s", PATIENCE.as_secs()))
        }
    };
    // Else it ends here, if it has not by itself.
    answered?;
    let pid = started.id();
    started.let_go().map_err(|error| cannot("the new server is gone", &error))?;
    server.give_way().await;
    Ok(pid)
}
