//! The sessions that there are.

use crate::options::SessionLimits;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Why a session is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The server is full.
    Server,
    /// The address has its share.
    Address,
}

#[derive(Debug)]
struct Known {
    peer: SocketAddr,
    user: Option<Vec<u8>>,
    since: Instant,
}

/// TLS handshakes that run at the same time on control connections from one address: each costs a fair
/// amount of work.
const HANDSHAKES_PER_ADDRESS: usize = 256;

#[derive(Debug, Default)]
struct Sessions {
    known: HashMap<u64, Known>,
    /// By [`household`].
    of_address: HashMap<IpAddr, usize>,
    /// Handshakes that run, by [`household`].
    handshakes: HashMap<IpAddr, usize>,
    /// Attacks that were seen since the server started.
    attacks: u64,
    next_id: u64,
}

/// The sessions that there are.
#[derive(Debug)]
pub(crate) struct Registry {
    limits: SessionLimits,
    sessions: Arc<Mutex<Sessions>>,
}

/// What counts as one address: of IPv6 the first half, since everybody has all of the second.
fn household(peer: SocketAddr) -> IpAddr {
    match peer.ip() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        ip @ IpAddr::V4(_) => ip,
    }
}

fn lock(sessions: &Mutex<Sessions>) -> MutexGuard<'_, Sessions> {
    sessions.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Registry {
    pub(crate) fn new(limits: SessionLimits) -> Registry {
        Registry { limits, sessions: Arc::default() }
    }

    /// Takes in a session; it leaves when the entry is dropped.
    pub(crate) fn enter(&self, peer: SocketAddr) -> Result<Entry, Refusal> {
        let mut sessions = lock(&self.sessions);
        if sessions.known.len() >= self.limits.total {
            return Err(Refusal::Server);
        }
        if sessions.of_address.get(&household(peer)).is_some_and(|count| *count >= self.limits.per_address) {
            return Err(Refusal::Address);
        }
        *sessions.of_address.entry(household(peer)).or_default() += 1;
        sessions.next_id += 1;
        let id = sessions.next_id;
        sessions.known.insert(id, Known { peer, user: None, since: Instant::now() });
        Ok(Entry { id, peer, sessions: Arc::clone(&self.sessions) })
    }
}

/// Room for a handshake.
#[derive(Debug)]
pub(crate) struct HandshakeRoom {
    address: IpAddr,
    sessions: Arc<Mutex<Sessions>>,
}

impl Drop for HandshakeRoom {
    fn drop(&mut self) {
        let mut sessions = lock(&self.sessions);
        if let Some(count) = sessions.handshakes.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                sessions.handshakes.remove(&self.address);
            }
        }
    }
}

/// A session in the registry.
#[derive(Debug)]
pub(crate) struct Entry {
    id: u64,
    peer: SocketAddr,
    sessions: Arc<Mutex<Sessions>>,
}

impl Entry {
    /// The number of the session, counted from the start of the server.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Makes room for a TLS handshake on the control connection, until the room is dropped.
    pub(crate) fn begin_handshake(&self) -> Option<HandshakeRoom> {
        let mut sessions = lock(&self.sessions);
        let address = household(self.peer);
        let own = sessions.handshakes.entry(address).or_default();
        if *own >= HANDSHAKES_PER_ADDRESS {
            return None;
        }
        *own += 1;
        Some(HandshakeRoom { address, sessions: Arc::clone(&self.sessions) })
    }

    /// Counts an attack; gives how many there were since the server started.
    pub(crate) fn count_attack(&self) -> u64 {
        let mut sessions = lock(&self.sessions);
        sessions.attacks += 1;
        sessions.attacks
    }

    /// Notes who is logged in.
    pub(crate) fn set_user(&self, user: Option<&[u8]>) {
        if let Some(known) = lock(&self.sessions).known.get_mut(&self.id) {
            known.user = user.map(<[u8]>::to_vec);
        }
    }

    /// A line for each session that is logged in under the same name as this one.
    pub(crate) fn companions(&self) -> Vec<Vec<u8>> {
        let sessions = lock(&self.sessions);
        let Some(own) = sessions.known.get(&self.id).and_then(|known| known.user.as_deref()) else {
            return Vec::new();
        };
        let mut companions: Vec<(&u64, &Known)> =
            sessions.known.iter().filter(|(_, known)| known.user.as_deref() == Some(own)).collect();
        companions.sort_by_key(|(id, _)| **id);
        let line = |(id, known): (&u64, &Known)| {
            format!("{id} from {} for {} s", known.peer, known.since.elapsed().as_secs()).into_bytes()
        };
        companions.into_iter().map(line).collect()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut sessions = lock(&self.sessions);
        sessions.known.remove(&self.id);
        if let Some(count) = sessions.of_address.get_mut(&household(self.peer)) {
            *count -= 1;
            if *count == 0 {
                sessions.of_address.remove(&household(self.peer));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t28_one_address_cannot_lock_out_the_others() {
        let registry = Registry::new(SessionLimits { total: 3, per_address: 2 });
        let peer = |last: u8| SocketAddr::from(([127, 0, 0, last], 1));
        let first = registry.enter(peer(1)).unwrap();
        let _second = registry.enter(peer(1)).unwrap();
        assert_eq!(registry.enter(peer(1)).unwrap_err(), Refusal::Address);
        let _third = registry.enter(peer(2)).unwrap();
        assert_eq!(registry.enter(peer(3)).unwrap_err(), Refusal::Server);
        let other = Registry::new(SessionLimits { total: 3, per_address: 1 });
        let _one = other.enter("[2001:db8::1]:1".parse().unwrap()).unwrap();
        assert_eq!(other.enter("[2001:db8::2]:1".parse().unwrap()).unwrap_err(), Refusal::Address);
        other.enter("[2001:db8:0:1::1]:1".parse().unwrap()).unwrap();
        drop(first);
        registry.enter(peer(1)).unwrap();
    }
}
