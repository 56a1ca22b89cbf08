//! `EPRT`: active mode over either family (RFC 2428 §2).

use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use portolan_wire::ExtendedAddress;
use portolan_wire::address::Family;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    if session.quirks.not_extended {
        return Err(replies::not_offered());
    }
    session.allow_setup()?;
    let family = Family::of(session.peer.ip());
    let target = ExtendedAddress::parse(argument).map_err(|error| {
        replies::address_error(error, replies::use_family(family), &replies::eprt_syntax(session.peer))
    })?;
    // The other family can never be the peer's own address.
    if Family::of(target.address) != family {
        return Err(replies::use_family(family));
    }
    Ok(Step::Reply(session.set_active(target.address, target.port)))
}
