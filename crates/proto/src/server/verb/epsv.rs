//! `EPSV`: passive mode without an address (RFC 2428 §3).

use super::pasv::listen;
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use portolan_wire::address::Family;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    if session.quirks.not_extended {
        return Err(replies::not_offered());
    }
    let family = Family::of(session.peer.ip());
    match argument {
        b"" => {}
        _ if argument.eq_ignore_ascii_case(b"ALL") => {
            session.epsv_all = true;
            return Ok(Step::Reply(replies::okay("Only EPSV from now on")));
        }
        _ if !argument.iter().all(u8::is_ascii_digit) => return Err(replies::bad_argument("EPSV [1|2|ALL]")),
        _ if argument != [b'0' + family.extended_number()] => return Err(replies::use_family(family)),
        _ => {}
    }
    Ok(listen(session, false, |address| replies::extended_passive(address.port())))
}
