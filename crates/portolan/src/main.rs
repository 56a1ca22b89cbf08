//! The `portolan` program: arguments, output and exit codes. It has no logic of its own.
//!
//! Exit codes: 0 when all went well, 1 when something failed, 2 when the arguments or the
//! configuration are wrong.

mod args;
mod banner;
mod config;
mod password;
mod serve;
mod user;

use args::{Args, Command, ConfigCommand, UserCommand};
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
}

fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Serve(args) => serve::run(*args),
        Command::Config(ConfigCommand::Check { file }) => config::check(&file),
        Command::Pinholes { name, ports } => portolan_reach::pinhole::run(&name, &ports)
            .map_err(|error| Exit::failed(format!("pinholes: {error}"))),
        Command::User(UserCommand::Hash { password_file }) => user::hash(password_file.as_deref()),
        Command::User(UserCommand::List { source }) => user::list(&source),
        Command::User(UserCommand::Show { who, effective }) => user::show(&who, effective),
        Command::User(UserCommand::Can { who, verb, path }) => user::can(&who, &verb, &path),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Exit { message, code }) => {
            if !message.is_empty() {
                eprintln!("portolan: {message}");
            }
            ExitCode::from(code)
        }
    }
}
