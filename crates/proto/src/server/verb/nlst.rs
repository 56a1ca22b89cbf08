//! `NLST`: lists names that can be used as arguments as they are (RFC 959 §4.1.3, RFC 1123 §4.1.2.7).

use crate::server::effect::Listing;
use crate::server::session::{Answer, Session};
use portolan_wire::pattern;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let (options, name) = session.listing_options(argument);
    let path = session.login.path_or_here(name)?;
    let listing = Listing::Names { options, prefix: prefix(name) };
    session.list(path, listing)
}

/// What stands before each name: the directory as the client wrote it. The last component of a
/// pattern is the pattern.
fn prefix(name: &[u8]) -> Vec<u8> {
    let last = name.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    if pattern::is_pattern(&name[last..]) {
        return name[..last].to_vec();
    }
    match name {
        b"" | b"." | b"./" => Vec::new(),
        _ if name.ends_with(b"/") => name.to_vec(),
        _ => [name, b"/"].concat(),
    }
}
