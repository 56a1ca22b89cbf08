//! `XSHA`: SHA-1 of a file or of a part of it.

use crate::server::session::{Answer, Session};
use portolan_wire::hash::Algorithm;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    super::hash::of_range(session, argument, Algorithm::Sha1)
}
