//! What has to be done so that one tree is like the other.

use super::tree::{Node, Tree, local, remote};
use super::{Mirroring, Towards};
use crate::client::Client;
use crate::error::Result;
use crate::files::Facts;
use portolan_wire::Kind;
use portolan_wire::listing::{Modified, Precision};
use portolan_wire::received::printable;

/// One thing to do. Paths are from the top of the trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Make a directory.
    MakeFolder(Vec<u8>),
    /// Copy a file.
    Copy {
        /// The file.
        path: Vec<u8>,
        /// Its length in bytes, where that is known.
        size: Option<u64>,
        /// What the server said of it exactly, for a download.
        known: Option<Facts>,
        /// Its permission bits.
        mode: Option<u32>,
    },
    /// Delete what is no directory.
    Delete(Vec<u8>),
    /// Delete a directory, which is empty by then.
    DeleteFolder(Vec<u8>),
}

impl Action {
    /// What it is about.
    pub fn path(&self) -> &[u8] {
        match self {
            Action::MakeFolder(path) | Action::Delete(path) | Action::DeleteFolder(path) => path,
            Action::Copy { path, .. } => path,
        }
    }

    /// True for what deletes.
    pub fn deletes(&self) -> bool {
        matches!(self, Action::Delete(_) | Action::DeleteFolder(_))
    }
}

/// What has to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Everything, in the order in which it is done; copies may be done at the same time.
    pub actions: Vec<Action>,
    /// Files that are alike already.
    pub alike: usize,
    /// What is left out, and why: links, devices, names that cannot be.
    pub left_out: Vec<String>,
    /// What cannot be made alike, since something of another kind is in its place.
    pub conflicts: Vec<String>,
    /// Why the trees may hold more than was seen. Nothing is deleted then.
    pub doubts: Vec<String>,
    /// The target is not there at all.
    pub target_missing: bool,
}

impl Plan {
    /// Bytes that are to be copied, as far as that is known.
    pub fn bytes(&self) -> u64 {
        let size = |action: &Action| match action {
            Action::Copy { size, .. } => size.unwrap_or(0),
            _ => 0,
        };
        self.actions.iter().map(size).sum()
    }

    /// How many deletions it has.
    pub fn deletions(&self) -> usize {
        self.actions.iter().filter(|action| action.deletes()).count()
    }
}

impl Client {
    /// Looks at both trees, and says what has to be done.
    ///
    /// # Errors
    /// When the source is not there, or one of them cannot be read at all.
    pub async fn plan(&self, how: &Mirroring<'_>) -> Result<Plan> {
        let (there, here) = tokio::try_join!(remote(self, how), local(how))?;
        let sets_times = self.run(async |connection| Ok(connection.features().offers("MFMT"))).await?;
        let (mut source, target) = match how.towards {
            Towards::Here => (there, here),
            Towards::There => (here, there),
        };
        // What cannot be sent may be there already, under the name that it would have.
        if let (Towards::There, Some(charset)) = (how.towards, self.charset()) {
            let wrong = source.nodes.keys().filter_map(|path| charset.encode(path).err());
            source.doubts.extend(wrong.map(|error| error.to_string()).take(1).collect::<Vec<_>>());
        }
        if source.missing {
            let what = match how.towards {
                Towards::Here => printable(how.remote),
                Towards::There => how.local.display().to_string(),
            };
            return Err(crate::Error::Local(format!("{what}: there is no such folder")));
        }
        Ok(compare(&source, &target, how, sets_times))
    }
}

fn compare(source: &Tree, target: &Tree, how: &Mirroring<'_>, sets_times: bool) -> Plan {
    let mut plan = Plan { target_missing: target.missing, ..Plan::default() };
    plan.doubts = source.doubts.iter().chain(&target.doubts).cloned().collect();
    let (mut folders, mut copies, mut cleared, mut deleted) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // Beneath what is left out nothing is done.
    let mut left_out: Vec<&[u8]> = Vec::new();
    let by_zone = source.by_zone || target.by_zone;
    let may_delete = how.delete && plan.doubts.is_empty();
    for (path, node) in &source.nodes {
        if left_out.iter().any(|above| is_beneath(path, above)) {
            continue;
        }
        let there = target.nodes.get(path);
        match node.kind {
            Kind::Directory => match there {
                Some(other) if other.kind == Kind::Directory => {}
                // What is in its place has to go first, and only if anything may.
                Some(other) if may_delete && other.kind == Kind::File => {
                    cleared.push(Action::Delete(path.clone()));
                    folders.push(Action::MakeFolder(path.clone()));
                }
                Some(_) => {
                    left_out.push(path);
                    plan.conflicts
                        .push(format!("{}: something else is in the place of the folder", printable(path)));
                }
                None => folders.push(Action::MakeFolder(path.clone())),
            },
            Kind::File => match there {
                Some(other) if other.kind == Kind::Directory => {
                    plan.conflicts.push(format!("{}: a folder is in the place of the file", printable(path)));
                }
                Some(other)
                    if other.kind == Kind::File && is_alike(node, other, how, (sets_times, by_zone)) =>
                {
                    plan.alike += 1;
                }
                _ => copies.push(copy(path, node, how, by_zone)),
            },
            Kind::Symlink | Kind::Other => {
                left_out.push(path);
                let what = if node.kind == Kind::Symlink { "a link" } else { "neither file nor folder" };
                plan.left_out.push(format!("{}: {what}", printable(path)));
            }
        }
    }
    if may_delete {
        let gone = target.nodes.iter().rev().filter(|(path, _)| {
            !source.nodes.contains_key(*path) && !left_out.iter().any(|above| is_beneath(path, above))
        });
        for (path, node) in gone {
            match node.kind {
                Kind::Directory if target.kept.contains(path) => {}
                Kind::Directory => deleted.push(Action::DeleteFolder(path.clone())),
                _ => deleted.push(Action::Delete(path.clone())),
            }
        }
    }
    plan.actions = cleared.into_iter().chain(folders).chain(copies).chain(deleted).collect();
    plan
}

fn is_beneath(path: &[u8], above: &[u8]) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with(b"/"))
}

fn copy(path: &[u8], node: &Node, how: &Mirroring<'_>, by_zone: bool) -> Action {
    let is_exact = |modified: &Modified| modified.utc && modified.precision == Precision::Second && !by_zone;
    let exact = node.modified.filter(is_exact);
    let known = match how.towards {
        Towards::Here => Some(Facts { size: node.size, modified: exact.map(|modified| modified.time) }),
        Towards::There => None,
    };
    Action::Copy { path: path.to_vec(), size: node.size, known, mode: node.mode }
}

/// True when nothing speaks for copying.
fn is_alike(source: &Node, target: &Node, how: &Mirroring<'_>, (sets_times, by_zone): (bool, bool)) -> bool {
    let (Some(from), Some(to)) = (source.modified, target.modified) else {
        return source.size == target.size && source.size.is_some();
    };
    let target_is_newer = to.time >= from.time;
    if how.newer && target_is_newer {
        return true;
    }
    let may_be_alike = match (source.size, target.size) {
        (Some(one), Some(other)) => one == other,
        // Then the time has to say it all, which it does not in a zone that is not known.
        _ => from.utc && to.utc,
    };
    if !may_be_alike {
        return false;
    }
    // Where times cannot be set, that of the copy is when it was made.
    let made_later = (how.towards == Towards::There && !sets_times) || !how.keep_times;
    is_same_time(from, to, by_zone && source.size.is_some() && target.size.is_some())
        || (made_later && target_is_newer)
}

/// As far as both are known. Of a time without a zone only what is within a quarter of an hour counts, since zones are
/// whole quarters apart. Where the zone was found out for one file, others may be from the other side of a change to or from
/// summer time.
fn is_same_time(a: Modified, b: Modified, by_zone: bool) -> bool {
    const QUARTER: i64 = 15 * 60;
    const SUMMER: i64 = 3600;
    let seconds = |modified: Modified| modified.time.unix().0;
    let precision = a.precision.min(b.precision);
    let unit = match precision {
        Precision::Second => 1,
        Precision::Minute => 60,
        Precision::Day => 24 * 3600,
    };
    if a.utc && b.utc {
        let apart = (seconds(a).div_euclid(unit) - seconds(b).div_euclid(unit)).abs() * unit;
        return apart == 0 || (by_zone && apart == SUMMER);
    }
    let apart = (seconds(a) - seconds(b)).abs();
    // No zone is further than that.
    if apart > 15 * 3600 + unit {
        return false;
    }
    precision == Precision::Day
        || seconds(a).rem_euclid(QUARTER).div_euclid(unit) == seconds(b).rem_euclid(QUARTER).div_euclid(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use portolan_wire::Timestamp;

    fn at(seconds: i64, precision: Precision, utc: bool) -> Modified {
        Modified { time: Timestamp::from_unix(seconds, 0), precision, utc }
    }

    #[test]
    fn times_are_compared_as_far_as_they_are_known() {
        use Precision::{Day, Minute, Second};
        let exact = at(1_750_000_037, Second, true);
        assert!(is_same_time(exact, exact, false));
        assert!(!is_same_time(exact, at(1_750_000_038, Second, true), false));
        assert!(is_same_time(exact, at(1_750_000_020, Minute, true), false));
        assert!(!is_same_time(exact, at(1_749_999_960, Minute, true), false));
        // Two hours away, as far as anybody knows in another zone.
        assert!(is_same_time(exact, at(1_750_000_020 + 7200, Minute, false), false));
        assert!(!is_same_time(exact, at(1_750_000_020 + 7260, Minute, false), false));
        assert!(!is_same_time(exact, at(1_750_000_020 + 86_400, Minute, false), false));
        assert!(is_same_time(exact, at(1_749_945_600, Day, false), false));
        assert!(!is_same_time(exact, at(1_749_945_600 - 86_400, Day, false), false));
        // In a zone that is known, but for summer time.
        assert!(is_same_time(exact, at(1_750_000_020 - 3600, Minute, true), true));
        assert!(!is_same_time(exact, at(1_750_000_020 - 3600, Minute, true), false));
        assert!(!is_same_time(exact, at(1_750_000_020 - 7200, Minute, true), true));
    }
}
