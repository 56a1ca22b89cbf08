//! Waiting for a peer in place. A thread that moves bytes waits some milliseconds where the peer is about to catch up:
//! to go back to the runtime and to come again costs more than what is moved in between. Whoever keeps it waiting for
//! longer, or gives and takes little at a time, is waited for by the runtime, which has room for any number of them.

use super::turns::{Turn, Turns};
use super::{Failure, Progress};
use crate::stream::Stream;
use std::cell::Cell;
use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long a thread waits.
const PATIENCE: Duration = Duration::from_millis(10);

/// Bytes in a second that a peer has to take or give to be waited for in place.
const FAST: f64 = 100e6;

/// After how long of a turn it has to have done so.
const A_WHILE: Duration = Duration::from_millis(50);

/// For how long it has to have done so before it is waited for in place again.
const WINDOW: Duration = Duration::from_secs(1);

/// Whether the peer of a transfer is waited for in place.
pub(super) struct Peer {
    /// Since when it is not, and how many bytes had moved by then.
    slow: Option<(Instant, u64)>,
}

impl Peer {
    pub(super) fn new() -> Peer {
        Peer { slow: None }
    }

    /// It has kept a thread waiting, when so many bytes had moved.
    pub(super) fn is_slow(&mut self, moved: u64) {
        self.slow.get_or_insert_with(|| (Instant::now(), moved));
    }

    /// A turn in which it is waited for in place, and the socket for that; `None` where the runtime is to wait.
    ///
    /// # Errors
    /// [`Failure::Stopped`].
    pub(super) async fn turn<E>(
        &mut self,
        stream: &mut Stream,
        turns: &mut Turns,
        progress: &Progress,
    ) -> Result<Option<(Turn, TcpStream)>, Failure<E>> {
        if !self.keeps_up(progress.moved()) {
            return Ok(None);
        }
        let turn = turns.next(progress).await?;
        // Not more threads wait in place than there are turns.
        Ok(if turn.is_own() { stream.take_bare().map(|socket| (turn, socket)) } else { None })
    }

    /// True while it keeps up.
    fn keeps_up(&mut self, moved: u64) -> bool {
        let Some((since, before)) = self.slow else { return true };
        let (now, elapsed) = (Instant::now(), since.elapsed());
        if elapsed >= WINDOW {
            let rate = moved.saturating_sub(before) as f64 / elapsed.as_secs_f64();
            self.slow = (rate < FAST).then_some((now, moved));
        }
        self.slow.is_none()
    }
}

/// A socket that waits in place, for a turn.
pub(super) struct InPlace<'a> {
    socket: &'a TcpStream,
    begun: Instant,
    moved: Cell<usize>,
}

impl InPlace<'_> {
    pub(super) fn new(socket: &TcpStream) -> io::Result<InPlace<'_>> {
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        socket.set_nonblocking(false)?;
        Ok(InPlace { socket, begun: Instant::now(), moved: Cell::new(0) })
    }

    /// Moves some bytes, and gives how many. [`io::ErrorKind::WouldBlock`] when that would take longer, and when it has
    /// been going on for a while and the peer does not keep up.
    pub(super) fn act(&self, act: impl FnOnce(&TcpStream) -> io::Result<usize>) -> io::Result<usize> {
        let (elapsed, moved) = (self.begun.elapsed(), self.moved.get());
        if elapsed >= A_WHILE && (moved as f64) < FAST * elapsed.as_secs_f64() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = act(self.socket)?;
        self.moved.set(moved + count);
        Ok(count)
    }
}

impl Drop for InPlace<'_> {
    fn drop(&mut self) {
        // It can only fail for what is no socket.
        let _ = self.socket.set_nonblocking(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_keeps_a_thread_waiting_is_waited_for_elsewhere_until_it_is_fast() {
        let (mut peer, second) = (Peer::new(), Duration::from_secs(1));
        assert!(peer.keeps_up(0));
        peer.is_slow(1_000);
        assert!(!peer.keeps_up(u64::MAX), "not before a while has passed");
        let ago = |bytes| Some((Instant::now() - 2 * second, bytes));
        peer.slow = ago(1_000);
        assert!(!peer.keeps_up(100_000_000), "50 MB/s");
        peer.slow = ago(1_000);
        assert!(peer.keeps_up(300_000_000), "150 MB/s");
        assert!(peer.keeps_up(300_000_000), "and on");
    }
}
