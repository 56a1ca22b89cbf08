//! The loops that move bytes over a data connection (the DTP of RFC 959).
//!
//! A plain file goes by the kernel: `sendfile` out, and in through one buffer on a thread that may
//! wait for the disk, so that no thread of the runtime ever does. Everything else comes from a
//! [`Source`] or goes into a [`Sink`]. What this module is not: it does not know how bytes are encoded.

mod receive;
mod send;

use async_trait::async_trait;
use socket2::SockRef;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

pub use receive::{receive, receive_file};
pub use send::{send, send_file};

/// Bytes that are moved between two looks at whether to stop, where no wait comes in between.
const BURST: usize = 64 << 20;

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

/// How far a transfer is, and whether it is to stop. Clones share both.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    moved: Arc<AtomicU64>,
    stop: CancellationToken,
}

impl Progress {
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

/// Ends the sending side of a connection whose data is whole. The end travels with the last bytes;
/// nobody waits for an answer.
fn finish(stream: &TcpStream) {
    // An error means that the connection is gone already.
    let _ = SockRef::from(stream).shutdown(std::net::Shutdown::Write);
    // What a peer sends against the rules would otherwise make the system take back our last bytes.
    let mut rest = [0; 4096];
    for _ in 0..16 {
        if !matches!(stream.try_read(&mut rest), Ok(1..)) {
            return;
        }
    }
}

/// Closes a connection whose data is not whole so that the peer cannot take it for whole.
pub fn break_off(stream: &TcpStream) {
    // Without it the connection ends as if all had been sent, which the reply still corrects.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// The failure of a task that the runtime ended.
fn lost<E>() -> Failure<E> {
    Failure::Connection(io::Error::other("the transfer's thread is gone"))
}
