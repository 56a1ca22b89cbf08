//! `MD5`: MD5 of a file (draft-twine-ftpmd5).

use crate::server::replies;
use crate::server::session::{Answer, Session};
use portolan_wire::hash::Algorithm;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    let path = session.login.path(argument)?;
    let named = path.clone();
    let reply = move |text: &str, _: &_| replies::file_digest(&named, text);
    Ok(super::hash::of_file(path, Algorithm::Md5, 0..u64::MAX, reply))
}
