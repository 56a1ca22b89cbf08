//! A link that takes time, loses packets and has a rate: frames are carried from one end to the other by a thread.
//!
//! Frames keep what the kernel notes of them (checksums to be made, packets to be cut), so that they are as large as
//! they are between neighbours, and one loss takes up to 64 KiB along.

mod sys;

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The longest frame, with what the kernel notes of it.
const FRAME: usize = 70_000;

/// Frames on the way at most: more are lost, as in a router whose queue is full.
const QUEUE: usize = 2_000;

/// Frames that are taken from one end before the other's turn.
const BURST: usize = 64;

/// What a link is like, each way.
#[derive(Debug, Clone, Copy)]
pub struct Quality {
    /// How long a frame is on its way.
    pub delay: Duration,
    /// Of a thousand frames, so many are lost.
    pub lost: u32,
    /// Bytes a second.
    pub rate: f64,
}

/// A wire; it is cut when this is dropped.
pub(super) struct Wire {
    stop: UnixStream,
    carrier: Option<JoinHandle<()>>,
}

impl Wire {
    /// Carries frames between two interfaces of this network namespace.
    pub(super) fn new(namespace: File, devices: [&'static str; 2], quality: Quality) -> io::Result<Wire> {
        let (stop, stopped) = UnixStream::pair()?;
        let (ready, is_ready) = std::sync::mpsc::channel();
        let carrier = std::thread::spawn(move || {
            let kind = Some(rustix::thread::LinkNameSpaceType::Network);
            let ends = rustix::thread::move_into_link_name_space(namespace.as_fd(), kind)
                .map_err(io::Error::from)
                .and_then(|()| Ok([sys::open(devices[0])?, sys::open(devices[1])?]));
            match ends {
                Ok(ends) => {
                    let _ = ready.send(Ok(()));
                    carry(&ends, &stopped, quality);
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        });
        is_ready.recv().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))?;
        Ok(Wire { stop, carrier: Some(carrier) })
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let _ = self.stop.shutdown(Shutdown::Both);
        let _ = self.carrier.take().map(JoinHandle::join);
    }
}

/// A frame on its way to an end.
struct Frame {
    arrives: Instant,
    to: usize,
    bytes: Vec<u8>,
}

/// Until it is stopped.
fn carry(ends: &[OwnedFd; 2], stopped: &UnixStream, quality: Quality) {
    let mut queue: VecDeque<Frame> = VecDeque::new();
    let mut free = [Instant::now(); 2];
    let mut buffer = vec![0; FRAME];
    loop {
        let wait = queue.front().map(|frame| frame.arrives.saturating_duration_since(Instant::now()));
        match sys::wait(ends, stopped, wait) {
            Ok(false) => {}
            Ok(true) | Err(_) => return,
        }
        for (from, end) in ends.iter().enumerate() {
            let to = 1 - from;
            // Not so many at once that others are late.
            for _ in 0..BURST {
                let Ok(count) = sys::receive(end, &mut buffer) else { break };
                if rand::random_range(0..1000) < quality.lost || queue.len() >= QUEUE {
                    continue;
                }
                // One behind the other, as fast as the rate allows.
                let taking = Duration::from_secs_f64(count as f64 / quality.rate);
                free[to] = free[to].max(Instant::now()) + taking;
                let frame = Frame { arrives: free[to] + quality.delay, to, bytes: buffer[..count].to_vec() };
                let place = queue.partition_point(|other| other.arrives <= frame.arrives);
                queue.insert(place, frame);
            }
        }
        let now = Instant::now();
        let due = queue.partition_point(|frame| frame.arrives <= now);
        for frame in queue.drain(..due) {
            // A frame that cannot be sent is lost.
            let _ = sys::send(&ends[frame.to], &frame.bytes);
        }
    }
}
