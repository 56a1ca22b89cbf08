//! `portolan ban`.

use crate::Exit;
use crate::args::BanCommand;
use crate::people::{People, block_on};
use portolan_accounts::Ban;
use serde_json::json;

/// Does what a command line says.
pub(crate) fn run(command: BanCommand) -> Result<(), Exit> {
    block_on(async {
        match command {
            BanCommand::List { source, output } => list(&People::of(&source)?, output.json).await,
            BanCommand::Add { address, time, reason, source } => {
                let people = People::of(&source)?;
                people.store.put_ban(&Ban::new(address, time, 1, &reason), 0).await?;
                people.say_where();
                Ok(())
            }
            BanCommand::Remove { address, source } => {
                match People::of(&source)?.store.remove_ban(address).await? {
                    true => Ok(()),
                    false => Err(Exit::failed(format!("{address} is not banned"))),
                }
            }
        }
    })
}

async fn list(people: &People, json: bool) -> Result<(), Exit> {
    for ban in people.store.bans(0).await? {
        let Some(left) = ban.left() else { continue };
        if json {
            let (address, reason, times) = (ban.address.to_string(), &ban.reason, ban.times);
            println!(
                "{}",
                json!({ "address": address, "seconds": left.as_secs(), "times": times, "reason": reason })
            );
        } else {
            println!("{:<40} {:>8} s  {}", ban.address, left.as_secs(), ban.reason.escape_debug());
        }
    }
    Ok(())
}
