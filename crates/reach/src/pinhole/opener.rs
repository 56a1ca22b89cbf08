//! The server's side of the process that opens holes.

use super::{ANSWER, Hole, LONGEST};
use portolan_helpers::{Launcher, Program, Role, Started};
use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

/// How long the process may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long until it is started anew after it ended.
const PAUSE: Duration = Duration::from_secs(1);

/// Questions that wait at most.
const WAITING: usize = 1024;

type Asked = (Hole, oneshot::Sender<io::Result<()>>);

/// Opens holes. Clones share the process; it ends with the last of them.
#[derive(Debug, Clone)]
pub struct Pinholes {
    asked: mpsc::Sender<Asked>,
    ports: RangeInclusive<u16>,
}

impl Pinholes {
    /// Starts the process: `program` has to call [`run`](super::run) with a name and `ports`.
    ///
    /// # Errors
    /// When it cannot be started, or may not make its table.
    pub async fn start(
        launcher: Launcher,
        program: Program,
        ports: RangeInclusive<u16>,
    ) -> io::Result<Pinholes> {
        let process = start(&launcher, &program).await?;
        let (asked, questions) = mpsc::channel(WAITING);
        tokio::spawn(keep(process, launcher, program, questions));
        Ok(Pinholes { asked, ports })
    }

    /// Lets this peer connect to this port from now on, for so long. Ports that no firewall of ours closes need
    /// no hole.
    ///
    /// # Errors
    /// When the kernel refuses, or the process is gone for the moment.
    pub async fn open(&self, peer: IpAddr, port: u16, time: Duration) -> io::Result<()> {
        if !self.ports.contains(&port) {
            return Ok(());
        }
        let (sender, answer) = oneshot::channel();
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        // A second is counted when it has begun.
        let time = (time + Duration::from_secs(1)).min(LONGEST);
        let hole = Hole { peer: peer.to_canonical(), port, time };
        self.asked.send((hole, sender)).await.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        answer.await.map_err(gone)?
    }
}

/// The process, and the way to it.
struct Process {
    socket: UnixStream,
    started: Started,
}

/// Starts the process, and hears whether it can do its work.
async fn start(launcher: &Launcher, program: &Program) -> io::Result<Process> {
    let (mut ours, theirs) = UnixStream::pair()?;
    let theirs = theirs.into_std()?;
    theirs.set_nonblocking(false)?;
    let started = launcher.start_program(program, Role::Part, &[theirs.into()]).await?;
    read_answer(&mut ours).await?;
    Ok(Process { socket: ours, started })
}

async fn read_answer(process: &mut UnixStream) -> io::Result<()> {
    let mut answer = [0; ANSWER];
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    tokio::time::timeout(PATIENCE, process.read_exact(&mut answer)).await.map_err(late)??;
    match i32::from_ne_bytes(answer) {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Puts the questions to the process, and starts it anew when it has ended.
async fn keep(
    mut process: Process,
    launcher: Launcher,
    program: Program,
    mut questions: mpsc::Receiver<Asked>,
) {
    loop {
        tokio::select! {
            question = questions.recv() => {
                let Some((hole, answer)) = question else { return };
                let exchange = async {
                    process.socket.write_all(&hole.encode()).await?;
                    read_answer(&mut process.socket).await
                };
                // It fails when the session has ended.
                drop(answer.send(exchange.await));
            }
            _ = process.started.wait() => {
                tracing::error!("the process that opens pinholes has ended; it is started again");
                process = loop {
                    match start(&launcher, &program).await {
                        Ok(process) => break process,
                        Err(error) => tracing::error!(%error, "it cannot be started; no pinholes are opened"),
                    }
                    // Nobody waits meanwhile.
                    while let Ok((_, answer)) = questions.try_recv() {
                        drop(answer.send(Err(io::ErrorKind::BrokenPipe.into())));
                    }
                    tokio::time::sleep(PAUSE).await;
                };
            }
        }
    }
}
