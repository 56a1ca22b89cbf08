//! `CPSV`: passive mode for the data of another server, with which this side begins TLS. No RFC has it; it is as ioFTPD
//! and glftpd brought it up. It concerns this one data connection, and `SSCN` need not be said.

use super::pasv::listen_with_address;
use crate::server::effect::Protection;
use crate::server::session::{Answer, Session};

pub(crate) fn run(session: &mut Session, _: &[u8]) -> Answer {
    session.allow_beginning()?;
    listen_with_address(session, Protection::Client)
}
