//! What can be typed: each line is a command line of its own, so that help and complaints are those of all others.

use crate::args::{Form, HowToGet, START, Wishes};
use crate::{Exit, state};
use clap::builder::NonEmptyStringValueParser as NonEmpty;
use clap::{Parser, Subcommand, ValueHint};
use portolan_client::Url;
use std::convert::Infallible;
use std::path::PathBuf;

/// A line. Arguments that are paths here have the type for that, all others without a hint are paths on the server: completion
/// goes by it.
#[derive(Parser)]
#[command(
    multicall = true,
    subcommand_value_name = "COMMAND",
    help_template = "{subcommands}{after-help}",
    after_help = "\
help COMMAND says more. !COMMAND is run by the shell of this side, ! alone starts one.
Names with blanks are written \"a b\", 'a b' or a\\ b; # begins a comment.
Lines with passwords, and such that begin with a blank, are not kept in the history."
)]
pub(super) struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Open a server, in place of the one that is open.
    Open {
        /// A URL, a bookmark, or a host.
        #[arg(value_parser = START, value_hint = ValueHint::Url)]
        start: Url,
    },
    /// Say goodbye to the server.
    Close,
    #[command(flatten)]
    There(There),
    /// Keep names for servers.
    Bookmark {
        #[command(subcommand)]
        what: Option<Bookmark>,
    },
    /// Go to another folder here.
    Lcd {
        /// Where to; nothing is one's home.
        #[arg(value_parser = local)]
        folder: Option<PathBuf>,
    },
    /// Print where one is here.
    Lpwd,
    /// List folders here: arguments are those of ls(1).
    Lls {
        #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true, value_parser = local)]
        argument: Vec<PathBuf>,
    },
    /// End it all.
    #[command(visible_aliases = ["quit", "bye"])]
    Exit,
}

/// What needs a server.
#[derive(Subcommand)]
pub(super) enum There {
    /// Go to another folder of the server.
    Cd {
        /// Where to: `..` is the one above, `-` where one was before, nothing where one is after the login.
        #[arg(allow_hyphen_values = true)]
        folder: Option<String>,
    },
    /// Print where one is on the server.
    Pwd,
    /// List folders of the server.
    Ls {
        /// Folders, files, or patterns of names in a folder: `*`, `?`, `[a-z]`, `{a,b}`.
        path: Vec<String>,

        #[command(flatten)]
        form: Form,

        /// Nothing is ever left out, so that this is only there for who types it.
        #[arg(short, hide = true)]
        all: bool,
    },
    /// Fetch files.
    Get {
        /// Files.
        #[arg(required = true)]
        file: Vec<String>,

        #[command(flatten)]
        how: Fetch,
    },
    /// Fetch files whose names are like a pattern.
    #[command(after_help = "Example:\n  mget logs/*.gz logs/*.xz -o old/")]
    Mget {
        /// Patterns of names in a folder: `*`, `?`, `[a-z]`, `{a,b}`.
        #[arg(required = true)]
        pattern: Vec<String>,

        #[command(flatten)]
        how: Fetch,
    },
    /// Store files.
    Put {
        /// Files here.
        #[arg(required = true, value_parser = local)]
        file: Vec<PathBuf>,

        #[command(flatten)]
        how: Store,
    },
    /// Store files whose names are like a pattern.
    Mput {
        /// Patterns of names in a folder here: `*`, `?`, `[a-z]`, `{a,b}`.
        #[arg(required = true, value_parser = local)]
        pattern: Vec<PathBuf>,

        #[command(flatten)]
        how: Store,
    },
    /// Print files.
    Cat {
        /// Files.
        #[arg(required = true)]
        file: Vec<String>,
    },
    /// Make a folder here like one of the server, or with -R the other way round.
    #[command(after_help = "\
Examples:
  mirror pub/docs docs --exclude '*.iso'
  mirror -R site www --delete --dry-run

Files are alike when size and time are. Nothing is deleted if a listing was not wholly understood.")]
    Mirror {
        /// FROM is a folder here, and TO one of the server.
        #[arg(short = 'R', long)]
        reverse: bool,

        /// What is copied.
        from: String,

        /// What is made like it.
        to: String,

        #[command(flatten)]
        wishes: Wishes,
    },
    /// Delete files.
    Rm {
        /// Files, or folders with -r.
        #[arg(required = true, value_parser = NonEmpty::new())]
        path: Vec<String>,

        /// Folders too, with everything in them.
        #[arg(short, long)]
        recursive: bool,
    },
    /// Make folders.
    Mkdir {
        /// Folders.
        #[arg(required = true)]
        path: Vec<String>,

        /// Those above it too, and no error if it is there.
        #[arg(short, long)]
        parents: bool,
    },
    /// Delete empty folders.
    Rmdir {
        /// Folders.
        #[arg(required = true, value_parser = NonEmpty::new())]
        path: Vec<String>,
    },
    /// Give something another name.
    Mv {
        /// What.
        from: String,

        /// Its new name; or the folder that it goes to, with a slash at its end.
        to: String,
    },
    /// Set permissions.
    Chmod {
        /// The bits as an octal number, like 644.
        #[arg(value_parser = octal, value_hint = ValueHint::Other)]
        mode: u32,

        /// Of what.
        #[arg(required = true)]
        path: Vec<String>,
    },
    /// Send a command of FTP, and print the reply.
    ///
    /// Paths in it begin where one is after the login. Commands that belong to a transfer are not sent.
    #[command(visible_alias = "raw", after_help = "Example:\n  quote SITE QUOTA")]
    Quote {
        /// The command.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_hint = ValueHint::Other)]
        word: Vec<String>,
    },
}

#[derive(clap::Args)]
pub(super) struct Fetch {
    /// Write to this file, or into this folder; `-` is the terminal.
    #[arg(short, long, value_name = "FILE|DIR", value_parser = local)]
    pub(super) output: Option<PathBuf>,

    #[command(flatten)]
    pub(super) how: HowToGet,
}

#[derive(clap::Args)]
pub(super) struct Store {
    /// Store it under this name, or in this folder, with a slash at its end.
    #[arg(short, long, value_name = "FILE|DIR")]
    pub(super) output: Option<String>,

    /// Store it under its own name from the start.
    #[arg(long)]
    pub(super) direct: bool,
}

#[derive(Subcommand)]
pub(super) enum Bookmark {
    /// Print them.
    List,
    /// Keep a name for where one is, or for a URL.
    Add {
        /// Letters, digits, `.`, `-` and `_`.
        #[arg(value_hint = ValueHint::Other)]
        name: String,

        /// What it stands for.
        #[arg(value_hint = ValueHint::Other)]
        url: Option<String>,
    },
    /// Forget one.
    #[command(visible_aliases = ["remove", "rm"])]
    Del {
        /// Which.
        #[arg(value_hint = ValueHint::Url)]
        name: String,
    },
}

impl Command {
    /// True when names on the server are those of before.
    pub(super) fn only_looks(&self) -> bool {
        use There::{Cat, Cd, Get, Ls, Mget, Pwd};
        match self {
            Command::There(what) => {
                matches!(what, Cat { .. } | Cd { .. } | Get { .. } | Ls { .. } | Mget { .. } | Pwd)
            }
            _ => true,
        }
    }
}

/// What a line is.
pub(super) enum Parsed {
    /// Nothing is to be done, or it was done.
    Nothing,
    /// A line for the shell of this side.
    Outside(String),
    /// One of the commands here.
    Command(Box<Command>),
}

/// Reads a line.
pub(super) fn parse(line: &str) -> Result<Parsed, Exit> {
    let line = line.trim();
    if let Some(command) = line.strip_prefix('!') {
        return Ok(Parsed::Outside(command.trim().to_owned()));
    }
    let mut words = shlex::split(line)
        .ok_or_else(|| Exit::wrong("a quotation mark is open, or the line ends with a \\"))?;
    match words.first_mut() {
        None => return Ok(Parsed::Nothing),
        Some(first) if first == "?" => "help".clone_into(first),
        Some(_) => {}
    }
    match Line::try_parse_from(words) {
        Ok(Line { command }) => Ok(Parsed::Command(Box::new(command))),
        Err(error) => {
            // Who reads no more has seen enough.
            let _ = error.print();
            if error.use_stderr() { Err(Exit::wrong("")) } else { Ok(Parsed::Nothing) }
        }
    }
}

/// A path here; `~` is one's home.
pub(super) fn local(text: &str) -> Result<PathBuf, Infallible> {
    let beneath = match text {
        "~" => Some(""),
        text => text.strip_prefix("~/"),
    };
    Ok(match beneath.zip(state::home()) {
        Some((beneath, home)) => home.join(beneath),
        None => PathBuf::from(text),
    })
}

fn octal(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777);
    mode.ok_or_else(|| "permissions are an octal number, like 644".to_owned())
}
