//! `ALLO`: storage needs no allocation (RFC 959 §4.1.3).

use crate::server::replies;
use crate::server::session::{Answer, Session, Step};

pub(crate) fn run(_: &mut Session, argument: &[u8]) -> Answer {
    let text = std::str::from_utf8(argument).unwrap_or_default();
    let mut words = text.split(' ');
    let sizes = match (words.next(), words.next(), words.next(), words.next()) {
        (Some(size), None, None, None) => [size, "0"],
        (Some(size), Some("R" | "r"), Some(record), None) => [size, record],
        _ => [""; 2],
    };
    // A sign is no digit, though Rust's parser takes one.
    if sizes.iter().any(|size| size.starts_with('+') || size.parse::<u64>().is_err()) {
        return Err(replies::bad_argument("ALLO bytes [R bytes]"));
    }
    Ok(Step::Reply(replies::no_storage_needed()))
}
