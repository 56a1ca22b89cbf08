//! `portolan fxp`.

use super::reach::{client, finish};
use super::report::code;
use crate::Exit;
use crate::args::Reach;
use portolan_client::fxp::{self, Copied};
use portolan_client::{Url, join};

pub(super) async fn run(from: &Url, to: &Url, reach: &Reach) -> Result<(), Exit> {
    if from.name().is_empty() || from.is_directory {
        return Err(Exit::wrong(format!("{from} is a folder; name a file of it")));
    }
    let target = if to.is_directory { join(&to.path, from.name()) } else { to.path.clone() };
    let (source, sink) = (client(from, reach, Some(1)).await?, client(to, reach, Some(1)).await?);
    let copied = fxp::copy(&source, &from.path, &sink, &target).await;
    match copied.map_err(|error| Exit { message: format!("{from} to {to}: {error}"), code: code(&error) })? {
        _ if reach.quiet => {}
        Copied::Confirmed => eprintln!("portolan: {from} was copied"),
        Copied::Compared { bytes, lost } => eprintln!(
            "portolan: {from} was copied: one server was lost before it said so ({lost}), but the other one says so, and \
             its {bytes} bytes are there"
        ),
    }
    finish(from, reach, source).await;
    finish(to, reach, sink).await;
    Ok(())
}
