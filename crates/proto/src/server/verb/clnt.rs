//! `CLNT`: what client this is. It matters for clients that are spared something.

use crate::server::replies;
use crate::server::session::{Answer, Session, Step};

/// The longest name that is looked at.
const NAME_MAX: usize = 256;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    if !session.settings.devices.is_empty() {
        session.client = argument[..argument.len().min(NAME_MAX)].to_vec();
        session.recognize();
    }
    Ok(Step::Reply(replies::okay("Noted")))
}
