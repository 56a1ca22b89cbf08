//! The helper that starts programs.

use crate::door::{Door, answer, door, pass, take};
use crate::message::{receive, receive_later, send};
use command_fds::{CommandFdExt, FdMapping};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};

/// Where inherited descriptors begin.
const FIRST: i32 = 3;

/// A program with its arguments.
pub type Program = Vec<OsString>;

/// A program that may be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// It, and its arguments.
    pub program: Program,
    /// How many more arguments it is given each time.
    pub more: usize,
    /// What it is to the server.
    pub role: Role,
}

impl Allowed {
    fn is_it(&self, program: &Program, role: Role) -> bool {
        let fits = program.starts_with(&self.program) && program.len() == self.program.len() + self.more;
        fits && role == self.role
    }
}

/// What a program is to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Somebody else's: it gets no capabilities, unless it is root that starts it. The first descriptor is its standard input, a second one takes its
    /// messages.
    Stranger,
    /// A part of the server. The descriptor is its standard input.
    Part,
    /// The server that comes after this one. The descriptors are passed on as systemd does it (`sd_listen_fds(3)`).
    Successor,
}

#[derive(Serialize, Deserialize)]
struct Order {
    program: Program,
    role: Role,
    descriptors: usize,
}

#[derive(Serialize, Deserialize)]
enum Report {
    Started(u32),
    /// It could not be started.
    Failed(String),
    /// It has ended, with this number of `wait(2)`.
    Ended(i32),
}

/// Starts programs by way of the helper.
#[derive(Debug, Clone)]
pub struct Launcher(Door);

impl Launcher {
    /// Starts the helper; `helper` has to call [`launch`]. It starts these programs and no others.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(helper: Command, programs: &[Allowed]) -> io::Result<Launcher> {
        let door = Door::open(helper)?;
        send(&mut door.socket(), &programs)?;
        Ok(Launcher(door))
    }

    /// Starts a program.
    ///
    /// # Errors
    /// Why it cannot be started.
    pub async fn start_program(
        &self,
        program: &[OsString],
        role: Role,
        descriptors: &[OwnedFd],
    ) -> io::Result<Started> {
        let mut connection = self.0.knock()?;
        send(&mut connection, &Order { program: program.to_vec(), role, descriptors: descriptors.len() })?;
        pass(&connection, descriptors)?;
        connection.set_nonblocking(true)?;
        let mut connection = tokio::net::UnixStream::from_std(connection)?;
        match receive_later(&mut connection).await? {
            Report::Started(pid) => Ok(Started { connection, pid }),
            Report::Failed(why) => Err(io::Error::other(why)),
            Report::Ended(_) => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// A program that was started. It is killed when this is dropped.
#[derive(Debug)]
pub struct Started {
    connection: tokio::net::UnixStream,
    pid: u32,
}

impl Started {
    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.pid
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When the helper is gone.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        match receive_later(&mut self.connection).await? {
            Report::Ended(status) => Ok(ExitStatus::from_raw(status)),
            Report::Started(_) | Report::Failed(_) => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Lets it run for itself.
    ///
    /// # Errors
    /// When the helper is gone.
    pub fn let_go(self) -> io::Result<()> {
        let mut connection = self.connection.into_std()?;
        connection.set_nonblocking(false)?;
        connection.write_all(b".")
    }
}

/// The helper itself.
///
/// # Errors
/// When its standard input is not what [`Launcher::start`] makes of it.
pub fn launch() -> io::Result<()> {
    let mut door = door()?;
    let programs: Vec<Allowed> = receive(&mut door)?;
    answer(&door, |connection| carry_out(connection, &programs))
}

/// Starts a program, and says how it ends. Nobody is left to be told what goes wrong with that.
fn carry_out(mut connection: UnixStream, programs: &[Allowed]) {
    let started = receive(&mut connection).and_then(|order: Order| {
        let descriptors = take(&connection, order.descriptors)?;
        if !programs.iter().any(|allowed| allowed.is_it(&order.program, order.role)) {
            return Err(io::Error::other("it was not named when the server started"));
        }
        command(&order.program, order.role, descriptors)?.spawn()
    });
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            let _ = send(&mut connection, &Report::Failed(error.to_string()));
            return;
        }
    };
    let _ = send(&mut connection, &Report::Started(child.id()));
    if let Ok(Some(status)) = watch(&mut child, &mut connection) {
        let _ = send(&mut connection, &Report::Ended(status.into_raw()));
    }
}

fn command(program: &Program, role: Role, descriptors: Vec<OwnedFd>) -> io::Result<Command> {
    let [name, arguments @ ..] = &**program else { return Err(io::ErrorKind::InvalidInput.into()) };
    let mut command = Command::new(name);
    command.args(arguments);
    if role == Role::Successor {
        command.env("LISTEN_FDS", descriptors.len().to_string());
        for name in ["LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_FDS_FIRST_FD", "WATCHDOG_PID"] {
            command.env_remove(name);
        }
        let mapping = |(parent_fd, child_fd)| FdMapping { parent_fd, child_fd };
        let mappings = descriptors.into_iter().zip(FIRST..).map(mapping).collect();
        command.stdin(Stdio::null()).fd_mappings(mappings).map_err(io::Error::other)?;
        return Ok(command);
    }
    if role == Role::Stranger {
        // They are this thread's, which is there for this program only.
        rustix::thread::clear_ambient_capability_set()?;
    }
    let mut descriptors = descriptors.into_iter();
    command.stdin(descriptors.next().ok_or(io::ErrorKind::InvalidInput)?).stdout(Stdio::null());
    if let Some(messages) = descriptors.next() {
        command.stderr(messages);
    }
    command.process_group(0);
    Ok(command)
}

/// Waits until a program ends, or is let go. Where nobody waits for it any more, it is killed.
fn watch(child: &mut Child, connection: &mut UnixStream) -> io::Result<Option<ExitStatus>> {
    let end = pidfd_open(rustix::process::Pid::from_child(child), PidfdFlags::empty())?;
    loop {
        let mut events = [PollFd::new(&end, PollFlags::IN), PollFd::new(&*connection, PollFlags::IN)];
        match poll(&mut events, None) {
            Err(rustix::io::Errno::INTR) => continue,
            polled => polled?,
        };
        let [ended, said] = events.map(|event| !event.revents().is_empty());
        if ended {
            return child.wait().map(Some);
        }
        if said {
            if connection.read(&mut [0]).unwrap_or(0) > 0 {
                return Ok(None);
            }
            child.kill()?;
            return child.wait().map(Some);
        }
    }
}
