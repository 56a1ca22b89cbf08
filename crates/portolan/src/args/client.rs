//! The command lines of the client.

use super::bookmark::BookmarkCommand;
use crate::Exit;
use crate::client::bookmarks;
use clap::builder::TypedValueParser;
use clap::{Args, Subcommand, ValueEnum};
use globset::Glob;
use portolan_client::tls::Fingerprint;
use portolan_client::{ActiveAddress, Charset, Url};
use portolan_config::parse_ports;
use std::ffi::{OsStr, OsString};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

const URLS: &str = "\
URLs are ftp://[USER[:PASSWORD]@]HOST[:PORT]/PATH; ftpes:// is the same with TLS required, ftps:// with TLS from the start on.
PATH begins where one is after the login; a second slash, or %2F, makes it begin at the root.
NAME:PATH begins where the bookmark NAME leads to: see `portolan bookmark`.

The password comes from the URL, --password-file, --password-command, the variable PORTOLAN_PASSWORD, ~/.netrc, or a prompt.

Exit codes: 0 done, 2 wrong arguments, 3 no connection, 4 login refused, 5 the server is not trusted, 6 the server said no,
7 no data connection, 8 broke off and was tried in vain, 9 a file here, 1 anything else.";

#[derive(Subcommand)]
pub(crate) enum ClientCommand {
    /// List directories of FTP servers.
    #[command(after_help = URLS, after_long_help = format!("\
Examples:
  portolan ls ftp://ftp.example.org/pub/
  portolan ls -l ftp://anna@192.0.2.7:2121//srv
  portolan ls -R --json ftpes://host/ | jq -r 'select(.size > 1000000) | .name'
  portolan ls --proxy socks5h://127.0.0.1:1080 ftp://ftp.example.org/

{URLS}"))]
    Ls {
        /// Directories, or files.
        #[arg(required = true, value_parser = URL)]
        url: Vec<Url>,

        #[command(flatten)]
        form: Form,

        #[command(flatten)]
        reach: Reach,
    },
    /// Fetch files from FTP servers.
    #[command(after_help = URLS, after_long_help = format!("\
Examples:
  portolan get ftp://ftp.example.org/pub/disk.iso
  portolan get ftps://anna@host/a.csv ftps://anna@host/b.csv -o data/

A file is written under another name until it is whole. If it breaks off, the same command goes on where it was.

{URLS}"))]
    Get {
        /// Files.
        #[arg(required = true, value_parser = URL)]
        url: Vec<Url>,

        /// Write to this file, or into this folder; `-` is standard output.
        #[arg(short, long, value_name = "FILE|DIR")]
        output: Option<PathBuf>,

        #[command(flatten)]
        how: HowToGet,

        #[command(flatten)]
        transfer: Transfer,

        #[command(flatten)]
        reach: Reach,
    },
    /// Print files from FTP servers.
    #[command(after_help = URLS)]
    Cat {
        /// Files.
        #[arg(required = true, value_parser = URL)]
        url: Vec<Url>,

        #[command(flatten)]
        reach: Reach,
    },
    /// Store files on an FTP server.
    #[command(override_usage = "portolan put [OPTIONS] <FILE>... <URL>", after_help = URLS, after_long_help = format!("\
Examples:
  portolan put report.pdf ftp://anna@host/in/
  portolan put report.pdf ftp://anna@host/in/latest.pdf
  tar cz /etc | portolan put - ftpes://anna@host/backup.tgz

A file is stored under another name until it is whole, where the server lets one rename.

{URLS}"))]
    Put {
        /// Files, `-` is standard input; then the folder, with a slash at its end, or the file.
        #[arg(required = true, value_name = "FILE... URL")]
        paths: Vec<OsString>,

        /// Store it under its own name from the start.
        #[arg(long)]
        direct: bool,

        #[command(flatten)]
        transfer: Transfer,

        #[command(flatten)]
        reach: Reach,
    },
    /// Make a folder here like one on an FTP server, or the other way round.
    #[command(after_help = URLS, after_long_help = format!("\
Examples:
  portolan mirror ftp://ftp.example.org/pub/ pub
  portolan mirror site ftpes://anna@host/www/ --delete --dry-run
  portolan mirror ftp://host/logs/ logs --include '*.gz' --newer

Files are alike when size and time are. Nothing is deleted if a listing was not wholly understood.

{URLS}"))]
    Mirror {
        /// What is copied: a folder here, or a URL. A folder here that has a colon in its name is written ./NAME.
        from: String,

        /// What is made like it: a URL, or a folder here.
        to: String,

        #[command(flatten)]
        wishes: Wishes,

        #[command(flatten)]
        transfer: Transfer,

        #[command(flatten)]
        reach: Reach,
    },
    /// Delete files on FTP servers.
    #[command(after_help = URLS)]
    Rm {
        /// Files, or folders with -r.
        #[arg(required = true, value_parser = URL)]
        url: Vec<Url>,

        /// Folders too, with everything in them.
        #[arg(short, long)]
        recursive: bool,

        #[command(flatten)]
        reach: Reach,
    },
    /// Make folders on FTP servers.
    #[command(after_help = URLS)]
    Mkdir {
        /// Folders.
        #[arg(required = true, value_parser = URL)]
        url: Vec<Url>,

        /// Those above it too, and no error if it is there.
        #[arg(short, long)]
        parents: bool,

        #[command(flatten)]
        reach: Reach,
    },
    /// Copy a file from one FTP server to another. The data goes between them, which both have to allow.
    #[command(after_help = URLS)]
    Fxp {
        /// The file.
        #[arg(value_parser = URL)]
        from: Url,

        /// The folder, with a slash at its end, or the file.
        #[arg(value_parser = URL)]
        to: Url,

        #[command(flatten)]
        reach: Reach,
    },
    /// Keep names for URLs.
    #[command(subcommand)]
    Bookmark(BookmarkCommand),
    /// Work with an FTP server in a conversation: by typing, with completion and history, or by a script.
    #[command(after_help = URLS, after_long_help = format!("\
Examples:
  portolan shell ftp.example.org
  portolan shell work                          a bookmark
  portolan shell ftpes://anna@host/in/ < script

`help` prints the commands. Tab completes them, names on the server, and names here; Ctrl-C cancels a command, Ctrl-D ends it
all. Where standard input is no terminal, its lines are commands, and the first that fails ends it with its exit code.
--user, --password-file, --password-command, --account and --fingerprint are for the first server that is opened, all other
options for each.

{URLS}"))]
    Shell {
        /// What is opened first: a URL, a bookmark, or a host.
        #[arg(value_parser = START)]
        start: Option<Url>,

        #[command(flatten)]
        transfer: Transfer,

        #[command(flatten)]
        reach: Reach,
    },
    /// Give a file on an FTP server another name.
    #[command(after_help = URLS)]
    Mv {
        /// The file.
        #[arg(value_parser = URL)]
        from: Url,

        /// Its new name, on the same server.
        #[arg(value_parser = URL)]
        to: Url,

        #[command(flatten)]
        reach: Reach,
    },
}

/// What is printed of a listing.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Form {
    /// With type, permissions, size and time.
    #[arg(short, long)]
    pub(crate) long: bool,

    /// With everything beneath.
    #[arg(short = 'R', long)]
    pub(crate) recursive: bool,

    /// One JSON object a line: name, type, size, modified, mode, owner, group, target.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Form {
    /// True when it is printed when entries were changed.
    pub(crate) fn shows_times(self) -> bool {
        self.long || self.json
    }
}

/// What a mirror is to do, and what not.
#[derive(Args)]
pub(crate) struct Wishes {
    /// Print what would be done: `+` for folders and files, `-` for what is deleted.
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    /// Delete what is not in the source.
    #[arg(long)]
    pub(crate) delete: bool,

    /// Do nothing at all if more than so many files and folders would be deleted.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    pub(crate) max_delete: usize,

    /// Copy files that differ only where the source is newer.
    #[arg(long)]
    pub(crate) newer: bool,

    /// Only files whose name, or path from the top, is like this.
    #[arg(long, value_name = "GLOB", value_parser = parse_glob)]
    pub(crate) include: Vec<Glob>,

    /// No files or folders whose name, or path from the top, is like this.
    #[arg(long, value_name = "GLOB", value_parser = parse_glob)]
    pub(crate) exclude: Vec<Glob>,
}

/// How a server is reached.
#[derive(Clone, Args)]
pub(crate) struct Reach {
    /// Log in under this name.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) user: Option<String>,

    /// Take the password from the first line of this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,

    /// Take the password from the first line that this command prints; it is run by the shell.
    #[arg(long, value_name = "COMMAND", conflicts_with = "password_file")]
    pub(crate) password_command: Option<String>,

    /// Send this account where the server asks for one.
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,

    /// What TLS is used for: `auto` if the server offers it, `required`, `off`, or `implicit`, from the start on. By default
    /// what the URL says, else `auto`.
    #[arg(long, value_enum)]
    pub(crate) tls: Option<TlsChoice>,

    /// Trust the authorities in this file (PEM), and no others.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// Trust this key and no other: the SHA-256 of its SubjectPublicKeyInfo, as it is printed for an unknown server.
    #[arg(long, value_name = "HEX", value_parser = parse_fingerprint)]
    pub(crate) fingerprint: Vec<Fingerprint>,

    /// What is done with a server that no authority vouches for and that was never seen: `ask`, take it and remember its key
    /// (`new`), or `refuse` it. Without a terminal `ask` is `refuse`.
    #[arg(long, value_enum, default_value = "ask")]
    pub(crate) trust: TrustChoice,

    /// Show this certificate where the server asks for one (PEM).
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,

    /// The key of that certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    /// Who opens data connections: this side (`passive`), the server (`active`), or whoever can (`auto`).
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) mode: ModeChoice,

    /// In active mode, tell the server to connect to this address, or ask for it: `router` (or `pcp`, `nat-pmp`, `upnp`), which
    /// leads the port here for as long as it is needed; `stun://HOST`, a page that says it, a name, `interface:NAME`. By default the
    /// own address, and if nobody outside can know that, `router`.
    #[arg(long, value_name = "ADDRESS|SOURCE")]
    pub(crate) active_address: Option<ActiveAddress>,

    /// In active mode, listen on these ports only.
    #[arg(long, value_name = "FIRST-LAST", value_parser = parse_ports)]
    pub(crate) active_ports: Option<RangeInclusive<u16>>,

    /// The charset of names on the server: `latin1`, `windows-1251`, `shift_jis`, `gb18030`, `koi8-r` and so on. Here they
    /// are UTF-8. By default names are left as they are.
    #[arg(long, value_name = "NAME", value_parser = parse_charset)]
    pub(crate) charset: Option<Charset>,

    /// Connect from this address.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) bind: Option<IpAddr>,

    /// Go through this proxy: `socks4://`, `socks4a://`, `socks5://`, `socks5h://`, `http://` or `ftp://`, and then
    /// `[USER:PASSWORD@]HOST[:PORT]`. By 4a, 5h and http the proxy looks up the server's name. `none` goes without. By default what
    /// the variables `ftp_proxy` and `all_proxy` say, but for the hosts in `no_proxy`.
    #[arg(long, value_name = "URL|none")]
    pub(crate) proxy: Option<String>,

    /// Give up after so many tries beyond the first.
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    pub(crate) retries: u32,

    /// Wait so long for anything that should come at once.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,

    /// Print the conversation to standard error. Passwords are not in it.
    #[arg(short, long)]
    pub(crate) verbose: bool,

    /// Print nothing but errors.
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// It is not for the server that the environment's password is for.
    #[arg(skip)]
    pub(crate) is_another: bool,
}

impl Reach {
    /// The same for another server, which is not to be told whose password that was.
    pub(crate) fn of_another(&self) -> Reach {
        Reach {
            user: None,
            password_file: None,
            password_command: None,
            account: None,
            fingerprint: Vec::new(),
            is_another: true,
            ..self.clone()
        }
    }

    /// The same wherever one is here: with the whole paths of files.
    pub(crate) fn anchored(self) -> std::io::Result<Reach> {
        let whole = |file: Option<PathBuf>| file.map(std::path::absolute).transpose();
        Ok(Reach {
            password_file: whole(self.password_file)?,
            ca: whole(self.ca)?,
            cert: whole(self.cert)?,
            key: whole(self.key)?,
            ..self
        })
    }
}

/// How files are fetched.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct HowToGet {
    /// Begin anew although there is a part.
    #[arg(long)]
    pub(crate) no_resume: bool,

    /// Fetch large files by so many data connections at a time.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub(crate) segments: u16,
}

/// How files are transferred.
#[derive(Args)]
pub(crate) struct Transfer {
    /// Transfer as text: line ends become those of the other side.
    #[arg(short, long)]
    pub(crate) ascii: bool,

    /// Leave times as they come out.
    #[arg(long)]
    pub(crate) no_times: bool,

    /// Print one JSON object a line for what happens: begin, progress, done, failed; and end, for `mirror`.
    #[arg(long)]
    pub(crate) json: bool,

    /// Open so many sessions at most. By default as many as are worth it: more where a round trip takes long.
    #[arg(short, long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) jobs: Option<u16>,
}

impl Transfer {
    /// How many sessions there may be; without a number that is found out.
    pub(crate) fn sessions(&self) -> Option<usize> {
        self.jobs.map(usize::from)
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum TlsChoice {
    Auto,
    Required,
    Off,
    Implicit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TrustChoice {
    Ask,
    New,
    Refuse,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ModeChoice {
    Auto,
    Passive,
    Active,
}

/// Reads a URL. What is wrong with one is said without it: there may be a password in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UrlParser(fn(&str) -> Result<Url, Exit>);

/// Where a URL is expected.
const URL: UrlParser = UrlParser(bookmarks::url);

/// Where a shell begins, which may be said in fewer words.
pub(crate) const START: UrlParser = UrlParser(bookmarks::start);

impl TypedValueParser for UrlParser {
    type Value = Url;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Url, clap::Error> {
        let read = value.to_str().ok_or_else(|| Exit::wrong("a URL is UTF-8")).and_then(self.0);
        read.map_err(|exit| {
            let message = format!("{}\n", exit.message);
            clap::Error::raw(clap::error::ErrorKind::ValueValidation, message).with_cmd(command)
        })
    }
}

fn parse_glob(text: &str) -> Result<Glob, String> {
    Glob::new(text).map_err(|error| error.to_string())
}

fn parse_charset(text: &str) -> Result<Charset, String> {
    let wrong = "it is no charset for names; latin1, windows-1251, shift_jis and gb18030 are some";
    Charset::named(text).ok_or_else(|| wrong.to_owned())
}

fn parse_fingerprint(text: &str) -> Result<Fingerprint, String> {
    Fingerprint::parse(text).ok_or_else(|| "a fingerprint is 64 hexadecimal digits".to_owned())
}
