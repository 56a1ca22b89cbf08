//! `LIST`: lists for people (RFC 959 §4.1.3).

use crate::server::effect::Listing;
use crate::server::session::{Answer, Session};

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let (options, path) = session.listing_options(argument);
    let path = session.login.path_or_here(path)?;
    session.list(path, Listing::Long(options))
}
