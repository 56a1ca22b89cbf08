//! Session tickets: what a client is given to keep, so that the server need not (RFC 5077, RFC 8446
//! §4.6.1). Here the identity of a session travels in them.
//!
//! A ticket is an epoch, a nonce, and the rest encrypted and sealed by AES-256-GCM with a key that is
//! derived from the ticket key for the epoch. Nodes with one ticket key need not speak to each other.

use super::Identity;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// How long a key is used for new tickets, in seconds.
const EPOCH_LENGTH: u64 = 24 * 60 * 60;

/// How long tickets are taken after the epoch that they were made in: some clients show the one of the
/// control connection for as long as that lasts.
const EPOCHS: u64 = 7;

/// How long a ticket can be used at least, in seconds: the longest that TLS 1.3 allows (RFC 8446 §4.6.1).
pub(super) const LIFETIME: u32 = 7 * 24 * 60 * 60;

const IDENTITY: usize = size_of::<Identity>();
const HEAD: usize = size_of::<u64>();

/// What tickets are encrypted with.
#[derive(Clone)]
pub struct TicketKey(Prk);

impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketKey(…)")
    }
}

impl TicketKey {
    /// A new one.
    pub fn random() -> TicketKey {
        let secret: [u8; 32] = rand::random();
        TicketKey::derive(&secret)
    }

    /// The key that belongs to a secret, which should have 256 bits that nobody can guess.
    pub fn derive(secret: &[u8]) -> TicketKey {
        TicketKey(Salt::new(HKDF_SHA256, b"portolan tickets").extract(secret))
    }

    fn of_epoch(&self, epoch: u64) -> Option<LessSafeKey> {
        let info = epoch.to_be_bytes();
        let info = [&info[..]];
        let material = self.0.expand(&info, &AES_256_GCM).ok()?;
        Some(LessSafeKey::new(UnboundKey::from(material)))
    }

    /// A ticket for this session.
    pub(super) fn seal(&self, identity: Identity, state: &[u8]) -> Option<Vec<u8>> {
        self.seal_at(epoch_now()?, identity, state)
    }

    fn seal_at(&self, epoch: u64, identity: Identity, state: &[u8]) -> Option<Vec<u8>> {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = [&identity.0.to_be_bytes()[..], state].concat();
        let key = self.of_epoch(epoch)?;
        let head = epoch.to_be_bytes();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(head), &mut sealed)
            .ok()?;
        Some([&head[..], &nonce, &sealed].concat())
    }

    /// Whose ticket it is, and its state; nothing for what is none of ours, or too old.
    pub(super) fn open(&self, ticket: &[u8]) -> Option<(Identity, Vec<u8>)> {
        self.open_at(epoch_now()?, ticket)
    }

    fn open_at(&self, now: u64, ticket: &[u8]) -> Option<(Identity, Vec<u8>)> {
        let (head, rest) = ticket.split_first_chunk::<HEAD>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let epoch = u64::from_be_bytes(*head);
        // The clocks of two nodes may differ a little.
        if epoch > now.saturating_add(1) || now.saturating_sub(epoch) > EPOCHS {
            return None;
        }
        let mut sealed = sealed.to_vec();
        let key = self.of_epoch(epoch)?;
        let opened =
            key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(*head), &mut sealed).ok()?;
        let (identity, state) = opened.split_first_chunk::<IDENTITY>()?;
        Some((Identity(u128::from_be_bytes(*identity)), state.to_vec()))
    }
}

fn epoch_now() -> Option<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_secs() / EPOCH_LENGTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_comes_back_on_every_node_with_the_key_and_on_no_other() {
        let identity = Identity::random();
        let ticket = TicketKey::derive(b"shared secret").seal(identity, b"state").unwrap();
        let other_node = TicketKey::derive(b"shared secret");
        assert_eq!(other_node.open(&ticket), Some((identity, b"state".to_vec())));
        assert_eq!(TicketKey::random().open(&ticket), None);
    }

    #[test]
    fn what_was_changed_is_no_ticket() {
        let key = TicketKey::random();
        let ticket = key.seal(Identity::random(), b"state").unwrap();
        for place in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[place] ^= 1;
            assert_eq!(key.open(&changed), None, "byte {place}");
            assert_eq!(key.open(&ticket[..place]), None, "{place} bytes");
        }
    }

    #[test]
    fn a_ticket_works_for_a_week() {
        let (key, identity) = (TicketKey::random(), Identity::random());
        let ticket = key.seal_at(100, identity, b"").unwrap();
        for (now, works) in [(98, false), (99, true), (100, true), (107, true), (108, false)] {
            assert_eq!(key.open_at(now, &ticket).is_some(), works, "{now}");
        }
    }
}
