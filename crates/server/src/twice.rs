//! Noticing that a router before this server changes what the server has set right already.
//!
//! A helper in a router that reads the control connection opens what 227 announces, if that is the server's own
//! address. Where the server announces the router's, the helper passes it by, and unless the ports are forwarded
//! nobody gets through; while 229, which says no address, works. What this is not: a proof.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// So many transfers have to fail in the one way, and go well in the other.
const FAILED: u32 = 2;
const WENT: u32 = 1;

/// How passive transfers of clients outside went, by how they were told the port.
#[derive(Debug, Default)]
pub(crate) struct Twice {
    with_address: Ways,
    without: Ways,
    told: AtomicBool,
}

#[derive(Debug, Default)]
struct Ways {
    went: AtomicU32,
    failed: AtomicU32,
}

impl Twice {
    /// Notes that the connection came, or did not, after a reply that tells an address or after one that does
    /// not.
    pub(crate) fn note(&self, with_address: bool, came: bool) {
        let ways = if with_address { &self.with_address } else { &self.without };
        let count = if came { &ways.went } else { &ways.failed };
        count.fetch_add(1, Ordering::Relaxed);
        if self.is_likely() && !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "clients that use PASV do not get through, those that use EPSV do: a router before this server \
                 seems to open the ports that it hears of (a helper, or ALG), but only for this server's own \
                 address; take `announce` out of the settings, or have the router forward the passive ports"
            );
        }
    }

    fn is_likely(&self) -> bool {
        let of = |count: &AtomicU32| count.load(Ordering::Relaxed);
        of(&self.with_address.failed) >= FAILED
            && of(&self.with_address.went) == 0
            && of(&self.without.went) >= WENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_failures_of_one_way_and_success_of_the_other() {
        let twice = Twice::default();
        twice.note(true, false);
        twice.note(true, false);
        assert!(!twice.is_likely(), "nothing works");
        twice.note(false, true);
        assert!(twice.is_likely());
        twice.note(true, true);
        assert!(!twice.is_likely(), "it works");
    }
}
