//! Portolan's client.

use super::{Task, Towards, words};
use crate::machine;
use std::io;

/// Files that are named.
pub(super) fn files(task: &Task<'_>) -> io::Result<Vec<String>> {
    let mut line = vec![machine::portolan()?.display().to_string()];
    match task.towards {
        Towards::Here => {
            line.push("get".to_owned());
            line.extend(task.urls());
            line.extend(["--output".to_owned(), task.local()]);
        }
        Towards::There => {
            line.push("put".to_owned());
            line.extend(task.local_files());
            line.push(task.url());
        }
    }
    line.extend(reach(task));
    Ok(line)
}

/// A folder with all that is in it.
pub(super) fn mirror(task: &Task<'_>, jobs: Option<u16>) -> io::Result<Vec<String>> {
    let mut line = vec![machine::portolan()?.display().to_string(), "mirror".to_owned()];
    line.extend(match task.towards {
        Towards::Here => [task.url(), task.local()],
        Towards::There => [task.local(), task.url()],
    });
    line.extend(jobs.into_iter().flat_map(|jobs| words(&format!("--jobs {jobs}"))));
    line.extend(reach(task));
    Ok(line)
}

fn reach(task: &Task<'_>) -> Vec<String> {
    let mut words = words(match task.certificate() {
        Some(_) => "--tls required --ca",
        // It would use it wherever it is offered.
        None => "--tls off",
    });
    words.extend(task.certificate());
    if task.place.active {
        words.extend(super::words("--mode active"));
    }
    words
}
