//! Connections to a control port that are held back, until it shows whether they are data connections.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use tokio::sync::oneshot;

/// Connections of one peer to one port that are held at most.
const HELD: usize = 64;

/// Connections that are held back, by peer and port, in the order they came. Each hears whether it is a data
/// connection.
#[derive(Debug, Default)]
pub(super) struct Held(HashMap<(IpAddr, u16), VecDeque<oneshot::Sender<bool>>>);

impl Held {
    /// Holds one more; nothing for one too many.
    pub(super) fn push(&mut self, peer: IpAddr, port: u16) -> Option<oneshot::Receiver<bool>> {
        let held = self.0.entry((peer, port)).or_default();
        held.retain(|sender| !sender.is_closed());
        if held.len() >= HELD {
            return None;
        }
        let (sender, verdict) = oneshot::channel();
        held.push_back(sender);
        Some(verdict)
    }

    /// The last is a data connection, and the others are not; false when none is held.
    pub(super) fn call_last(&mut self, peer: IpAddr, port: u16) -> bool {
        let Some(held) = self.0.get_mut(&(peer, port)) else { return false };
        while let Some(last) = held.pop_back() {
            // It fails when the connection was given up.
            if last.send(true).is_ok() {
                self.free(peer, port);
                return true;
            }
        }
        false
    }

    /// What is held while a place waits, and is not its connection, is a control connection: no other place
    /// of this peer waited meanwhile.
    pub(super) fn free(&mut self, peer: IpAddr, port: u16) {
        for held in self.0.remove(&(peer, port)).into_iter().flatten() {
            // It fails when the connection was given up.
            let _ = held.send(false);
        }
    }
}
