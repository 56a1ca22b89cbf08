//! The commands of the client: `portolan ls`, `get`, `cat`, `put`, `mirror`, `rm`, `mkdir`, `mv`, `fxp`,
//! `bookmark`, `shell`.

pub(crate) mod bookmarks;
mod files;
mod fxp;
mod get;
mod known;
mod ls;
mod mirror;
mod netrc;
mod place;
mod progress;
mod proxy;
mod put;
mod reach;
mod report;
mod shell;
mod ways;

use crate::Exit;
use crate::args::{BookmarkCommand, ClientCommand};
use portolan_wire::parameters::Representation;
use reach::each;

/// Does what a command line says.
pub(crate) fn run(command: ClientCommand) -> Result<(), Exit> {
    crate::people::block_on(async {
        match command {
            ClientCommand::Ls { url, form, reach } => {
                each(&url, &reach, async |client, place| ls::list(client, place, form).await).await
            }
            ClientCommand::Get { url, output, how, transfer, reach } => {
                get::run(&url, output.as_deref(), how, &transfer, &reach).await
            }
            ClientCommand::Cat { url, reach } => {
                each(&url, &reach, async |client, place| {
                    get::print(client, place, place.representation.unwrap_or(Representation::Image)).await
                })
                .await
            }
            ClientCommand::Put { paths, direct, transfer, reach } => {
                put::run(&paths, direct, &transfer, &reach).await
            }
            ClientCommand::Mirror { from, to, wishes, transfer, reach } => {
                mirror::run(&from, &to, &wishes, &transfer, &reach).await
            }
            ClientCommand::Fxp { from, to, reach } => fxp::run(&from, &to, &reach).await,
            ClientCommand::Rm { url, recursive, reach } => {
                each(&url, &reach, async |client, place| files::remove(client, place, recursive).await).await
            }
            ClientCommand::Mkdir { url, parents, reach } => {
                each(&url, &reach, async |client, place| files::make(client, place, parents).await).await
            }
            ClientCommand::Bookmark(BookmarkCommand::Add { name, url }) => bookmarks::add(&name, &url),
            ClientCommand::Bookmark(BookmarkCommand::List { json }) => bookmarks::list(json),
            ClientCommand::Bookmark(BookmarkCommand::Remove { name }) => bookmarks::remove(&name),
            ClientCommand::Shell { start, transfer, reach } => {
                shell::run(start.as_ref(), transfer, reach).await
            }
            ClientCommand::Mv { from, to, reach } => files::rename_at(&from, &to, &reach).await,
        }
    })
}
