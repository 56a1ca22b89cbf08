//! How the next data connection is set up.

use super::effect::{Listing, Open, Protection, Target};
use super::replies;
use super::session::{Answer, Session, Step};
use portolan_wire::{Reply, VirtualPath};
use std::net::{IpAddr, SocketAddr};

/// Lowest port that an active data connection may go to (RFC 2577 §3).
const LOWEST_PORT: u16 = 1024;

/// How the next data connection is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataSetup {
    /// By no command: the server connects to the port that the control connection comes from
    /// (RFC 959 §3.2).
    Default,
    /// By `PASV` and its kin; protected so, whatever is agreed on later.
    Passive(Protection),
    /// By `PORT` and its kin.
    Active(SocketAddr),
    /// By the transfer before: in block mode a data connection serves many (RFC 959 §3.3).
    Kept,
}

impl DataSetup {
    pub(super) fn target(self, peer: SocketAddr) -> Target {
        match self {
            DataSetup::Default => Target::Active(peer),
            DataSetup::Passive(_) => Target::Passive,
            DataSetup::Active(address) => Target::Active(address),
            DataSetup::Kept => Target::Kept,
        }
    }
}

/// True for addresses of one host, which is another in each place where it is said to be only if the network is.
fn is_of_one(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            !(address.is_loopback()
                || address.is_unspecified()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast())
        }
        IpAddr::V6(address) => {
            !(address.is_loopback()
                || address.is_unspecified()
                || address.is_unicast_link_local()
                || address.is_multicast())
        }
    }
}

impl Session {
    /// Takes the address of `PORT` and its kin, if it is the peer's own (RFC 2577 §3, §4), or any of another
    /// host, of the same family, where the account may transfer between servers.
    pub(super) fn set_active(&mut self, address: IpAddr, port: u16) -> Reply {
        let own = address == self.peer.ip();
        let meets = self.may_meet_servers() && address.is_ipv4() == self.peer.is_ipv4();
        // To this machine itself nobody is let by that right (RFC 2577 §3).
        let allowed = own || (meets && (is_of_one(address) || self.peer.ip().is_loopback()));
        if !allowed {
            return replies::foreign_address();
        }
        if port < LOWEST_PORT {
            return replies::low_port();
        }
        self.drop_data();
        // The peer's address with its scope, which the command cannot carry.
        let mut target = if own { self.peer } else { SocketAddr::new(address, port) };
        target.set_port(port);
        self.data = DataSetup::Active(target);
        replies::port_taken()
    }

    /// Refuses any other way than `EPSV` once the client has said `EPSV ALL` (RFC 2428 §4).
    pub(super) fn allow_setup(&self) -> Result<(), Reply> {
        if self.epsv_all { Err(replies::only_epsv()) } else { Ok(()) }
    }

    /// Begins a listing.
    pub(super) fn list(&self, path: VirtualPath, listing: Listing) -> Answer {
        self.transfer_of(Open::List { path, listing, parameters: self.parameters })
    }

    /// Begins a transfer over the data connection that is set up.
    pub(super) fn transfer_of(&self, open: Open) -> Answer {
        self.allow_data()?;
        if self.data == DataSetup::Default && self.peer.port() < LOWEST_PORT {
            return Err(replies::low_default_port());
        }
        Ok(Step::Transfer(open))
    }
}
