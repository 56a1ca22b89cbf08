//! curl.

use super::{Task, Towards, words};

pub(super) fn line(task: &Task<'_>, parallel: u16) -> Vec<String> {
    let mut line = words("curl --silent --show-error");
    if parallel > 1 {
        line.extend(words(&format!("--parallel --parallel-max {parallel}")));
    }
    if task.place.active {
        line.extend(words("--ftp-port -"));
    }
    if let Some(certificate) = task.certificate() {
        line.extend(words("--ssl-reqd --cacert"));
        line.push(certificate);
    }
    match task.towards {
        Towards::Here => {
            line.extend(["--remote-name-all".to_owned(), "--output-dir".to_owned(), task.local()]);
            line.extend(task.urls());
        }
        Towards::There => {
            line.extend(task.local_files().flat_map(|file| ["--upload-file".to_owned(), file, task.url()]));
        }
    }
    line
}
