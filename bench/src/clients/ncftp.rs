//! ncftp, which knows no TLS: `ncftpget` and `ncftpput`.

use super::{PASSWORD, Task, Towards, words};
use crate::servers::PORT;

pub(super) fn line(task: &Task<'_>) -> Vec<String> {
    let program = if task.towards == Towards::Here { "ncftpget" } else { "ncftpput" };
    let mut line = words(&format!("{program} -V -u {} -p {PASSWORD} -P {PORT}", task.user()));
    if task.place.active {
        line.push("-E".to_owned());
    }
    line.push(task.place.address.to_string());
    match task.towards {
        Towards::Here => {
            line.push(task.local());
            line.extend(task.remote_files());
        }
        Towards::There => {
            line.push(task.folder());
            line.extend(task.local_files());
        }
    }
    line
}
