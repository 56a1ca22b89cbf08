//! `MLSD`: lists for programs (RFC 3659 §7).

use crate::server::effect::Listing;
use crate::server::session::{Answer, Session};

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let path = session.login.path_or_here(argument)?;
    session.list(path, Listing::Facts(session.facts))
}
