//! The long link: a client that is far from its server.
//!
//! Servers stay in the network of this program, where the load of other rows is as well; clients are on a host of their
//! own, 50 ms there and back away.

use crate::machine;
use portolan_testkit::network::{End, Host, Network, Quality};
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// The servers' address.
pub(crate) const NEAR: Ipv4Addr = Ipv4Addr::new(10, 50, 0, 1);

/// A gigabit a second, and nothing is lost: what counts are round trips.
const QUALITY: Quality = Quality { delay: Duration::from_millis(25), lost: 0, rate: 125e6 };

/// The link; it is gone when this is dropped.
pub(crate) struct Link {
    /// Where clients are.
    pub(crate) far: Host,
    _network: Network,
}

impl Link {
    pub(crate) fn new() -> io::Result<Link> {
        let mut network = Network::new("bench")?;
        let (here, far) = (network.here()?, network.host("far")?);
        let near = format!("{NEAR}/24");
        network.long_link(&End(&here, "near", &[&near]), &End(&far, "far", &["10.50.0.2/24"]), QUALITY)?;
        far.within(machine::prepare)?;
        Ok(Link { far, _network: network })
    }

    /// What a round trip takes at this moment: how long a connection takes.
    pub(crate) fn round_trip(&self) -> io::Result<Duration> {
        let listener = TcpListener::bind((NEAR, 0))?;
        let address = listener.local_addr()?;
        let connect = || {
            let began = Instant::now();
            TcpStream::connect(address)?;
            Ok(began.elapsed())
        };
        let mut times: Vec<Duration> = (0..5).map(|_| self.far.within(connect)).collect::<io::Result<_>>()?;
        times.sort();
        Ok(times[2])
    }
}
