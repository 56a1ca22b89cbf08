//! How many connections may show whose they are at one time.

use std::net::IpAddr;
use std::sync::{Arc, Weak};

/// Leave to show whose a connection is, until it is dropped.
pub(super) type Visit = Arc<IpAddr>;

/// Those that do.
#[derive(Debug)]
pub(super) struct Visitors {
    visits: Vec<Weak<IpAddr>>,
    total: usize,
    of_address: usize,
}

impl Visitors {
    /// Room for so many, and for so many of one address.
    pub(super) fn new(total: usize, of_address: usize) -> Visitors {
        Visitors { visits: Vec::new(), total, of_address }
    }

    /// Lets one more in, if there is room for it.
    pub(super) fn admit(&mut self, peer: IpAddr) -> Option<Visit> {
        self.visits.retain(|visitor| visitor.strong_count() > 0);
        // Of IPv6 everybody has all of the second half.
        let near = |visitor: &Visit| match (**visitor, peer) {
            (IpAddr::V6(one), IpAddr::V6(other)) => one.to_bits() >> 64 == other.to_bits() >> 64,
            (one, other) => one == other,
        };
        let of_address = self.visits.iter().filter_map(Weak::upgrade).filter(near).count();
        let visit = Arc::new(peer);
        (self.visits.len() < self.total && of_address < self.of_address).then(|| {
            self.visits.push(Arc::downgrade(&visit));
            visit
        })
    }
}
