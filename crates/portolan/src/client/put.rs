//! `portolan put`.

use super::progress::Bars;
use super::reach::{client, finish};
use super::report::{Outcome, at};
use crate::Exit;
use crate::args::{Reach, Transfer};
use futures_util::stream::{self, StreamExt};
use portolan_client::{Storing, Url, join};
use portolan_wire::parameters::Representation;
use std::fs::File;
use std::path::{Path, PathBuf};

pub(super) async fn run(
    files: &[PathBuf],
    url: &Url,
    direct: bool,
    transfer: &Transfer,
    reach: &Reach,
) -> Result<(), Exit> {
    let from_input = files.iter().any(|file| file == Path::new("-"));
    if !url.is_directory && files.len() > 1 {
        return Err(Exit::wrong(format!(
            "{url} is one file, and there are several; end it with a slash for a folder"
        )));
    }
    if from_input && url.is_directory {
        return Err(Exit::wrong("standard input has no name; name the file in the URL"));
    }
    let client = client(url, reach, transfer.sessions()).await?;
    let representation = url.representation.unwrap_or(if transfer.ascii {
        Representation::Ascii
    } else {
        Representation::Image
    });
    let how = Storing { representation, temporary: !direct, keep_time: !transfer.no_times };
    if from_input {
        let stored = client.store_stream(&mut tokio::io::stdin(), &url.path, how).await;
        stored.map_err(|error| at(url, &error))?;
        finish(url, reach, client).await;
        return Ok(());
    }
    let bars = Bars::new(reach.quiet || reach.verbose);
    let (own, bars) = (&client, &bars);
    let each = files.iter().map(|path| async move {
        let wrong =
            |error: &dyn std::fmt::Display| Exit { message: format!("{}: {error}", path.display()), code: 9 };
        let file = File::open(path).map_err(|error| wrong(&error))?;
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(wrong(&"it is not a file"));
        }
        let name = path.file_name().ok_or_else(|| wrong(&"it has no name"))?;
        let target =
            if url.is_directory { join(&url.path, name.as_encoded_bytes()) } else { url.path.clone() };
        let shown = name.to_string_lossy();
        let bar = bars.add(&shown);
        let progress = |bytes, total| bar.at(bytes, total);
        let receipt = own.store(&file, &target, how, &progress).await.map_err(|error| at(url, &error))?;
        let speed = bar.done(receipt.bytes);
        if !reach.quiet {
            bars.say(&format!("{shown}: {speed}"));
        }
        Ok(())
    });
    let mut outcome = Outcome::default();
    let mut done = stream::iter(each).buffer_unordered(client.sessions());
    while let Some(result) = done.next().await {
        outcome.note(result);
    }
    drop(done);
    finish(url, reach, client).await;
    outcome.end()
}
