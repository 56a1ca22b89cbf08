//! `portolan hook`.

use crate::args::HookCommand;
use crate::people::block_on;
use crate::{Exit, config, state};
use portolan_hooks::{Journal, JournalError, Kept};
use serde_json::{Value, json};
use std::path::Path;

impl From<JournalError> for Exit {
    fn from(error: JournalError) -> Exit {
        Exit::failed(error.to_string())
    }
}

/// Does what a command line says.
pub(crate) fn run(command: HookCommand) -> Result<(), Exit> {
    block_on(async {
        match command {
            HookCommand::Waiting { server, output } => {
                list(&journal(server.config.as_deref()).await?.kept(false).await?, output.json)
            }
            HookCommand::Dead { server, output } => {
                list(&journal(server.config.as_deref()).await?.kept(true).await?, output.json)
            }
            HookCommand::Retry { number, server } => {
                match journal(server.config.as_deref()).await?.revive(number).await? {
                    0 => Err(Exit::failed("there is nothing to be tried again")),
                    count => {
                        println!("{count} are tried again");
                        Ok(())
                    }
                }
            }
            HookCommand::Drop { number, server } => {
                match journal(server.config.as_deref()).await?.forget(number).await? {
                    true => Ok(()),
                    false => Err(Exit::failed(format!("there is no event {number}"))),
                }
            }
        }
    })
}

async fn journal(file: Option<&Path>) -> Result<Journal, Exit> {
    let mut config = config::read_or_default(file)?;
    let folder = config.state.take().or_else(state::folder);
    let place = folder.map(|folder| state::journal(&folder)).filter(|place| place.exists());
    let place = place.ok_or_else(|| Exit::failed("no server has kept an event for a hook here"))?;
    Ok(Journal::open(&place).await?)
}

fn list(kept: &[Kept], json: bool) -> Result<(), Exit> {
    for Kept { number, hook, body, attempts, problem } in kept {
        if json {
            let event: Value = serde_json::from_str(body).unwrap_or(Value::Null);
            let kept = json!({ "number": number, "hook": hook, "attempts": attempts, "problem": problem, "event": event });
            println!("{kept}");
        } else {
            println!("{number:>6}  {hook}  tried {attempts} times  {}", problem.escape_debug());
            println!("        {body}");
        }
    }
    Ok(())
}
