//! `portolan fxp`.

use super::reach::{client, finish};
use super::report::at;
use crate::Exit;
use crate::args::Reach;
use portolan_client::{Url, fxp, join};

pub(super) async fn run(from: &Url, to: &Url, reach: &Reach) -> Result<(), Exit> {
    if from.name().is_empty() || from.is_directory {
        return Err(Exit::wrong(format!("{from} is a folder; name a file of it")));
    }
    let target = if to.is_directory { join(&to.path, from.name()) } else { to.path.clone() };
    let (source, sink) = (client(from, reach, Some(1)).await?, client(to, reach, Some(1)).await?);
    let own = source.connection().await.map_err(|error| at(from, &error))?;
    let other = sink.connection().await.map_err(|error| at(to, &error))?;
    fxp::copy(&own, &from.path, &other, &target).await.map_err(|error| at(from, &error))?;
    if !reach.quiet {
        eprintln!("portolan: {from} was copied");
    }
    drop((own, other));
    finish(from, reach, source).await;
    finish(to, reach, sink).await;
    Ok(())
}
