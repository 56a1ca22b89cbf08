//! `DSIZ`: bytes of all files in a directory (draft-peterson-streamlined-ftp-command-extensions).

use crate::server::effect::Storage;
use crate::server::session::{Answer, Session};

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    Ok(super::number_of(Storage::Usage(session.login.path_or_here(argument)?)))
}
