//! What is changed of a user or a group.

use crate::Exit;
use crate::args::Changes;
use portolan_accounts::{Mount, Profile};
use portolan_vfs::Rights;
use portolan_wire::VirtualPath;

/// Changes what is set.
pub(crate) fn apply(profile: &mut Profile, changes: &Changes) -> Result<(), Exit> {
    let mounts = changes.folder.iter().map(|folder| format!("/={}:{}", folder.display(), changes.rights));
    for text in mounts.chain(changes.mount.iter().cloned()) {
        let mount = mount(&text)?;
        profile.mounts.retain(|other| other.at != mount.at);
        profile.mounts.push(mount);
    }
    for text in &changes.unmount {
        let (at, before) = (place(text)?, profile.mounts.len());
        profile.mounts.retain(|other| other.at != at);
        if profile.mounts.len() == before {
            return Err(Exit::failed(format!("nothing of their own is mounted at {text}")));
        }
    }
    for text in &changes.set {
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| Exit::wrong(format!("`{text}` sets nothing; write it like speed-down=10 MB/s")))?;
        profile.set(key.trim(), value.trim()).map_err(Exit::wrong)?;
    }
    for key in &changes.unset {
        profile.unset(key).map_err(Exit::wrong)?;
    }
    Ok(())
}

/// Reads `/public=/srv/public:read-only`.
fn mount(text: &str) -> Result<Mount, Exit> {
    let wrong = || Exit::wrong(format!("`{text}` is no mount; write it like /public=/srv/public:read-only"));
    let (at, rest) = text.split_once('=').ok_or_else(wrong)?;
    let (folder, rights) = rest.rsplit_once(':').unwrap_or((rest, "read-only"));
    let rights = Rights::parse(rights).map_err(Exit::wrong)?;
    if folder.is_empty() {
        return Err(wrong());
    }
    // The server has another working directory.
    let folder = std::path::absolute(folder).map_err(|error| Exit::wrong(format!("{folder}: {error}")))?;
    let mount = Mount { at: place(at)?, ..Mount::root(folder, rights) };
    if !mount.base().is_dir() {
        return Err(Exit::wrong(format!(
            "{} is no directory; make it, or write another",
            mount.base().display()
        )));
    }
    Ok(mount)
}

fn place(text: &str) -> Result<VirtualPath, Exit> {
    let place = VirtualPath::root().join(text.as_bytes()).ok().filter(|_| text.starts_with('/'));
    place.ok_or_else(|| Exit::wrong(format!("`{text}` is no place in the tree; write it like /public")))
}
