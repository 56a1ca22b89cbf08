//! `portolan rm`, `mkdir` and `mv`.

use super::reach::{client, finish, port};
use super::report::{Outcome, at};
use crate::Exit;
use crate::args::Reach;
use portolan_client::{Client, Error, Url, join};

/// How deep folders are emptied.
const DEPTH_MAX: usize = 100;

pub(super) async fn remove(urls: &[Url], recursive: bool, reach: &Reach) -> Result<(), Exit> {
    let mut outcome = Outcome::default();
    for url in urls {
        outcome.note(remove_one(url, recursive, reach).await);
    }
    outcome.end()
}

async fn remove_one(url: &Url, recursive: bool, reach: &Reach) -> Result<(), Exit> {
    if url.name().is_empty() {
        return Err(Exit::wrong(format!(
            "{url} is the folder of the login, or the root; that is not removed"
        )));
    }
    if url.is_directory && !recursive {
        return Err(Exit::wrong(format!("{url} is a folder; -r removes it with everything in it")));
    }
    let client = client(url, reach, Some(1)).await?;
    let failed = |error: Error| at(url, &error);
    let file = client.run_once(async |connection| connection.delete(&url.path).await).await;
    match file {
        Err(error) if recursive && error.code().is_some_and(|code| code >= 500) => {}
        done => {
            done.map_err(failed)?;
            finish(url, reach, client).await;
            return Ok(());
        }
    }
    empty(&client, &url.path, 0).await.map_err(failed)?;
    client.have_deleted(&url.path, true).await.map_err(failed)?;
    finish(url, reach, client).await;
    Ok(())
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

pub(super) async fn make(urls: &[Url], parents: bool, reach: &Reach) -> Result<(), Exit> {
    let mut outcome = Outcome::default();
    for url in urls {
        outcome.note(make_one(url, parents, reach).await);
    }
    outcome.end()
}

async fn make_one(url: &Url, parents: bool, reach: &Reach) -> Result<(), Exit> {
    if url.path.is_empty() {
        return Err(Exit::wrong(format!("{url} names no folder")));
    }
    let client = client(url, reach, Some(1)).await?;
    let made = if parents {
        client.have_directories(&url.path).await
    } else {
        client.run_once(async |connection| connection.make_directory(&url.path).await).await
    };
    made.map_err(|error| at(url, &error))?;
    finish(url, reach, client).await;
    Ok(())
}

pub(super) async fn rename(from: &Url, to: &Url, reach: &Reach) -> Result<(), Exit> {
    let place = |url: &Url| (url.host.to_ascii_lowercase(), port(url, reach));
    if place(from) != place(to) || (to.user.is_some() && to.user != from.user) {
        return Err(Exit::wrong("both names have to be on one server"));
    }
    let target = if to.is_directory { join(&to.path, from.name()) } else { to.path.clone() };
    let client = client(from, reach, Some(1)).await?;
    let renamed = client.run_once(async |connection| connection.rename(&from.path, &target).await).await;
    renamed.map_err(|error| at(from, &error))?;
    finish(from, reach, client).await;
    Ok(())
}
