//! Commands to a running server: `portolan status`, `reload`, `lock`, `unlock`, `drain`, `restart`.

use crate::args::ControlCommand;
use crate::people::block_on;
use crate::{Exit, config, state};
use portolan_admin::{Command, Locked, Reply, Status, call};
use std::path::PathBuf;

/// Does what a command line says.
pub(crate) fn run(command: ControlCommand) -> Result<(), Exit> {
    let (command, server, json) = match command {
        ControlCommand::Status { server, output } => (Command::Status, server, output.json),
        ControlCommand::Reload { server } => (Command::Reload, server, false),
        ControlCommand::Lock { reason, time, server } => {
            (Command::Lock(Locked { reason, seconds: time }), server, false)
        }
        ControlCommand::Unlock { server } => (Command::Unlock, server, false),
        ControlCommand::Drain { time, server } => (Command::Drain { seconds: time }, server, false),
        ControlCommand::Restart { server } => (Command::Restart, server, false),
    };
    let mut config = config::read_or_default(server.config.as_deref())?;
    let folder: Option<PathBuf> = config.state.take().or_else(state::folder);
    let folder = folder.ok_or_else(|| Exit::wrong("there is no state folder; write state = \"…\""))?;
    block_on(async {
        let reply = call(&state::socket(&folder), &command).await;
        match reply.map_err(|error| Exit::failed(error.to_string()))? {
            Reply::Status(status) if json => {
                let text = serde_json::to_string(&status).map_err(|error| Exit::failed(error.to_string()))?;
                println!("{text}");
            }
            Reply::Status(status) => tell(&status),
            Reply::Reloaded { after_restart } if after_restart.is_empty() => println!("read again"),
            Reply::Reloaded { after_restart } => println!(
                "read again; what has changed of these counts after `portolan restart`: {}",
                after_restart.join(", ")
            ),
            Reply::Restarted { pid } => println!("process {pid} goes on"),
            Reply::Done {} => {}
        }
        Ok(())
    })
}

fn tell(status: &Status) {
    let Status { version, pid, seconds, listen, sessions, locked } = status;
    println!("Portolan {version}, process {pid}, for {seconds} s");
    println!("  Listening    {}", listen.join(", "));
    println!("  Sessions     {sessions}");
    if let Some(Locked { reason, seconds }) = locked {
        let until =
            seconds.map_or_else(|| "until it is unlocked".to_owned(), |seconds| format!("for {seconds} s"));
        println!("  Locked       {until}{}{reason}", if reason.is_empty() { "" } else { ": " });
    }
}
