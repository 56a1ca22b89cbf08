//! What users have moved, where that counts for something.

use crate::{Accounts, StoreError};
use std::sync::PoisonError;

/// Bytes that somebody has moved in all their sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// To the server.
    pub up: u64,
    /// From the server.
    pub down: u64,
}

impl Tally {
    pub(crate) fn plus(self, other: Tally) -> Tally {
        Tally { up: self.up.saturating_add(other.up), down: self.down.saturating_add(other.down) }
    }
}

impl Accounts {
    /// What the user of this name has moved so far. Without a store, what was moved before the last change of the
    /// configuration is forgotten.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn tally(&self, name: &str) -> Result<Tally, StoreError> {
        match &self.store {
            Some((store, host)) => store.tally(host, name).await,
            None => {
                let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(tallies.get(name).copied().unwrap_or_default())
            }
        }
    }

    /// Adds what the user of this name has moved.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn note_moved(&self, name: &str, more: Tally) -> Result<(), StoreError> {
        if let Some((store, host)) = &self.store {
            return store.add_to_tally(host, name, more).await;
        }
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = tallies.entry(name.to_owned()).or_default();
        *tally = tally.plus(more);
        Ok(())
    }
}
