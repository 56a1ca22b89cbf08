//! `portolan get` and `portolan cat`.

use super::place::Place;
use super::progress::Tell;
use super::reach::{client, each, finish, port};
use super::report::{Outcome, at};
use crate::Exit;
use crate::args::{HowToGet, Reach, Transfer};
use futures_util::stream::{self, StreamExt};
use portolan_client::local::{Folder, Name};
use portolan_client::{Client, Fetching, Url};
use portolan_wire::Verb;
use portolan_wire::parameters::Representation;
use portolan_wire::received::printable;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Where a file goes.
struct Target {
    folder: Folder,
    name: Name,
}

fn wrong_file(path: &Path, error: impl std::fmt::Display) -> Exit {
    Exit { message: format!("{}: {error}", path.display()), code: 9 }
}

pub(super) async fn run(
    urls: &[Url],
    output: Option<&Path>,
    how: HowToGet,
    transfer: &Transfer,
    reach: &Reach,
) -> Result<(), Exit> {
    if output == Some(Path::new("-")) {
        return each(urls, reach, async |client, place| {
            print(client, place, place.representation(transfer)).await
        })
        .await;
    }
    let places: Vec<Place> = urls.iter().map(Place::from).collect();
    check(&places, output)?;
    let mut clients = clients(urls, transfer, reach).await?;
    let files: Vec<_> = urls.iter().map(|url| &clients[&server(url, reach)]).zip(places.iter()).collect();
    let sessions = clients.values().map(Client::sessions).sum();
    let fetched = fetch(&files, sessions, output, how, transfer, reach).await;
    drop(files);
    for url in urls {
        if let Some(client) = clients.remove(&server(url, reach)) {
            finish(url, reach, client).await;
        }
    }
    fetched
}

/// Says whether these can be fetched to there.
pub(super) fn check(files: &[Place], output: Option<&Path>) -> Result<(), Exit> {
    if let Some(folder) = files.iter().find(|file| file.is_directory || file.name().is_empty()) {
        return Err(Exit::wrong(format!("{folder} is a folder; name files of it")));
    }
    if let Some(file) = output.filter(|output| files.len() > 1 && !output.is_dir()) {
        return Err(Exit::wrong(format!("{} is no folder, and there are several files", file.display())));
    }
    let mut names: Vec<&[u8]> = files.iter().map(Place::name).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Exit::wrong(format!("two of these would be written to {}", printable(pair[0]))));
    }
    Ok(())
}

/// Fetches files, each from its server, and so many at a time.
pub(super) async fn fetch(
    files: &[(&Client, &Place)],
    sessions: usize,
    output: Option<&Path>,
    how: HowToGet,
    transfer: &Transfer,
    reach: &Reach,
) -> Result<(), Exit> {
    let tell = &Tell::new(transfer, reach);
    let each = files.iter().map(|(client, place)| async move {
        let target = target(place, output)?;
        let running = tell.begin(place.name(), None);
        let fetching = Fetching {
            representation: place.representation(transfer),
            resume: !how.no_resume,
            keep_time: !transfer.no_times,
            mode: None,
            segments: how.segments,
        };
        let progress = |bytes, total| running.at(bytes, total);
        let fetched =
            client.fetch(&place.path, &target.folder, &target.name, None, fetching, &progress).await;
        match fetched {
            Ok(receipt) => running.done(&receipt),
            Err(error) => {
                running.failed(&error);
                return Err(at(place, &error));
            }
        }
        Ok(())
    });
    let mut outcome = Outcome::default();
    let mut done = stream::iter(each).buffer_unordered(sessions);
    while let Some(result) = done.next().await {
        outcome.note(result);
    }
    outcome.end()
}

/// A server, who is there, and how it is protected.
type Server = (String, u16, String, Option<Vec<u8>>);

fn server(url: &Url, reach: &Reach) -> Server {
    let protection = format!("{:?}", url.tls);
    let login =
        url.user.as_ref().map(|user| [user, &b":"[..], url.password.as_deref().unwrap_or_default()].concat());
    (url.host.clone(), port(url, reach), protection, login)
}

/// A client for each server.
async fn clients(urls: &[Url], transfer: &Transfer, reach: &Reach) -> Result<HashMap<Server, Client>, Exit> {
    let mut clients = HashMap::new();
    for url in urls {
        if let Entry::Vacant(entry) = clients.entry(server(url, reach)) {
            entry.insert(client(url, reach, transfer.sessions()).await?);
        }
    }
    Ok(clients)
}

fn target(place: &Place, output: Option<&Path>) -> Result<Target, Exit> {
    let own = Name::new(place.name()).ok_or_else(|| Exit::wrong(format!("{place} names no file")))?;
    let open = |folder: &Path| Folder::open(folder).map_err(|error| wrong_file(folder, error));
    match output {
        None => Ok(Target { folder: open(Path::new("."))?, name: own }),
        Some(folder) if folder.is_dir() || folder.as_os_str().as_encoded_bytes().ends_with(b"/") => {
            Ok(Target { folder: open(folder)?, name: own })
        }
        Some(file) => {
            let name = file.file_name().and_then(|name| Name::new(name.as_encoded_bytes()));
            let name = name.ok_or_else(|| wrong_file(file, "it names no file"))?;
            Ok(Target { folder: open(file.parent().unwrap_or(Path::new(".")))?, name })
        }
    }
}

/// Writes a file to standard output. What was written cannot be taken back, so nothing is tried twice once it has begun.
pub(super) async fn print(
    client: &Client,
    place: &Place,
    representation: Representation,
) -> Result<(), Exit> {
    let mut out = tokio::io::stdout();
    let local = |error: std::io::Error| portolan_client::Error::Local(format!("standard output: {error}"));
    let copied = client.run_once(async |connection| {
        let mut download = connection.download(Verb::Retr, Some(&place.path), representation, 0).await?;
        let mut buffer = vec![0; 256 << 10];
        loop {
            let count = download.read(&mut buffer).await.map_err(|error| download.error(&error))?;
            if count == 0 {
                break;
            }
            out.write_all(&buffer[..count]).await.map_err(local)?;
        }
        out.flush().await.map_err(local)?;
        let receipt = download.finish().await?;
        let size_counts = representation == Representation::Image;
        if !receipt.clean_end
            && size_counts
            && connection.facts(&place.path).await?.size != Some(receipt.bytes)
        {
            return Err(portolan_client::Error::Truncated);
        }
        Ok(())
    });
    copied.await.map_err(|error| at(place, &error))
}
