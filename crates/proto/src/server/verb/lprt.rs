//! `LPRT`: active mode as IPv6 had it first (RFC 1639 §3).

use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use portolan_wire::LongAddress;
use portolan_wire::address::Family;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    session.allow_setup()?;
    let family = Family::of(session.peer.ip());
    let target = LongAddress::parse(argument).map_err(|error| {
        let syntax = "LPRT family,length,address…,length,port…";
        replies::address_error(error, replies::use_long_family(family), syntax)
    })?;
    if Family::of(target.address) != family {
        return Err(replies::use_long_family(family));
    }
    Ok(Step::Reply(session.set_active(target.address, target.port)))
}
