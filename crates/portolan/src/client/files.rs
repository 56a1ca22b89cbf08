//! `portolan rm`, `mkdir` and `mv`.

use super::place::Place;
use super::reach::{port, with};
use super::report::at;
use crate::Exit;
use crate::args::Reach;
use portolan_client::{Client, Error, Url, join};

/// How deep folders are emptied.
const DEPTH_MAX: usize = 100;

/// Removes a file, or a folder with everything in it.
pub(super) async fn remove(client: &Client, place: &Place, recursive: bool) -> Result<(), Exit> {
    if place.name().is_empty() {
        return Err(Exit::wrong(format!(
            "{place} is the folder of the login, or the root; that is not removed"
        )));
    }
    if place.is_directory && !recursive {
        return Err(Exit::wrong(format!("{place} is a folder; -r removes it with everything in it")));
    }
    let failed = |error: Error| at(place, &error);
    let file = client.run_once(async |connection| connection.delete(&place.path).await).await;
    match file {
        Err(error) if recursive && error.code().is_some_and(|code| code >= 500) => {}
        done => return done.map_err(failed),
    }
    empty(client, &place.path, 0).await.map_err(failed)?;
    client.have_deleted(&place.path, true).await.map_err(failed)
}

/// Removes what is in a folder. Links are removed, and what they lead to is not.
async fn empty(client: &Client, path: &[u8], depth: usize) -> Result<(), Error> {
    if depth > DEPTH_MAX {
        return Err(Error::Strange(format!("folders lie more than {DEPTH_MAX} deep")));
    }
    let listing = client.run(async |connection| connection.list(path).await).await?;
    for entry in listing.entries.iter().filter(|entry| !entry.name.contains(&b'/')) {
        let below = join(path, &entry.name);
        if entry.is_directory() {
            // A link to a folder is listed as one by some servers; what it leads to stays.
            let link = client.run(async |connection| connection.delete(&below).await).await;
            match link {
                Ok(()) => continue,
                Err(error) if error.code().is_none() => return Err(error),
                Err(_) => {}
            }
            Box::pin(empty(client, &below, depth + 1)).await?;
        }
        client.have_deleted(&below, entry.is_directory()).await?;
    }
    Ok(())
}

/// Makes a folder, with those above it if they are wanted too.
pub(super) async fn make(client: &Client, place: &Place, parents: bool) -> Result<(), Exit> {
    if place.path.is_empty() {
        return Err(Exit::wrong(format!("{place} names no folder")));
    }
    let made = if parents {
        client.have_directories(&place.path).await
    } else {
        client.run_once(async |connection| connection.make_directory(&place.path).await).await
    };
    made.map_err(|error| at(place, &error))
}

/// Gives something another name; a folder that is named as one keeps the old one in it.
pub(super) async fn rename(client: &Client, from: &Place, to: &Place) -> Result<(), Exit> {
    let target = if to.is_directory { join(&to.path, from.name()) } else { to.path.clone() };
    let renamed = client.run_once(async |connection| connection.rename(&from.path, &target).await).await;
    renamed.map_err(|error| at(from, &error))
}

/// The same by URLs.
pub(super) async fn rename_at(from: &Url, to: &Url, reach: &Reach) -> Result<(), Exit> {
    let server = |url: &Url| (url.host.to_ascii_lowercase(), port(url, reach));
    if server(from) != server(to) || (to.user.is_some() && to.user != from.user) {
        return Err(Exit::wrong("both names have to be on one server"));
    }
    with(from, reach, Some(1), async |client, place| rename(client, place, &Place::from(to)).await).await
}
