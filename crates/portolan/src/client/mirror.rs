//! `portolan mirror`.

use super::bookmarks::{self, is_remote};
use super::place::Place;
use super::progress::Tell;
use super::reach::with;
use super::report::{Outcome, at};
use crate::Exit;
use crate::args::{Reach, Transfer, Wishes};
use globset::{Glob, GlobSet, GlobSetBuilder};
use indicatif::HumanBytes;
use portolan_client::Client;
use portolan_client::mirror::{Action, Mirroring, Plan, Step, Towards};
use portolan_wire::received::printable;
use serde_json::json;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

pub(super) async fn run(
    from: &str,
    to: &str,
    wishes: &Wishes,
    transfer: &Transfer,
    reach: &Reach,
) -> Result<(), Exit> {
    let (url, local, towards) = match (is_remote(from), is_remote(to)) {
        (true, false) => (from, to, Towards::Here),
        (false, true) => (to, from, Towards::There),
        (true, true) => {
            return Err(Exit::wrong("one of both has to be a folder here; with a colon in its name, ./NAME"));
        }
        (false, false) => return Err(Exit::wrong("one of both has to be a URL, like ftp://host/folder/")),
    };
    let url = bookmarks::url(url)?;
    let act = async |client: &Client, place: &Place| {
        make_alike(client, place, Path::new(local), towards, wishes, transfer, reach).await
    };
    with(&url, reach, transfer.sessions(), act).await
}

/// Makes a folder here like one of a server, or the other way round.
pub(super) async fn make_alike(
    client: &Client,
    place: &Place,
    local: &Path,
    towards: Towards,
    wishes: &Wishes,
    transfer: &Transfer,
    reach: &Reach,
) -> Result<(), Exit> {
    let (include, exclude) = (set(&wishes.include)?, set(&wishes.exclude)?);
    let wanted = |path: &[u8], is_directory: bool| {
        let path = Path::new(OsStr::from_bytes(path));
        let matches =
            |set: &GlobSet| set.is_match(path) || path.file_name().is_some_and(|name| set.is_match(name));
        !matches(&exclude) && (is_directory || include.is_empty() || matches(&include))
    };
    let how = Mirroring {
        towards,
        local,
        remote: &place.path,
        delete: wishes.delete,
        newer: wishes.newer,
        wanted: &wanted,
        representation: place.representation(transfer),
        keep_times: !transfer.no_times,
    };
    let plan = client.plan(&how).await.map_err(|error| at(place, &error))?;
    for doubt in plan.doubts.iter().chain(&plan.conflicts) {
        eprintln!("portolan: {doubt}");
    }
    if wishes.delete && !plan.doubts.is_empty() {
        eprintln!("portolan: nothing is deleted, since there may be more than was seen");
    }
    if !reach.quiet && !plan.left_out.is_empty() {
        eprintln!("portolan: {} left out (-v says which)", plan.left_out.len());
    }
    if reach.verbose {
        plan.left_out.iter().for_each(|left| eprintln!("* left out: {left}"));
    }
    if plan.deletions() > wishes.max_delete && !wishes.dry_run {
        return Err(Exit::failed(format!(
            "{} files and folders would be deleted, more than --max-delete {}; nothing was done",
            plan.deletions(),
            wishes.max_delete
        )));
    }
    if wishes.dry_run {
        let mut out = std::io::stdout().lock();
        // Who has seen enough closes it.
        let _ = plan.actions.iter().try_for_each(|action| writeln!(out, "{}", line(action)));
        tell(&plan, reach, "would be");
        return Ok(());
    }
    let outcome = carry_out(client, &plan, &how, transfer, reach).await.map_err(|error| at(place, &error))?;
    if outcome.failed() == 0 {
        tell(&plan, reach, "were");
    }
    match (outcome.failed(), plan.doubts.is_empty() && plan.conflicts.is_empty()) {
        (0, true) => Ok(()),
        (0, false) => Err(Exit::failed("not everything is alike")),
        (failed, _) => {
            eprintln!("portolan: {failed} of {} could not be done:", plan.actions.len());
            outcome.end()
        }
    }
}

fn set(globs: &[Glob]) -> Result<GlobSet, Exit> {
    let mut builder = GlobSetBuilder::new();
    for glob in globs {
        builder.add(glob.clone());
    }
    builder.build().map_err(|error| Exit::wrong(error.to_string()))
}

fn line(action: &Action) -> String {
    let path = printable(action.path());
    match action {
        Action::MakeFolder(_) => format!("+ {path}/"),
        Action::Copy { .. } => format!("+ {path}"),
        Action::Delete(_) => format!("- {path}"),
        Action::DeleteFolder(_) => format!("- {path}/"),
    }
}

fn copies(plan: &Plan) -> usize {
    plan.actions.iter().filter(|action| matches!(action, Action::Copy { .. })).count()
}

fn tell(plan: &Plan, reach: &Reach, were: &str) {
    if !reach.quiet {
        eprintln!(
            "portolan: {} files of {} {were} copied, {} deleted; {} were alike",
            copies(plan),
            HumanBytes(plan.bytes()),
            plan.deletions(),
            plan.alike
        );
    }
}

async fn carry_out(
    client: &Client,
    plan: &Plan,
    how: &Mirroring<'_>,
    transfer: &Transfer,
    reach: &Reach,
) -> portolan_client::Result<Outcome> {
    let tell = Tell::new(transfer, reach);
    let total = tell.total();
    let (running, done) = (Mutex::new(HashMap::new()), Mutex::new(0_u64));
    let outcome = Mutex::new(Outcome::default());
    let all = plan.bytes();
    let step = |step: Step<'_>| {
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
        match step {
            Step::Begin(action @ Action::Copy { path, size, .. }) => {
                running.insert(action.path().to_vec(), (tell.begin(path, *size), 0));
            }
            Step::At(Action::Copy { path, size, .. }, bytes) => {
                if let Some((one, at)) = running.get_mut(path) {
                    one.at(bytes, *size);
                    *done += bytes.saturating_sub(*at);
                    *at = bytes;
                    total.at(*done, Some(all));
                }
            }
            Step::Done(action) => {
                if let Some((one, bytes)) = running.remove(action.path()) {
                    one.done_as_one(Some(bytes));
                }
                if !action.deletes() {
                    tell.line(&line(action));
                }
            }
            Step::Failed(action, error) => {
                if let Some((one, _)) = running.remove(action.path()) {
                    one.failed(error);
                }
                let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
                outcome.note(Err(at(&printable(action.path()), error)));
            }
            _ => {}
        }
    };
    let failed = client.apply(plan, how, &step).await?;
    tell.event(|| {
        json!({
            "event": "end",
            "actions": plan.actions.len(),
            "failed": failed,
            "bytes": done.into_inner().unwrap_or_else(PoisonError::into_inner),
            "alike": plan.alike,
        })
    });
    drop(running);
    Ok(outcome.into_inner().unwrap_or_else(PoisonError::into_inner))
}
