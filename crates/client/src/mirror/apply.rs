//! Carrying out a plan.

use super::{Action, Mirroring, Plan, Step, Towards};
use crate::client::{Client, Loan};
use crate::error::{Error, Result};
use crate::fetch::Fetching;
use crate::files::join;
use crate::local::{Folder, Name};
use crate::store::Storing;
use futures_util::stream::{self, StreamExt};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where a file of this side is: its folder, and its name in it.
fn place(top: &Folder, path: &[u8], make: bool) -> io::Result<(Folder, Name)> {
    let mut names: Vec<Name> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        names.push(Name::new(part).ok_or(io::ErrorKind::InvalidFilename)?);
    }
    let last = names.pop().ok_or(io::ErrorKind::InvalidFilename)?;
    let mut folder = top.again()?;
    for name in names {
        folder = if make { folder.make(&name)? } else { folder.enter(&name)? };
    }
    Ok((folder, last))
}

fn local(path: &[u8], error: &io::Error) -> Error {
    Error::Local(format!("{}: {error}", portolan_wire::received::printable(path)))
}

impl Client {
    /// Carries out a plan; how many of its actions failed. Each is told.
    ///
    /// # Errors
    /// When the top of a tree cannot be opened or made. What fails beneath it does not end the rest, but for a disk that is
    /// full.
    pub async fn apply(
        &self,
        plan: &Plan,
        how: &Mirroring<'_>,
        tell: &(dyn Fn(Step<'_>) + Sync),
    ) -> Result<usize> {
        let wrong = |error: io::Error| Error::Local(format!("{}: {error}", how.local.display()));
        if how.towards == Towards::Here {
            std::fs::create_dir_all(how.local).map_err(wrong)?;
        } else if plan.target_missing {
            self.have_directories(how.remote).await?;
        }
        let top = Folder::open(how.local).map_err(wrong)?;
        let mut failed = 0;
        let is_copy = |action: &Action| matches!(action, Action::Copy { .. });
        let first = plan.actions.iter().position(is_copy).unwrap_or(plan.actions.len());
        let (before, rest) = plan.actions.split_at(first);
        let count = rest.iter().take_while(|action| is_copy(action)).count();
        let (copies, after) = rest.split_at(count);
        for action in before {
            failed += usize::from(!self.do_one(action, &top, how, tell).await);
        }
        let at_a_time = match how.towards {
            Towards::Here => self.ahead(Loan::Downloads),
            Towards::There => self.ahead(Loan::Uploads),
        };
        let full = AtomicBool::new(false);
        let full = &full;
        let mut running = stream::iter(copies)
            .map(|action| {
                let top = &top;
                async move {
                    if full.load(Ordering::Relaxed) {
                        return false;
                    }
                    tell(Step::Begin(action));
                    match self.copy(action, top, how, tell).await {
                        Ok(()) => {
                            tell(Step::Done(action));
                            true
                        }
                        Err(error) => {
                            if matches!(error.code(), Some(452 | 552)) {
                                full.store(true, Ordering::Relaxed);
                            }
                            tell(Step::Failed(action, &error));
                            false
                        }
                    }
                }
            })
            .buffer_unordered(at_a_time);
        while let Some(done) = running.next().await {
            failed += usize::from(!done);
        }
        drop(running);
        // What is no more in the source goes when what is has come.
        for action in after {
            failed += usize::from(!self.do_one(action, &top, how, tell).await);
        }
        Ok(failed)
    }

    async fn do_one(
        &self,
        action: &Action,
        top: &Folder,
        how: &Mirroring<'_>,
        tell: &(dyn Fn(Step<'_>) + Sync),
    ) -> bool {
        tell(Step::Begin(action));
        let done = match how.towards {
            Towards::Here => here(action, top).map_err(|error| local(action.path(), &error)),
            Towards::There => {
                let path = join(how.remote, action.path());
                match action {
                    Action::MakeFolder(_) => self.have_directory(&path).await,
                    _ => self.have_deleted(&path, matches!(action, Action::DeleteFolder(_))).await,
                }
            }
        };
        match &done {
            Ok(()) => tell(Step::Done(action)),
            Err(error) => tell(Step::Failed(action, error)),
        }
        done.is_ok()
    }

    async fn copy(
        &self,
        action: &Action,
        top: &Folder,
        how: &Mirroring<'_>,
        tell: &(dyn Fn(Step<'_>) + Sync),
    ) -> Result<()> {
        let Action::Copy { path, known, mode, .. } = action else { return Ok(()) };
        let there = join(how.remote, path);
        let progress = |bytes, _| tell(Step::At(action, bytes));
        match how.towards {
            Towards::Here => {
                let (folder, name) = place(top, path, true).map_err(|error| local(path, &error))?;
                let fetching = Fetching {
                    keep_time: how.keep_times,
                    mode: *mode,
                    representation: how.representation,
                    ..Fetching::default()
                };
                self.fetch(&there, &folder, &name, *known, fetching, &progress).await?;
            }
            Towards::There => {
                let file = place(top, path, false).and_then(|(folder, name)| folder.read(&name));
                let file = file.map_err(|error| local(path, &error))?;
                let storing = Storing {
                    keep_time: how.keep_times,
                    representation: how.representation,
                    ..Storing::default()
                };
                self.store(&file, &there, storing, &progress).await?;
            }
        }
        Ok(())
    }
}

fn here(action: &Action, top: &Folder) -> io::Result<()> {
    match action {
        Action::MakeFolder(path) => {
            place(top, path, true).and_then(|(folder, name)| folder.make(&name)).map(|_| ())
        }
        Action::DeleteFolder(path) => {
            place(top, path, false).and_then(|(folder, name)| folder.remove_folder(&name))
        }
        _ => place(top, action.path(), false).and_then(|(folder, name)| folder.remove(&name)),
    }
}
