//! The commands of the client: `portolan ls`, `get`, `cat`, `put`, `mirror`, `rm`, `mkdir`, `mv`, `fxp`.

mod files;
mod fxp;
mod get;
mod known;
mod ls;
mod mirror;
mod netrc;
mod progress;
mod proxy;
mod put;
mod reach;
mod report;
mod ways;

use crate::Exit;
use crate::args::ClientCommand;

/// Does what a command line says.
pub(crate) fn run(command: ClientCommand) -> Result<(), Exit> {
    crate::people::block_on(async {
        match command {
            ClientCommand::Ls { url, long, recursive, json, reach } => {
                ls::run(&url, ls::Form { long, recursive, json }, &reach).await
            }
            ClientCommand::Get { url, output, no_resume, transfer, reach } => {
                get::run(&url, output.as_deref(), !no_resume, &transfer, &reach).await
            }
            ClientCommand::Cat { url, reach } => get::print(&url, false, &reach).await,
            ClientCommand::Put { file, url, direct, transfer, reach } => {
                put::run(&file, &url, direct, &transfer, &reach).await
            }
            ClientCommand::Mirror {
                from,
                to,
                dry_run,
                delete,
                max_delete,
                newer,
                include,
                exclude,
                transfer,
                reach,
            } => {
                let wishes = mirror::Wishes { dry_run, delete, max_delete, newer, include, exclude };
                mirror::run(&from, &to, &wishes, &transfer, &reach).await
            }
            ClientCommand::Fxp { from, to, reach } => fxp::run(&from, &to, &reach).await,
            ClientCommand::Rm { url, recursive, reach } => files::remove(&url, recursive, &reach).await,
            ClientCommand::Mkdir { url, parents, reach } => files::make(&url, parents, &reach).await,
            ClientCommand::Mv { from, to, reach } => files::rename(&from, &to, &reach).await,
        }
    })
}
