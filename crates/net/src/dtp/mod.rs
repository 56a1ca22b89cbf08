//! The loops that move bytes over a data connection (the DTP of RFC 959).
//!
//! A plain file goes by the kernel: `sendfile` out, and in through one buffer, on threads that may wait for the disk. A
//! thread of the runtime only sends what is in memory, as far as that can be seen. Everything else comes from a
//! [`Source`] or goes into a [`Sink`]; a protected connection has its records made and read here, on the
//! same threads. What this module is not: it does not know how bytes are encoded.

mod cached;
mod patience;
mod receive;
mod send;
mod throttle;
mod turns;

use crate::stream::Stream;
use crate::tls::Session;
use async_trait::async_trait;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

pub use receive::{receive, receive_file, receive_some};
pub use send::{send, send_file};
pub use throttle::Limit;
use throttle::Throttle;

/// Bytes of one reading or writing through a buffer.
const BUFFER: usize = 256 << 10;

/// Why bytes did not all move.
#[derive(Debug)]
pub enum Failure<E> {
    /// The data connection broke.
    Connection(io::Error),
    /// The source or the sink failed.
    Storage(E),
    /// The transfer was told to stop.
    Stopped,
}

/// What becomes of a connection whose data is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It is ended.
    End,
    /// More will go over it: the data says by itself where it ends.
    Keep,
}

/// How far a transfer is, and whether it is to stop. Clones share both.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    moved: Arc<AtomicU64>,
    stop: CancellationToken,
    throttle: Option<Arc<Throttle>>,
}

impl Progress {
    /// That of a transfer which keeps to these limits of speed.
    pub fn throttled(limits: Vec<Arc<Limit>>) -> Progress {
        let progress = Progress::default();
        let throttle = Throttle::new(limits, Arc::clone(&progress.moved)).map(Arc::new);
        Progress { throttle, ..progress }
    }

    /// Waits until bytes may move, and says how many.
    async fn allowance<E>(&self) -> Result<usize, Failure<E>> {
        let Some(throttle) = &self.throttle else { return Ok(usize::MAX) };
        tokio::select! {
            biased;
            () = self.stopped() => Err(Failure::Stopped),
            allowed = throttle.allowance() => Ok(allowed),
        }
    }

    /// True when nothing limits how fast bytes may move.
    fn is_free(&self) -> bool {
        self.throttle.is_none()
    }

    /// Bytes that have moved on the wire.
    pub fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// Ends the transfer soon.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until the transfer is to end.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    fn add(&self, bytes: usize) {
        self.moved.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// True when the transfer is to end.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }
}

/// Where bytes come from.
#[async_trait]
pub trait Source<E>: Send {
    /// The next bytes to send; none is the end.
    async fn next_bytes(&mut self) -> Result<Vec<u8>, E>;
}

/// Where bytes go.
#[async_trait]
pub trait Sink<E>: Send {
    /// Takes bytes as they came; true when they say themselves that they are all.
    async fn take(&mut self, bytes: &[u8]) -> Result<bool, E>;
}

/// How long a connection is kept that this side has ended and the peer not yet.
const LINGER: Duration = Duration::from_secs(2);

/// Ends the sending side of a connection whose data is whole; the peer of a protected one is told first that nothing
/// more comes. The end travels with the last bytes; nobody waits for an answer.
async fn finish<E>(stream: &mut Stream, progress: &Progress) -> Result<(), Failure<E>> {
    if stream.tls.is_some() {
        let socket = stream.watch().map_err(Failure::Connection)?;
        if let Some(session) = &mut stream.tls {
            session.seal_end().map_err(Failure::Connection)?;
            flush(&socket, session, progress, &mut 0).await?;
        }
        stream.shut_down();
        // Here it is within the rules that the peer says something: its end too, and it comes a little later with it.
        tokio::spawn(async move {
            let ended =
                async { while socket.readable().await.is_ok() && !drain(|rest| socket.try_read(rest)) {} };
            let _ = tokio::time::timeout(LINGER, ended).await;
        });
        return Ok(());
    }
    stream.shut_down();
    // What a peer sends against the rules would otherwise make the system take back our last bytes.
    drain(|rest| stream.try_read(rest));
    Ok(())
}

/// Reads away what is there; true at the end.
fn drain(read: impl Fn(&mut [u8]) -> io::Result<usize>) -> bool {
    let mut rest = [0; 4096];
    for _ in 0..16 {
        match read(&mut rest) {
            Ok(1..) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            _ => return true,
        }
    }
    // Who sends so much has been heard long enough.
    true
}

/// Sends the records that wait. `owed` counts bytes of content in them that count as moved once they
/// are sent.
async fn flush<E>(
    socket: &TcpStream,
    session: &mut Session,
    progress: &Progress,
    owed: &mut usize,
) -> Result<(), Failure<E>> {
    while !try_flush(socket, session, progress, owed).map_err(Failure::Connection)? {
        writable(socket, progress).await?;
    }
    Ok(())
}

fn try_flush(
    socket: &TcpStream,
    session: &mut Session,
    progress: &Progress,
    owed: &mut usize,
) -> io::Result<bool> {
    session.try_flush_with(socket, |sent| {
        // A record is longer than its content, so the content is all counted before the record ends.
        let moved = sent.min(*owed);
        *owed -= moved;
        progress.add(moved);
    })
}

async fn writable<E>(socket: &TcpStream, progress: &Progress) -> Result<(), Failure<E>> {
    tokio::select! {
        biased;
        () = progress.stopped() => Err(Failure::Stopped),
        ready = socket.writable() => ready.map_err(Failure::Connection),
    }
}

async fn readable<E>(socket: &TcpStream, progress: &Progress) -> Result<(), Failure<E>> {
    tokio::select! {
        biased;
        () = progress.stopped() => Err(Failure::Stopped),
        ready = socket.readable() => ready.map_err(Failure::Connection),
    }
}

/// The failure of a task that the runtime ended.
fn lost<E>() -> Failure<E> {
    Failure::Connection(io::Error::other("the transfer's thread is gone"))
}
