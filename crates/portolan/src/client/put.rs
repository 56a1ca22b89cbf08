//! `portolan put`.

use super::bookmarks;
use super::place::Place;
use super::progress::Tell;
use super::reach::with;
use super::report::{Outcome, at};
use crate::Exit;
use crate::args::{Reach, Transfer};
use futures_util::stream::{self, StreamExt};
use portolan_client::{Client, Storing, join};
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

fn storing(place: &Place, direct: bool, transfer: &Transfer) -> Storing {
    let representation = place.representation(transfer);
    Storing { representation, temporary: !direct, keep_time: !transfer.no_times }
}

/// The last of these is the URL. That is not left to the command line's parser, for which options would have to come before
/// or behind all of them.
pub(super) async fn run(
    paths: &[OsString],
    direct: bool,
    transfer: &Transfer,
    reach: &Reach,
) -> Result<(), Exit> {
    let Some((url, files)) = paths.split_last() else { return Err(Exit::wrong("there is no URL")) };
    let url = &bookmarks::url(&url.to_string_lossy())?;
    let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
    let files = &files[..];
    if files.is_empty() {
        return Err(Exit::wrong("there is a URL, and no file to be stored there"));
    }
    check(files, &Place::from(url))?;
    if !files.iter().any(|file| file == Path::new("-")) {
        let act =
            async |client: &Client, place: &Place| store(client, files, place, direct, transfer, reach).await;
        return with(url, reach, transfer.sessions(), act).await;
    }
    if url.is_directory {
        return Err(Exit::wrong("standard input has no name; name the file in the URL"));
    }
    with(url, reach, Some(1), async |client, place| {
        let how = storing(place, direct, transfer);
        let stored = client.store_stream(&mut tokio::io::stdin(), &place.path, how).await;
        stored.map(|_| ()).map_err(|error| at(place, &error))
    })
    .await
}

/// Says whether so many files can be stored there.
pub(super) fn check(files: &[PathBuf], place: &Place) -> Result<(), Exit> {
    if !place.is_directory && files.len() > 1 {
        return Err(Exit::wrong(format!(
            "{place} is one file, and there are several; end it with a slash for a folder"
        )));
    }
    let mut names: Vec<_> = files.iter().filter_map(|file| file.file_name()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Exit::wrong(format!("two of these would be stored as {}", pair[0].display())));
    }
    Ok(())
}

/// Stores files in a folder, or one under another name.
pub(super) async fn store(
    client: &Client,
    files: &[PathBuf],
    place: &Place,
    direct: bool,
    transfer: &Transfer,
    reach: &Reach,
) -> Result<(), Exit> {
    let how = storing(place, direct, transfer);
    let tell = &Tell::new(transfer, reach);
    let each = files.iter().map(|path| async move {
        let wrong =
            |error: &dyn std::fmt::Display| Exit { message: format!("{}: {error}", path.display()), code: 9 };
        let file = File::open(path).map_err(|error| wrong(&error))?;
        let metadata = file.metadata().map_err(|error| wrong(&error))?;
        if !metadata.is_file() {
            return Err(wrong(&"it is not a file"));
        }
        let name = path.file_name().ok_or_else(|| wrong(&"it has no name"))?;
        let target =
            if place.is_directory { join(&place.path, name.as_encoded_bytes()) } else { place.path.clone() };
        let running = tell.begin(name.as_encoded_bytes(), Some(metadata.len()));
        let progress = |bytes, total| running.at(bytes, total);
        let stored = client.store(&file, &target, how, &progress).await;
        match stored {
            Ok(receipt) => running.done(&receipt),
            Err(error) => {
                running.failed(&error);
                return Err(at(place, &error));
            }
        }
        Ok(())
    });
    let mut outcome = Outcome::default();
    let mut done = stream::iter(each).buffer_unordered(client.uploads());
    while let Some(result) = done.next().await {
        outcome.note(result);
    }
    outcome.end()
}
