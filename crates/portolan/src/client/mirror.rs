//! `portolan mirror`.

use super::progress::Bars;
use super::reach::{client, finish};
use super::report::at;
use crate::Exit;
use crate::args::{Reach, Transfer, parse_url};
use globset::{Glob, GlobSet, GlobSetBuilder};
use indicatif::HumanBytes;
use portolan_client::mirror::{Action, Mirroring, Plan, Step, Towards};
use portolan_wire::parameters::Representation;
use portolan_wire::received::printable;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What is to be done, and what not.
pub(super) struct Wishes {
    pub(super) dry_run: bool,
    pub(super) delete: bool,
    pub(super) max_delete: usize,
    pub(super) newer: bool,
    pub(super) include: Vec<Glob>,
    pub(super) exclude: Vec<Glob>,
}

pub(super) async fn run(
    from: &str,
    to: &str,
    wishes: &Wishes,
    transfer: &Transfer,
    reach: &Reach,
) -> Result<(), Exit> {
    let is_url = |text: &str| text.contains("://");
    let (url, local, towards) = match (is_url(from), is_url(to)) {
        (true, false) => (from, PathBuf::from(to), Towards::Here),
        (false, true) => (to, PathBuf::from(from), Towards::There),
        (true, true) => return Err(Exit::wrong("one of both has to be a folder here")),
        (false, false) => return Err(Exit::wrong("one of both has to be a URL, like ftp://host/folder/")),
    };
    let url = parse_url(url).map_err(Exit::wrong)?;
    let (include, exclude) = (set(&wishes.include)?, set(&wishes.exclude)?);
    let wanted = |path: &[u8], is_directory: bool| {
        let path = Path::new(OsStr::from_bytes(path));
        let matches =
            |set: &GlobSet| set.is_match(path) || path.file_name().is_some_and(|name| set.is_match(name));
        !matches(&exclude) && (is_directory || include.is_empty() || matches(&include))
    };
    let client = client(&url, reach, transfer.sessions()).await?;
    let how = Mirroring {
        towards,
        local: &local,
        remote: &url.path,
        delete: wishes.delete,
        newer: wishes.newer,
        wanted: &wanted,
        representation: if transfer.ascii { Representation::Ascii } else { Representation::Image },
        keep_times: !transfer.no_times,
    };
    let plan = client.plan(&how).await.map_err(|error| at(&url, &error))?;
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
        finish(&url, reach, client).await;
        return Ok(());
    }
    let failed = carry_out(&client, &plan, &how, reach).await.map_err(|error| at(&url, &error))?;
    tell(&plan, reach, "were");
    finish(&url, reach, client).await;
    match (failed, plan.doubts.is_empty() && plan.conflicts.is_empty()) {
        (0, true) => Ok(()),
        (0, false) => Err(Exit::failed("not everything is alike")),
        (failed, _) => Err(Exit::failed(format!("{failed} of {} could not be done", plan.actions.len()))),
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

fn tell(plan: &Plan, reach: &Reach, were: &str) {
    if !reach.quiet {
        let copies = plan.actions.iter().filter(|action| matches!(action, Action::Copy { .. })).count();
        eprintln!(
            "portolan: {copies} files of {} {were} copied, {} deleted; {} were alike",
            HumanBytes(plan.bytes()),
            plan.deletions(),
            plan.alike
        );
    }
}

async fn carry_out(
    client: &portolan_client::Client,
    plan: &Plan,
    how: &Mirroring<'_>,
    reach: &Reach,
) -> portolan_client::Result<usize> {
    let bars = Bars::new(reach.quiet || reach.verbose);
    let total = bars.add("all");
    let (running, done) = (Mutex::new(HashMap::new()), Mutex::new(0_u64));
    let all = plan.bytes();
    let step = |step: Step<'_>| {
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
        match step {
            Step::Begin(action @ Action::Copy { path, .. }) => {
                running.insert(action.path().to_vec(), (bars.add(&printable(path)), 0));
            }
            Step::At(Action::Copy { path, size, .. }, bytes) => {
                if let Some((bar, at)) = running.get_mut(path) {
                    bar.at(bytes, *size);
                    *done += bytes.saturating_sub(*at);
                    *at = bytes;
                    total.at(*done, Some(all));
                }
            }
            Step::Done(action) => {
                running.remove(action.path());
                if !reach.quiet && !action.deletes() {
                    bars.say(&line(action));
                }
            }
            Step::Failed(action, error) => {
                running.remove(action.path());
                bars.warn(&format!("portolan: {}: {error}", printable(action.path())));
            }
            _ => {}
        }
    };
    client.apply(plan, how, &step).await
}
