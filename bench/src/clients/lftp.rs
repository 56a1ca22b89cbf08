//! lftp.

use super::{PASSWORD, Task, Towards};
use crate::servers::PORT;

/// Files that are named.
pub(super) fn files(task: &Task<'_>, sync: bool) -> Vec<String> {
    let (verb, files, into): (_, Vec<String>, _) = match task.towards {
        Towards::Here => ("get", task.remote_files().collect(), task.local()),
        Towards::There => ("put", task.local_files().collect(), task.folder()),
    };
    line(task, sync, &format!("{verb} -O {into} {}", files.join(" ")))
}

/// A folder with all that is in it.
pub(super) fn mirror(task: &Task<'_>, parallel: u16, sync: bool) -> Vec<String> {
    let folders = match task.towards {
        Towards::Here => format!("{} {}", task.folder(), task.local()),
        Towards::There => format!("--reverse {} {}", task.local(), task.folder()),
    };
    line(task, sync, &format!("mirror --parallel={parallel} {folders}"))
}

fn line(task: &Task<'_>, sync: bool, command: &str) -> Vec<String> {
    // It would try for ever.
    let mut script = "set net:max-retries 3; ".to_owned();
    if !sync {
        script += "set ftp:sync-mode off; ";
    }
    if task.place.active {
        script += "set ftp:passive-mode off; ";
    }
    match task.certificate() {
        Some(path) => script += &format!("set ftp:ssl-force yes; set ssl:ca-file {path}; "),
        // It would use it wherever it is offered.
        None => script += "set ftp:ssl-allow no; ",
    }
    script +=
        &format!("open -u {},{PASSWORD} -p {PORT} ftp://{}; {command}", task.user(), task.place.address);
    ["lftp".to_owned(), "-c".to_owned(), script].to_vec()
}
