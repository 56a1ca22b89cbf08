//! How many connections that belong to nobody by their address may show whose they are at one time.

use std::net::IpAddr;
use std::sync::{Arc, Weak};

/// All of them.
const VISITORS: usize = 64;

/// Those of one address.
const VISITORS_OF_ADDRESS: usize = 8;

/// Leave to show whose a connection is, until it is dropped.
pub(super) type Visit = Arc<IpAddr>;

/// Those that do.
#[derive(Debug, Default)]
pub(super) struct Visitors(Vec<Weak<IpAddr>>);

impl Visitors {
    /// Lets one more in, if there is room for it.
    pub(super) fn admit(&mut self, peer: IpAddr) -> Option<Visit> {
        self.0.retain(|visitor| visitor.strong_count() > 0);
        // Of IPv6 everybody has all of the second half.
        let near = |visitor: &Visit| match (**visitor, peer) {
            (IpAddr::V6(one), IpAddr::V6(other)) => one.to_bits() >> 64 == other.to_bits() >> 64,
            (one, other) => one == other,
        };
        let of_address = self.0.iter().filter_map(Weak::upgrade).filter(near).count();
        let visit = Arc::new(peer);
        (self.0.len() < VISITORS && of_address < VISITORS_OF_ADDRESS).then(|| {
            self.0.push(Arc::downgrade(&visit));
            visit
        })
    }
}
