//! `portolan ls`.

use super::place::Place;
use super::report::at;
use crate::Exit;
use crate::args::Form;
use portolan_client::{Client, Error, Listing, join};
use portolan_wire::Kind;
use portolan_wire::listing::{Listed, Precision};
use portolan_wire::received::printable;
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::io::Write;

/// How deep `-R` goes: a link that leads upwards would have no end.
const DEPTH_MAX: usize = 100;

/// Prints what is in a directory, or a file that is in one.
pub(super) async fn list(client: &Client, place: &Place, form: Form) -> Result<(), Exit> {
    let mut left = VecDeque::from([(place.path.clone(), Vec::new(), 0)]);
    let mut doubtful = false;
    while let Some((path, shown, depth)) = left.pop_front() {
        let listed = match listing(client, &path, form.shows_times()).await {
            Err(error) if depth == 0 && error.code().is_some_and(|code| code >= 500) => {
                file(client, place, form).await.ok_or(error)
            }
            listed => listed,
        };
        let listing = listed.map_err(|error| at(place, &error))?;
        doubtful |= listing.is_doubtful();
        print(&listing.entries, &shown, form)?;
        if form.recursive && depth < DEPTH_MAX {
            let folders =
                listing.entries.iter().filter(|entry| entry.is_directory() && !entry.name.contains(&b'/'));
            let below =
                folders.map(|folder| (join(&path, &folder.name), join(&shown, &folder.name), depth + 1));
            left.extend(below);
        }
    }
    if doubtful {
        return Err(Exit::failed(format!(
            "{place}: the listing was not wholly understood; something may be missing in it"
        )));
    }
    Ok(())
}

/// What is in a directory. The zone of the server is found out only where times are shown.
pub(super) async fn listing(client: &Client, path: &[u8], with_times: bool) -> Result<Listing, Error> {
    match with_times {
        true => client.list(path).await,
        false => client.run(async |connection| connection.list(path).await).await,
    }
}

/// What is no directory may be in one.
async fn file(client: &Client, place: &Place, form: Form) -> Option<Listing> {
    let name = place.name();
    let above = place.path.strip_suffix(name)?;
    let above = match above {
        b"/" => above,
        above => above.strip_suffix(b"/").unwrap_or(above),
    };
    let mut listing = listing(client, above, form.shows_times()).await.ok()?;
    listing.entries.retain(|entry| entry.name == name && !entry.is_directory());
    (!listing.entries.is_empty()).then_some(listing)
}

/// Prints entries, by name and with the folder before it.
pub(super) fn print(entries: &[Listed], folder: &[u8], form: Form) -> Result<(), Exit> {
    let mut sorted: Vec<&Listed> = entries.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    write(&sorted, folder, form).map_err(|error| Exit::failed(error.to_string()))
}

fn write(entries: &[&Listed], folder: &[u8], form: Form) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for entry in entries {
        let name = join(folder, &entry.name);
        if form.json {
            writeln!(out, "{}", Value::Object(object(entry, &name)))?;
        } else if form.long {
            writeln!(out, "{}", long(entry, &name))?;
        } else {
            let end = if entry.is_directory() { "/" } else { "" };
            writeln!(out, "{}{end}", printable(&name))?;
        }
    }
    out.flush()
}

fn kind(entry: &Listed) -> &'static str {
    match entry.kind {
        Kind::File => "file",
        Kind::Directory => "dir",
        Kind::Symlink => "link",
        Kind::Other => "other",
    }
}

fn object(entry: &Listed, name: &[u8]) -> Map<String, Value> {
    let text = |bytes: &[u8]| Value::String(String::from_utf8_lossy(bytes).into_owned());
    let mut object = Map::new();
    object.insert("name".to_owned(), text(name));
    if std::str::from_utf8(name).is_err() {
        let hex: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        object.insert("name_hex".to_owned(), Value::String(hex));
    }
    object.insert("type".to_owned(), kind(entry).into());
    object.insert("size".to_owned(), entry.size.into());
    let modified =
        entry.modified.map(|modified| rfc3339(&modified.time.to_fact(), modified.precision, modified.utc));
    object.insert("modified".to_owned(), modified.into());
    object.insert("mode".to_owned(), entry.mode.map(|mode| format!("{mode:04o}")).into());
    for (key, value) in [("owner", &entry.owner), ("group", &entry.group), ("target", &entry.target)] {
        object.insert(key.to_owned(), value.as_deref().map_or(Value::Null, text));
    }
    object
}

/// A time of RFC 3339, as far as it is known; without `Z` where the zone is not.
fn rfc3339(fact: &str, precision: Precision, utc: bool) -> String {
    let (day, hour) = (format!("{}-{}-{}", &fact[..4], &fact[4..6], &fact[6..8]), &fact[8..]);
    let zone = if utc { "Z" } else { "" };
    match precision {
        Precision::Day => day,
        Precision::Minute => format!("{day}T{}:{}:00{zone}", &hour[..2], &hour[2..4]),
        Precision::Second => format!("{day}T{}:{}:{}{zone}", &hour[..2], &hour[2..4], &hour[4..6]),
    }
}

/// The same columns whatever the server is.
fn long(entry: &Listed, name: &[u8]) -> String {
    let letter = match entry.kind {
        Kind::File => '-',
        Kind::Directory => 'd',
        Kind::Symlink => 'l',
        Kind::Other => 's',
    };
    let bit = |mode: u32, at: usize| if mode >> (8 - at) & 1 == 1 { ['r', 'w', 'x'][at % 3] } else { '-' };
    let mode: String = match entry.mode {
        Some(mode) => (0..9).map(|at| bit(mode, at)).collect(),
        None => "?????????".to_owned(),
    };
    let size = entry.size.map_or_else(|| "-".to_owned(), |size| size.to_string());
    let time = entry.modified.map_or_else(String::new, |modified| {
        rfc3339(&modified.time.to_fact(), modified.precision, modified.utc).replace('T', " ")
    });
    let target =
        entry.target.as_deref().map_or_else(String::new, |target| format!(" -> {}", printable(target)));
    format!("{letter}{mode} {size:>14} {time:<20} {}{target}", printable(name))
}
