//! wget, which only fetches.

use super::{Task, words};

pub(super) fn line(task: &Task<'_>) -> Vec<String> {
    let mut line = words("wget --quiet --recursive --no-directories --directory-prefix");
    line.push(task.local());
    if task.place.active {
        line.push("--no-passive-ftp".to_owned());
    }
    let url = task.url();
    match task.certificate() {
        Some(certificate) => {
            line.push(format!("--ca-certificate={certificate}"));
            // With this scheme it says `AUTH TLS`, unless it is told not to.
            line.push(url.replacen("ftp:", "ftps:", 1));
        }
        None => line.push(url),
    }
    line
}
