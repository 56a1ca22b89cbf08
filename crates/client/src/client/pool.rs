//! Connections to one server, to whom they are lent, and what was learned by them.

use crate::connection::Connection;
use portolan_proto::client::Way;
use std::sync::Arc;

/// Downloads that are asked for ahead on a connection whose server keeps one data connection for them.
const IN_BLOCKS_MAX: usize = 32;

/// Uploads that are. Each is sent when the server has the one before, so that more of them would only wait.
const UPLOADS_MAX: usize = 8;

/// What a connection is lent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loan {
    /// To one who does not want others beside.
    Alone,
    /// Small downloads, of several.
    Downloads,
    /// Small uploads, of several.
    Uploads,
}

/// A connection, and how many use it.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) connection: Arc<Connection>,
    pub(super) users: usize,
    /// Who uses it does not want others beside.
    pub(super) alone: bool,
    /// It is of no use any more, but for those who still use it.
    pub(super) given_up: bool,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) held: Vec<Held>,
    /// Connections that are being opened.
    pub(super) opening: usize,
    /// Connections that there may be.
    pub(super) most: usize,
    /// There was a connection once.
    pub(super) reached: bool,
    /// Data connections could not resume TLS 1.3.
    pub(super) tls12: bool,
    /// Ways that lead nowhere.
    pub(super) unfit: Vec<Way>,
    /// The way that the last connection went.
    pub(super) way: Option<Way>,
    /// Something was odd: nothing is asked for ahead any more.
    pub(super) odd: bool,
}

impl State {
    /// How many a connection is lent to at a time.
    pub(super) fn depth(&self, connection: &Connection, loan: Loan) -> usize {
        match (loan, connection.features().offers_blocks()) {
            (Loan::Alone, _) => 1,
            _ if self.odd => 1,
            (Loan::Downloads, true) => IN_BLOCKS_MAX,
            // The next one's data connection is asked for as soon as this one's data has ended, or before.
            (Loan::Downloads, false) => 2,
            (Loan::Uploads, true) => UPLOADS_MAX,
            (Loan::Uploads, false) => 1,
        }
    }

    /// One of the connections that there are, if there is one for this.
    pub(super) fn find(&mut self, loan: Loan) -> Option<Arc<Connection>> {
        let alone = loan == Loan::Alone;
        self.held.retain(|held| held.users > 0 || !(held.given_up || held.connection.is_over()));
        let depths = self.held.iter().map(|held| self.depth(&held.connection, loan));
        let depths: Vec<usize> = depths.collect();
        let full = self.held.len() + self.opening >= self.most;
        let fits = |held: &Held, depth: usize| match held.users {
            _ if held.given_up || held.connection.is_over() => false,
            0 => true,
            _ if alone || held.alone => false,
            // A session of its own is quicker, where one transfer waits for another.
            users => users < depth && (full || depth == IN_BLOCKS_MAX),
        };
        let places = self.held.iter_mut().zip(depths).filter(|(held, depth)| fits(held, *depth));
        let (held, _) = places.min_by_key(|(held, _)| held.users)?;
        held.users += 1;
        held.alone = alone;
        Some(Arc::clone(&held.connection))
    }
}
