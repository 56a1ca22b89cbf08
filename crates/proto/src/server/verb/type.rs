//! `TYPE`: representation type (RFC 959 §4.1.2).

use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use portolan_wire::parameters::Representation;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let representation = Representation::parse(argument);
    session.parameters.representation = match representation {
        _ if session.quirks.binary => Representation::Image,
        known => known.map_err(replies::parameter)?,
    };
    Ok(Step::Reply(replies::okay("Type set")))
}
