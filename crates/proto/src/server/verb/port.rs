//! `PORT`: active mode over IPv4 (RFC 959 §4.1.2).

use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use portolan_wire::HostPort;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    session.allow_setup()?;
    let target = HostPort::parse(argument).map_err(|_| replies::bad_argument("PORT h1,h2,h3,h4,p1,p2"))?;
    Ok(Step::Reply(session.set_active(target.address.into(), target.port)))
}
