//! `portolan shell`: commands one after another, typed or from a script. What they do is done by the same functions as on the command
//! line; here is only who is spoken to, and where one is there.

mod commands;
mod complete;
mod line;
mod pattern;
mod prompt;
mod quote;
mod server;
mod session;

use super::bookmarks;
use crate::args::{Reach, Transfer};
use crate::{Exit, state};
use line::{Bookmark, Command, Parsed, parse};
use portolan_client::Url;
use portolan_wire::received::printable;
use prompt::{Prompt, Typed};
use server::Server;
use session::Session;
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::ops::ControlFlow::{self, Break, Continue};
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::signal::unix::{SignalKind, signal};

/// The exit code of what Ctrl-C has ended.
const INTERRUPTED: u8 = 130;

struct Shell {
    session: Option<Session>,
    /// How servers are reached: the first one, and others.
    reach: Reach,
    /// The first one, which alone is told its login.
    first: Option<(String, Option<u16>)>,
    transfer: Transfer,
}

/// Does what is typed, or what a script says.
pub(super) async fn run(start: Option<&Url>, transfer: Transfer, reach: Reach) -> Result<(), Exit> {
    let reach = reach.anchored().map_err(|error| Exit::failed(error.to_string()))?;
    let mut shell = Shell { session: None, reach, first: None, transfer };
    if let Some(url) = start {
        shell.open(url).await?;
    }
    let done = if std::io::stdin().is_terminal() { shell.converse().await } else { shell.follow().await };
    shell.close().await;
    done
}

impl Shell {
    /// What is typed, until somebody has enough.
    async fn converse(&mut self) -> Result<(), Exit> {
        let mut prompt = Prompt::new()?;
        // While somebody listens to it, Ctrl-C does not end this program, but only one that runs at this terminal.
        let _interrupts = signal(SignalKind::interrupt()).map_err(|error| Exit::failed(error.to_string()))?;
        loop {
            let done = match prompt.next(self.session.as_ref()).await? {
                Typed::Line(line) => self.obey(&line, true).await,
                Typed::Nothing => continue,
                Typed::End => return Ok(()),
            };
            match done {
                Ok(Continue(())) => {}
                Ok(Break(())) => return Ok(()),
                Err(exit) => exit.tell(),
            }
        }
    }

    /// A script, until something fails.
    async fn follow(&mut self) -> Result<(), Exit> {
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        let failed = |error| Exit { message: format!("standard input: {error}"), code: 9 };
        while let Some(line) = lines.next_line().await.map_err(failed)? {
            if self.obey(&line, false).await?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Does what a line says. At a terminal, Ctrl-C ends that and nothing else.
    async fn obey(&mut self, line: &str, at_terminal: bool) -> Result<ControlFlow<()>, Exit> {
        let command = match parse(line)? {
            Parsed::Nothing => return Ok(Continue(())),
            Parsed::Outside(line) => {
                run_outside(&line, at_terminal).await?;
                return Ok(Continue(()));
            }
            Parsed::Command(command) => command,
        };
        let only_looks = command.only_looks();
        // To a program it comes anyway.
        let can_end = at_terminal && !matches!(*command, Command::Lls { .. });
        let done = tokio::select! {
            done = self.carry_out(*command) => done,
            Ok(()) = tokio::signal::ctrl_c(), if can_end => {
                Err(Exit { message: "given up".to_owned(), code: INTERRUPTED })
            }
        };
        if let (false, Some(session)) = (only_looks, &self.session) {
            session.server.forget_names();
        }
        done
    }

    async fn open(&mut self, url: &Url) -> Result<(), Exit> {
        let place = (url.host.to_ascii_lowercase(), url.port);
        let is_first = *self.first.get_or_insert_with(|| place.clone()) == place;
        let reach = if is_first { self.reach.clone() } else { self.reach.of_another() };
        let server = Server::open(url, reach, self.transfer.sessions()).await?;
        let session = Session::begin(server, url).await?;
        self.close().await;
        self.session = Some(session);
        Ok(())
    }

    async fn close(&mut self) {
        if let Some(server) = self.session.take().and_then(|session| Arc::into_inner(session.server)) {
            server.close().await;
        }
    }

    async fn carry_out(&mut self, command: Command) -> Result<ControlFlow<()>, Exit> {
        match command {
            Command::Open { start } => self.open(&start).await?,
            Command::Close => self.close().await,
            Command::Exit => return Ok(Break(())),
            Command::Bookmark { what } => self.bookmark(what.unwrap_or(Bookmark::List))?,
            Command::Lcd { folder } => {
                let folder = folder.or_else(state::home).unwrap_or_else(|| PathBuf::from("/"));
                std::env::set_current_dir(&folder).map_err(|error| here(&folder, &error))?;
            }
            Command::Lpwd => {
                let folder = std::env::current_dir().map_err(|error| here(Path::new("."), &error))?;
                say(&printable(folder.as_os_str().as_encoded_bytes()));
            }
            Command::Lls { argument } => {
                let mut ls = process::Command::new("ls");
                ls.args(argument);
                wait_for(ls).await?;
            }
            Command::There(command) => match &mut self.session {
                Some(session) => commands::carry_out(session, command, &self.transfer).await?,
                None => return Err(Exit::wrong("no server is open; `open` opens one")),
            },
        }
        Ok(Continue(()))
    }

    fn bookmark(&self, what: Bookmark) -> Result<(), Exit> {
        match what {
            Bookmark::List => bookmarks::list(false),
            Bookmark::Del { name } => bookmarks::remove(&name),
            Bookmark::Add { name, url: Some(url) } => bookmarks::add(&name, &url),
            Bookmark::Add { name, url: None } => match &self.session {
                Some(session) => bookmarks::add(&name, &session.url().to_string()),
                None => Err(Exit::wrong("no server is open; name a URL")),
            },
        }
    }
}

/// Prints a line.
fn say(line: &str) {
    // Who reads no more has seen enough.
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn here(path: &Path, error: &std::io::Error) -> Exit {
    Exit { message: format!("{}: {error}", path.display()), code: 9 }
}

/// Has the shell of this side run a line; without one it is started itself. The lines of a script are not its input.
async fn run_outside(line: &str, at_terminal: bool) -> Result<(), Exit> {
    let mut shell = if line.is_empty() {
        process::Command::new(std::env::var_os("SHELL").unwrap_or_else(|| OsString::from("sh")))
    } else {
        let mut shell = process::Command::new("sh");
        shell.arg("-c").arg(line);
        shell
    };
    if !at_terminal {
        shell.stdin(Stdio::null());
    }
    wait_for(shell).await
}

/// Runs a program of this side. Connections live on meanwhile.
async fn wait_for(mut program: process::Command) -> Result<(), Exit> {
    let failed = |error: std::io::Error| Exit::failed(format!("cannot run that: {error}"));
    let ended = tokio::task::spawn_blocking(move || program.status()).await;
    match ended.map_err(std::io::Error::other).flatten().map_err(failed)?.code() {
        Some(0) => Ok(()),
        // It has said why.
        code => {
            let code = code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
            Err(Exit { message: String::new(), code })
        }
    }
}
