//! Versions of files, as VMS has them: `NAME.TYPE;3`. A name without its version is the newest one's, which is what anybody
//! means who knows nothing of them.

use portolan_wire::listing::Listed;
use std::collections::HashMap;

/// A name that has a version, without it; and that.
fn parts(name: &[u8]) -> Option<(&[u8], u16)> {
    let at = name.iter().rposition(|byte| *byte == b';').filter(|at| *at > 0)?;
    let version = std::str::from_utf8(&name[at + 1..]).ok()?.parse().ok()?;
    Some((&name[..at], version))
}

/// True when there is a name with a version.
pub(crate) fn are_in(entries: &[Listed]) -> bool {
    entries.iter().any(|entry| parts(&entry.name).is_some())
}

/// Leaves the newest of each file, by its name alone.
pub(crate) fn keep_newest(entries: &mut Vec<Listed>) {
    let mut newest: HashMap<Vec<u8>, u16> = HashMap::new();
    for (name, version) in entries.iter().filter_map(|entry| parts(&entry.name)) {
        let known = newest.entry(name.to_vec()).or_insert(version);
        *known = version.max(*known);
    }
    entries.retain_mut(|entry| {
        let Some((name, version)) = parts(&entry.name) else { return true };
        let is_newest = newest.get(name) == Some(&version);
        entry.name = name.to_vec();
        is_newest
    });
}
