//! `LPSV`: passive mode as IPv6 had it first (RFC 1639 §3).

use crate::server::replies;
use crate::server::session::{Answer, Session};
use portolan_wire::LongAddress;

pub(crate) fn run(session: &mut Session, _: &[u8]) -> Answer {
    session.allow_setup()?;
    Ok(super::pasv::listen(session, true, |address| {
        replies::long_passive(LongAddress { address: address.ip(), port: address.port() })
    }))
}
