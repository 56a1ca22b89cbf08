//! rclone, which has no active mode.

use super::{Task, Towards, words};
use crate::servers::PORT;

/// The password as rclone wants to be told: `rclone obscure x`.
const OBSCURED: &str = "T3ZHmvaeRFawfM5SgY096VM";

pub(super) fn line(task: &Task<'_>, transfers: Option<u16>) -> Vec<String> {
    let remote = format!(":ftp:{}", task.folder());
    let mut line = words("rclone sync");
    line.extend(match task.towards {
        Towards::Here => [remote, task.local()],
        Towards::There => [task.local(), remote],
    });
    let (user, address) = (task.user(), task.place.address);
    line.extend(words(&format!(
        "--ftp-host {address} --ftp-port {PORT} --ftp-user {user} --ftp-pass {OBSCURED}"
    )));
    line.extend(transfers.into_iter().flat_map(|count| words(&format!("--transfers {count}"))));
    // It would fetch a large file in four ranges, which vsftpd takes for broken off: what comes out has other bytes.
    line.extend(words("--multi-thread-streams 0"));
    if task.certificate().is_some() {
        // For FTP it trusts nobody but the system's authorities, and with TLS 1.3 it takes vsftpd's end for broken off.
        line.extend(words("--ftp-explicit-tls --ftp-no-check-certificate --ftp-disable-tls13"));
    }
    line
}
