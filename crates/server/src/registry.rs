//! The sessions that there are.

use crate::options::{SessionLimits, TransferLimits};
use crate::orders::Lock;
use portolan_accounts::Count;
use portolan_accounts::bans::household;
use portolan_proto::server::{Host, Whose};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Why a session is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The server is full.
    Server,
    /// The address has its share.
    Address,
    /// The address is banned, for so many seconds yet.
    Banned(u64),
    /// Nobody new is taken in now.
    Locked(Lock),
    /// Nobody is taken in from that address.
    Elsewhere,
}

impl Refusal {
    /// In one word or two.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Refusal::Server => "server full",
            Refusal::Address => "address full",
            Refusal::Banned(_) => "banned",
            Refusal::Locked(_) => "locked",
            Refusal::Elsewhere => "address not allowed",
        }
    }
}

#[derive(Debug)]
struct Known {
    peer: SocketAddr,
    user: Option<User>,
    since: Instant,
}

/// Who logs in. The same name at another host is somebody else.
pub(crate) type User = (Host, Arc<[u8]>);

/// What there is of one user.
#[derive(Debug, Default)]
struct Usage {
    sessions: usize,
    /// Transfers, where they are limited.
    transfers: usize,
    /// Bytes of downloads that run, where they are limited.
    downloading: u64,
}

/// TLS handshakes that run at the same time on control connections from one address: each costs a fair
/// amount of work.
const HANDSHAKES_PER_ADDRESS: usize = 256;

#[derive(Debug, Default)]
struct Sessions {
    known: HashMap<u64, Known>,
    /// By [`household`].
    of_address: HashMap<IpAddr, usize>,
    of_user: HashMap<User, Usage>,
    /// Transfers, where they are limited.
    transfers: usize,
    /// The same, by [`household`].
    transfers_of_address: HashMap<IpAddr, usize>,
    /// Handshakes that run, by [`household`].
    handshakes: HashMap<IpAddr, usize>,
    /// Attacks that were seen since the server started.
    attacks: u64,
    next_id: u64,
}

/// The sessions that there are.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    sessions: Arc<Mutex<Sessions>>,
}

impl Sessions {
    /// Changes what there is of a user, and forgets it when that is nothing.
    fn change(&mut self, user: &User, change: impl FnOnce(&mut Usage)) {
        let usage = self.of_user.entry(user.clone()).or_default();
        change(usage);
        if usage.sessions == 0 && usage.transfers == 0 && usage.downloading == 0 {
            self.of_user.remove(user);
        }
    }
}

/// Counts one less of an address.
fn give_back(counts: &mut HashMap<IpAddr, usize>, address: IpAddr) {
    if let Some(count) = counts.get_mut(&address) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&address);
        }
    }
}

fn lock(sessions: &Mutex<Sessions>) -> MutexGuard<'_, Sessions> {
    sessions.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Registry {
    /// Takes in a session; it leaves when the entry is dropped.
    pub(crate) fn enter(&self, peer: SocketAddr, limits: SessionLimits) -> Result<Entry, Refusal> {
        let mut sessions = lock(&self.sessions);
        if sessions.known.len() >= limits.total {
            return Err(Refusal::Server);
        }
        if sessions.of_address.get(&household(peer.ip())).is_some_and(|count| *count >= limits.per_address) {
            return Err(Refusal::Address);
        }
        *sessions.of_address.entry(household(peer.ip())).or_default() += 1;
        sessions.next_id += 1;
        let id = sessions.next_id;
        sessions.known.insert(id, Known { peer, user: None, since: Instant::now() });
        Ok(Entry { id, peer, sessions: Arc::clone(&self.sessions) })
    }
}

impl Registry {
    /// Notes who is logged in, if they may have one session more.
    pub(crate) fn log_in(&self, session: u64, user: &User, most: Count) -> bool {
        let mut sessions = lock(&self.sessions);
        let count = sessions.of_user.get(user).map_or(0, |usage| usage.sessions);
        // It may be over already.
        let Some(known) = sessions.known.get_mut(&session) else { return false };
        if !most.allows_one_more(count) {
            return false;
        }
        if let Some(before) = known.user.replace(user.clone()) {
            sessions.change(&before, |usage| usage.sessions -= 1);
        }
        sessions.change(user, |usage| usage.sessions += 1);
        true
    }

    /// Makes room for a transfer, until the room is dropped; else says who has as many as they may have.
    pub(crate) fn begin_transfer(
        &self,
        user: &User,
        of_user: Count,
        address: IpAddr,
        limits: TransferLimits,
    ) -> Result<TransferRoom, Whose> {
        let (mut sessions, address) = (lock(&self.sessions), household(address));
        let own = sessions.of_user.get(user).map_or(0, |usage| usage.transfers);
        let of_address = sessions.transfers_of_address.get(&address).copied().unwrap_or_default();
        for (whose, most, count) in [
            (Whose::Account, of_user, own),
            (Whose::Address, limits.per_address, of_address),
            (Whose::Server, limits.total, sessions.transfers),
        ] {
            if !most.allows_one_more(count) {
                return Err(whose);
            }
        }
        sessions.change(user, |usage| usage.transfers += 1);
        sessions.transfers += 1;
        *sessions.transfers_of_address.entry(address).or_default() += 1;
        Ok(TransferRoom { user: user.clone(), address, sessions: Arc::clone(&self.sessions) })
    }
}

impl Registry {
    /// Sets bytes aside that a user is about to download, until what is set aside is dropped; `None` when they may not
    /// have so many besides those that others of their sessions download now.
    pub(crate) fn set_aside(&self, user: &User, bytes: u64, most: u64) -> Option<SetAside> {
        let mut sessions = lock(&self.sessions);
        let others = sessions.of_user.get(user).map_or(0, |usage| usage.downloading);
        (others.saturating_add(bytes) <= most).then(|| {
            sessions.change(user, |usage| usage.downloading += bytes);
            SetAside { user: user.clone(), bytes, sessions: Arc::clone(&self.sessions) }
        })
    }
}

/// Bytes that a user is about to download.
#[derive(Debug)]
pub(crate) struct SetAside {
    user: User,
    bytes: u64,
    sessions: Arc<Mutex<Sessions>>,
}

impl Drop for SetAside {
    fn drop(&mut self) {
        lock(&self.sessions).change(&self.user, |usage| usage.downloading -= self.bytes);
    }
}

/// Room for a transfer of a user.
#[derive(Debug)]
pub(crate) struct TransferRoom {
    user: User,
    address: IpAddr,
    sessions: Arc<Mutex<Sessions>>,
}

impl Drop for TransferRoom {
    fn drop(&mut self) {
        let mut sessions = lock(&self.sessions);
        sessions.change(&self.user, |usage| usage.transfers -= 1);
        sessions.transfers -= 1;
        give_back(&mut sessions.transfers_of_address, self.address);
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
        give_back(&mut sessions.handshakes, self.address);
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
        let address = household(self.peer.ip());
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

    /// Notes that nobody is logged in any more.
    pub(crate) fn log_out(&self) {
        let mut sessions = lock(&self.sessions);
        if let Some(user) = sessions.known.get_mut(&self.id).and_then(|known| known.user.take()) {
            sessions.change(&user, |usage| usage.sessions -= 1);
        }
    }

    /// A line for each session that is logged in under the same name as this one.
    pub(crate) fn companions(&self) -> Vec<Vec<u8>> {
        let sessions = lock(&self.sessions);
        let Some(own) = sessions.known.get(&self.id).and_then(|known| known.user.as_ref()) else {
            return Vec::new();
        };
        let mut companions: Vec<(&u64, &Known)> =
            sessions.known.iter().filter(|(_, known)| known.user.as_ref() == Some(own)).collect();
        companions.sort_by_key(|(id, _)| **id);
        let line = |(id, known): (&u64, &Known)| {
            format!("{id} from {} for {} s", known.peer, known.since.elapsed().as_secs()).into_bytes()
        };
        companions.into_iter().map(line).collect()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.log_out();
        let mut sessions = lock(&self.sessions);
        sessions.known.remove(&self.id);
        give_back(&mut sessions.of_address, household(self.peer.ip()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t28_one_address_cannot_lock_out_the_others() {
        let (registry, limits) = (Registry::default(), SessionLimits { total: 3, per_address: 2 });
        let peer = |last: u8| SocketAddr::from(([127, 0, 0, last], 1));
        let first = registry.enter(peer(1), limits).unwrap();
        let _second = registry.enter(peer(1), limits).unwrap();
        assert_eq!(registry.enter(peer(1), limits).unwrap_err(), Refusal::Address);
        let _third = registry.enter(peer(2), limits).unwrap();
        assert_eq!(registry.enter(peer(3), limits).unwrap_err(), Refusal::Server);
        let (other, tight) = (Registry::default(), SessionLimits { total: 3, per_address: 1 });
        let _one = other.enter("[2001:db8::1]:1".parse().unwrap(), tight).unwrap();
        assert_eq!(other.enter("[2001:db8::2]:1".parse().unwrap(), tight).unwrap_err(), Refusal::Address);
        other.enter("[2001:db8:0:1::1]:1".parse().unwrap(), tight).unwrap();
        drop(first);
        registry.enter(peer(1), limits).unwrap();
    }
}
