//! The `portolan` program: arguments, output and exit codes. It has no logic of its own.
//!
//! Exit codes: 0 when all went well, 1 when something failed, 2 when the arguments or the
//! configuration are wrong. The client has more of them: see `args/client`.

mod args;
mod ban;
mod banner;
mod client;
mod config;
mod control;
mod edit;
mod group;
mod hook;
mod import;
mod password;
mod people;
mod serve;
mod state;
mod user;

use args::{Args, Command, ConfigCommand};
use clap::Parser;
use std::process::ExitCode;

/// Why the program ends early: what to print, if it was not said, and the exit code.
struct Exit {
    message: String,
    code: u8,
}

impl Exit {
    /// Something failed.
    fn failed(message: impl Into<String>) -> Exit {
        Exit { message: message.into(), code: 1 }
    }

    /// The arguments or the configuration are wrong.
    fn wrong(message: impl Into<String>) -> Exit {
        Exit { message: message.into(), code: 2 }
    }

    /// Prints what is wrong.
    fn tell(&self) {
        if !self.message.is_empty() {
            eprintln!("portolan: {}", self.message);
        }
    }
}

fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Serve(args) => serve::run(*args),
        Command::Config(ConfigCommand::Check { file }) => config::check(&file),
        Command::Config(ConfigCommand::Reference) => {
            print!("{}", portolan_config::reference());
            Ok(())
        }
        Command::Pinholes { name, ports } => portolan_reach::pinhole::run(&name, &ports)
            .map_err(|error| Exit::failed(format!("pinholes: {error}"))),
        Command::Launcher => {
            portolan_helpers::launch().map_err(|error| Exit::failed(format!("launcher: {error}")))
        }
        Command::Pam => portolan_helpers::pam().map_err(|error| Exit::failed(format!("pam: {error}"))),
        Command::User(command) => user::run(command),
        Command::Group(command) => group::run(command),
        Command::Ban(command) => ban::run(command),
        Command::Hook(command) => hook::run(command),
        Command::Client(command) => client::run(*command),
        Command::Control(command) => control::run(command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => {
            exit.tell();
            ExitCode::from(exit.code)
        }
    }
}
