//! Commands that need a server: from what was typed to the functions that do it, which are those of the command line.

use super::line::{Fetch, Store, There, local};
use super::session::Session;
use super::{pattern, quote, say};
use crate::Exit;
use crate::args::Transfer;
use crate::client::place::Place;
use crate::client::report::{Outcome, at};
use crate::client::{files, get, ls, mirror, put};
use portolan_client::mirror::Towards;
use std::path::{Path, PathBuf};

/// Does one of them.
pub(super) async fn carry_out(
    session: &mut Session,
    command: There,
    transfer: &Transfer,
) -> Result<(), Exit> {
    let client = &session.server.client;
    let places = |texts: &[String]| texts.iter().map(|text| session.place(text)).collect::<Vec<_>>();
    match command {
        There::Cd { folder } => session.go(folder.as_deref()).await,
        There::Pwd => {
            say(&session.shown());
            Ok(())
        }
        There::Ls { path, form, .. } => {
            let path = if path.is_empty() { vec![String::new()] } else { path };
            let mut outcome = Outcome::default();
            for path in path {
                outcome.note(match pattern::is_one(&path) {
                    true => pattern::list(session, &path, form).await,
                    false => ls::list(client, &session.place(&path), form).await,
                });
            }
            outcome.end()
        }
        There::Get { file, how } => fetch(session, &places(&file), &how, transfer).await,
        There::Mget { pattern, how } => {
            fetch(session, &pattern::there(session, &pattern).await?, &how, transfer).await
        }
        There::Put { file, how } => store(session, &file, &how, transfer).await,
        There::Mput { pattern, how } => store(session, &pattern::here(&pattern)?, &how, transfer).await,
        There::Cat { file } => {
            each(&places(&file), async |place| {
                get::print(client, place, place.representation(transfer)).await
            })
            .await
        }
        There::Mirror { reverse, from, to, wishes } => {
            let (towards, remote, own) = match reverse {
                false => (Towards::Here, &from, &to),
                true => (Towards::There, &to, &from),
            };
            let (place, reach, Ok(own)) = (session.place(remote), &session.server.reach, local(own));
            mirror::make_alike(client, &place, &own, towards, &wishes, transfer, reach).await
        }
        There::Rm { path, recursive } => {
            each(&places(&path), async |place| {
                must_not_be_around(session, place)?;
                files::remove(client, place, recursive).await
            })
            .await
        }
        There::Mkdir { path, parents } => {
            each(&places(&path), async |place| files::make(client, place, parents).await).await
        }
        There::Rmdir { path } => {
            each(&places(&path), async |place| {
                must_not_be_around(session, place)?;
                let removed =
                    client.run_once(async |connection| connection.delete_directory(&place.path).await);
                removed.await.map_err(|error| at(place, &error))
            })
            .await
        }
        There::Mv { from, to } => files::rename(client, &session.place(&from), &session.place(&to)).await,
        There::Chmod { mode, path } => {
            each(&places(&path), async |place| {
                let set = client.run(async |connection| connection.set_mode(&place.path, mode).await);
                set.await.map_err(|error| at(place, &error))
            })
            .await
        }
        There::Quote { word } => quote::send(session, &word).await,
    }
}

/// Does something with each, whatever becomes of the others.
async fn each(places: &[Place], act: impl AsyncFn(&Place) -> Result<(), Exit>) -> Result<(), Exit> {
    let mut outcome = Outcome::default();
    for place in places {
        outcome.note(act(place).await);
    }
    outcome.end()
}

async fn fetch(session: &Session, places: &[Place], how: &Fetch, transfer: &Transfer) -> Result<(), Exit> {
    let (output, server) = (how.output.as_deref(), &session.server);
    if output == Some(Path::new("-")) {
        let print =
            async |place: &Place| get::print(&server.client, place, place.representation(transfer)).await;
        return each(places, print).await;
    }
    get::check(places, output)?;
    let files: Vec<_> = places.iter().map(|place| (&server.client, place)).collect();
    get::fetch(&files, server.client.sessions(), output, how.how, transfer, &server.reach).await
}

async fn store(session: &Session, files: &[PathBuf], how: &Store, transfer: &Transfer) -> Result<(), Exit> {
    let place = session.place(how.output.as_deref().unwrap_or("."));
    put::check(files, &place)?;
    let server = &session.server;
    put::store(&server.client, files, &place, how.direct, transfer, &server.reach).await
}

/// Nobody removes where they are: `.` and `..` are too easily typed.
fn must_not_be_around(session: &Session, place: &Place) -> Result<(), Exit> {
    let rest = session.folder.strip_prefix(&place.path[..]);
    if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/") || place.path.ends_with(b"/")) {
        return Err(Exit::wrong(format!("{place} is where you are, or above it; that is not removed")));
    }
    Ok(())
}
