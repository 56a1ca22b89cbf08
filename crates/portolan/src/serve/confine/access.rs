//! Whether the server's user can do what the server has to do later, too.

use crate::Exit;
use portolan_config::Config;
use portolan_confine::Identity;
use rustix::fs::{Access, access};
use rustix::io::Errno;
use std::path::{Path, PathBuf};

/// Sees that the user can do what the server has to do later, too.
pub(super) fn check(
    config: &Config,
    file: Option<&Path>,
    program: &Path,
    user: &Identity,
) -> Result<(), Exit> {
    let name = &user.name;
    if let Some(blocked) = blocked(program, Access::EXEC_OK) {
        let (program, blocked) = (program.display(), blocked.display());
        return Err(Exit::failed(format!(
            "the user {name} may not start {program}, as {blocked} is closed to them; put the program where they may, \
             like /usr/local/bin"
        )));
    }
    for path in config.needs() {
        let Some(blocked) = blocked(&path, Access::READ_OK) else { continue };
        let (path, blocked) = (path.display(), blocked.display());
        return Err(Exit::failed(format!(
            "the user {name} may not read {path}, for which {blocked} has to be open to them: \
             `chgrp {name} {blocked} && chmod g+rX {blocked}`"
        )));
    }
    for folder in config.state.iter().chain(config.accounts_folder().as_ref()) {
        let Some(blocked) = blocked(folder, Access::WRITE_OK | Access::EXEC_OK) else { continue };
        let way = if blocked == *folder {
            format!("`chown -R {name} {}` lets them", blocked.display())
        } else {
            format!("they may not enter {}; choose another folder", blocked.display())
        };
        let folder = folder.display();
        return Err(Exit::failed(format!("the user {name} may not write to the folder {folder}: {way}")));
    }
    if let Some(file) = &config.log.transfers {
        let folder = file.parent().filter(|_| !file.exists());
        if blocked(folder.unwrap_or(file), Access::WRITE_OK).is_some() {
            let file = file.display();
            return Err(Exit::failed(format!(
                "the user {name} may not write to {file}; `touch {file} && chown {name} {file}` lets them"
            )));
        }
    }
    if let Some(blocked) = file.and_then(|file| blocked(file, Access::READ_OK)) {
        let blocked = blocked.display();
        tracing::warn!(
            "the user {name} may not read {blocked}, so that what changes there counts after a stop and a start; \
             `chgrp {name} {blocked} && chmod g+rX {blocked}` lets them"
        );
    }
    // The next server begins anew: who changes what that is made of is not confined by it.
    let programs =
        config.programs().into_iter().filter_map(|(program, _)| program.first().map(PathBuf::from));
    let own = [program.to_owned()].into_iter().chain(file.map(Path::to_owned));
    for program in own.chain(programs).filter(|program| program.is_absolute()) {
        let may_change = |path: &Path| access(path, Access::WRITE_OK).is_ok();
        if may_change(&program) || program.parent().is_some_and(may_change) {
            let program = program.display();
            tracing::warn!(
                "the user {name} may change {program}, and should not: it decides what the server may do"
            );
        }
    }
    Ok(())
}

/// What on the way to a path, or there, keeps this process from that; nothing where the path is not there.
fn blocked(path: &Path, wanted: Access) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    let refuses = |path: &Path, wanted| access(path, wanted) == Err(Errno::ACCESS);
    if !refuses(&path, wanted) {
        return None;
    }
    let above = path.ancestors().skip(1).filter(|folder| refuses(folder, Access::EXEC_OK));
    // The outermost one is the first on the way.
    Some(above.last().map_or(path.clone(), Path::to_owned))
}
