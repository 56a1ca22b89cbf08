//! How two servers come together: which one listens, and which one begins TLS.

use crate::connection::Connection;
use crate::error::{Error, Result};
use portolan_proto::client::{Host, Way, destination};
use portolan_wire::passive::{parse_227, parse_229};
use portolan_wire::received::printable;
use portolan_wire::{ExtendedAddress, HostPort, Received, Verb};
use std::net::{IpAddr, SocketAddr};

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Source,
    Target,
}

impl Side {
    fn other(self) -> Side {
        match self {
            Side::Source => Side::Target,
            Side::Target => Side::Source,
        }
    }

    fn of<'a>(self, from: &'a Connection, to: &'a Connection) -> &'a Connection {
        match self {
            Side::Source => from,
            Side::Target => to,
        }
    }
}

/// How a server is told to begin TLS, which it otherwise leaves to who connects to its control port (RFC 4217 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begins {
    /// By `CPSV`, where it listens: for one data connection.
    Cpsv,
    /// By `SSCN ON`, from then on.
    Sscn(Side),
}

/// A way to come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meeting {
    listens: Side,
    /// Nothing where the data is not protected.
    begins: Option<Begins>,
}

impl Meeting {
    /// All that these two say they can do, the best first.
    pub(super) fn all(from: &Connection, to: &Connection) -> Result<Vec<Meeting>> {
        let sides = [Side::Target, Side::Source];
        match (from.protection().1, to.protection().1) {
            (false, false) => return Ok(sides.map(|listens| Meeting { listens, begins: None }).to_vec()),
            (true, true) => {}
            _ => {
                let text = "one of the servers protects its data, and the other does not";
                return Err(Error::Strange(text.to_owned()));
            }
        }
        let offers = |side: Side, what| side.of(from, to).features().offers(what);
        // Who connects is told the address of the other one. If that is who listens and begins as well, both know from what
        // they are told that another server is there.
        let both = sides.map(|listens| {
            let begins = if offers(listens, "CPSV") && listens.of(from, to).peer().is_ipv4() {
                Some(Begins::Cpsv)
            } else {
                offers(listens, "SSCN").then_some(Begins::Sscn(listens))
            };
            (listens, begins)
        });
        let apart = sides.map(|listens| {
            let connects = listens.other();
            (listens, offers(connects, "SSCN").then_some(Begins::Sscn(connects)))
        });
        let meetings: Vec<Meeting> = both
            .into_iter()
            .chain(apart)
            .filter_map(|(listens, begins)| Some(Meeting { listens, begins: Some(begins?) }))
            .collect();
        if meetings.is_empty() {
            let text = "neither server can begin TLS with the other: one of them has to know SSCN or CPSV";
            return Err(Error::Strange(text.to_owned()));
        }
        Ok(meetings)
    }

    /// Has one server listen, and tells the other where.
    pub(super) async fn prepare(self, from: &Connection, to: &Connection) -> Result<()> {
        for connection in [from, to] {
            connection.demand(Verb::Type, Some(b"I")).await?;
        }
        if let Some(Begins::Sscn(side)) = self.begins {
            side.of(from, to).demand(Verb::Sscn, Some(b"ON")).await?;
        }
        let listening = self.listens.of(from, to);
        let place = match listening.peer().ip() {
            IpAddr::V4(_) => {
                let verb = if self.begins == Some(Begins::Cpsv) { Verb::Cpsv } else { Verb::Pasv };
                let reply = listening.demand(verb, None).await?;
                let said = found(&reply, parse_227)?;
                let peer = Host::Address(listening.peer().ip());
                // What must not lead this side into its own network, must not lead the other server into its.
                let place = destination(Way::Announced, said, &peer).unwrap_or_else(|_| peer.at(said.port));
                place.address().ok_or_else(|| Error::Strange(format!("{place} is no address")))?
            }
            // 229 has no address: it is the one of the control connection (RFC 2428 §3).
            address @ IpAddr::V6(_) => {
                let reply = listening.demand(Verb::Epsv, None).await?;
                SocketAddr::new(address, found(&reply, parse_229)?)
            }
        };
        let connecting = self.listens.other().of(from, to);
        let told = match place {
            SocketAddr::V4(place) => {
                let place = HostPort { address: *place.ip(), port: place.port() };
                connecting.demand(Verb::Port, Some(place.to_string().as_bytes())).await
            }
            SocketAddr::V6(place) => {
                let place = ExtendedAddress { address: (*place.ip()).into(), port: place.port() };
                connecting.demand(Verb::Eprt, Some(place.to_string().as_bytes())).await
            }
        };
        told.map(|_| ())
    }

    /// Has everything as it was before.
    pub(super) async fn end(self, from: &Connection, to: &Connection) {
        if let Some(Begins::Sscn(side)) = self.begins {
            // Where that does not work, the connection is over, or it never was.
            let _ = side.of(from, to).ask(Verb::Sscn, Some(b"OFF")).await;
        }
    }
}

/// What is to be in the reply.
fn found<T>(reply: &Received, parse: impl Fn(&[u8]) -> Option<T>) -> Result<T> {
    let text = reply.lines.first().map_or(&[][..], Vec::as_slice);
    parse(text).ok_or_else(|| Error::Strange(format!("no address in \"{}\"", printable(text))))
}
