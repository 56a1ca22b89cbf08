//! `SSCN`: whether this side begins TLS on data connections, as one of two servers has to that transfer between each
//! other. No RFC has it; it is as ProFTPD, Serv-U and RaidenFTPD have it: it holds until `SSCN OFF`, and without an
//! argument it tells how it stands.

use crate::server::replies;
use crate::server::session::{Answer, Session, Step};

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let begins = match argument.to_ascii_uppercase().as_slice() {
        b"" => session.security.begins,
        b"ON" => {
            session.allow_beginning()?;
            true
        }
        b"OFF" => false,
        _ => return Err(replies::bad_argument("SSCN [ON|OFF]")),
    };
    if begins != session.security.begins {
        // Where a data connection is awaited, it is awaited as it was announced.
        session.drop_data();
    }
    session.security.begins = begins;
    Ok(Step::Reply(replies::secure_client(begins)))
}
