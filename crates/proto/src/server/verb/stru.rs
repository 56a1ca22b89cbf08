//! `STRU`: file structure (RFC 959 §4.1.2).

use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use portolan_wire::parameters::Structure;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    session.parameters.structure = Structure::parse(argument).map_err(replies::parameter)?;
    Ok(Step::Reply(replies::okay("Structure set")))
}
