//! The clients, and how they are used.
//!
//! Each is as it comes, but that it has no settings of this machine's people, and speaks TLS where a row is about it, and
//! nowhere else. Whether it did what it should is not looked at here.

mod curl;
mod lftp;
mod ncftp;
mod portolan;
mod rclone;
pub(crate) mod run;
mod wget;

use crate::rows::{Role, Who};
use crate::servers::{Kind, PORT};
use clap::ValueEnum;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Client {
    Portolan,
    Curl,
    Lftp,
    Ncftp,
    Wget,
    Rclone,
}

impl Client {
    pub(crate) const ALL: [Client; 6] =
        [Client::Portolan, Client::Curl, Client::Lftp, Client::Ncftp, Client::Wget, Client::Rclone];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Client::Portolan => "Portolan",
            Client::Curl => "curl",
            Client::Lftp => "lftp",
            Client::Ncftp => "ncftp",
            Client::Wget => "wget",
            Client::Rclone => "rclone",
        }
    }

    fn role(self) -> Role {
        if self == Client::Portolan { Role::Portolan } else { Role::Peer }
    }
}

/// Everybody who has a column.
pub(crate) fn columns() -> Vec<(&'static str, Role)> {
    Client::ALL.map(|client| (client.name(), client.role())).to_vec()
}

/// The others' versions, as their packages say them.
pub(crate) fn versions() -> io::Result<String> {
    let packages =
        Client::ALL.iter().filter(|client| **client != Client::Portolan).map(|client| client.name());
    let output =
        Command::new("dpkg-query").args(["-W", "-f", "${Package} ${Version}, "]).args(packages).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches(", ").to_owned())
}

/// One way to use a client.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    /// `get` or `put`.
    PortolanFiles,
    /// `mirror` with so many jobs, or as many as it takes by itself.
    PortolanMirror(Option<u16>),
    /// With so many transfers at a time.
    Curl(u16),
    /// `get` or `put`; without `sync` it says commands before the one before is answered.
    LftpFiles { sync: bool },
    /// `mirror` with so many transfers at a time.
    LftpMirror { parallel: u16, sync: bool },
    /// `ncftpget` or `ncftpput`.
    Ncftp,
    /// It cannot send.
    Wget,
    /// With so many transfers at a time, or as many as it does by itself.
    Rclone(Option<u16>),
}

impl Way {
    pub(crate) fn client(self) -> Client {
        match self {
            Way::PortolanFiles | Way::PortolanMirror(_) => Client::Portolan,
            Way::Curl(_) => Client::Curl,
            Way::LftpFiles { .. } | Way::LftpMirror { .. } => Client::Lftp,
            Way::Ncftp => Client::Ncftp,
            Way::Wget => Client::Wget,
            Way::Rclone(_) => Client::Rclone,
        }
    }

    pub(crate) fn who(self) -> Who {
        let client = self.client();
        Who { name: client.name(), way: self.text(), role: client.role() }
    }

    /// What of its options makes it differ from other ways.
    fn text(self) -> String {
        let unless_sync = |sync: bool| if sync { "" } else { "sync off" };
        let text = match self {
            Way::PortolanFiles | Way::Curl(1) | Way::Ncftp | Way::Wget | Way::Rclone(None) => String::new(),
            Way::PortolanMirror(None) => "mirror".to_owned(),
            Way::PortolanMirror(Some(jobs)) => format!("mirror -j {jobs}"),
            Way::Curl(parallel) => format!("-Z {parallel}"),
            Way::LftpFiles { sync } => unless_sync(sync).to_owned(),
            Way::LftpMirror { parallel, sync } => format!("mirror -P{parallel} {}", unless_sync(sync)),
            Way::Rclone(Some(transfers)) => format!("--transfers {transfers}"),
        };
        text.trim_end().to_owned()
    }

    /// The program and its arguments.
    pub(crate) fn line(self, task: &Task<'_>) -> io::Result<Vec<String>> {
        Ok(match self {
            Way::PortolanFiles => portolan::files(task)?,
            Way::PortolanMirror(jobs) => portolan::mirror(task, jobs)?,
            Way::Curl(parallel) => curl::line(task, parallel),
            Way::LftpFiles { sync } => lftp::files(task, sync),
            Way::LftpMirror { parallel, sync } => lftp::mirror(task, parallel, sync),
            Way::Ncftp => ncftp::line(task),
            Way::Wget => wget::line(task),
            Way::Rclone(transfers) => rclone::line(task, transfers),
        })
    }
}

/// A server, as clients reach it.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) server: Kind,
    pub(crate) address: Ipv4Addr,
    /// It opens the data connections.
    pub(crate) active: bool,
    /// Whom to trust, where TLS is spoken.
    pub(crate) certificate: Option<PathBuf>,
}

/// Which way files go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Towards {
    Here,
    There,
}

/// What a client has to do: all that is in one folder is to be in another one as well.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    pub(crate) place: &'a Place,
    pub(crate) towards: Towards,
    /// The name of the server's folder in what is served.
    pub(crate) remote: &'a str,
    /// The folder here; it is there.
    pub(crate) local: &'a Path,
    /// What is in it, for clients that have to be told.
    pub(crate) files: &'a [String],
}

/// The password; nobody checks it.
const PASSWORD: &str = "x";

impl Task<'_> {
    fn user(&self) -> &'static str {
        self.place.server.user()
    }

    /// The server's folder, from its root.
    fn folder(&self) -> String {
        format!("{}{}", self.place.server.prefix(), self.remote)
    }

    /// Each file there, from the server's root.
    fn remote_files(&self) -> impl Iterator<Item = String> {
        let folder = self.folder();
        self.files.iter().map(move |file| format!("{folder}/{file}"))
    }

    /// Each file here.
    fn local_files(&self) -> impl Iterator<Item = String> {
        self.files.iter().map(|file| self.local.join(file).display().to_string())
    }

    fn url_of(&self, path: &str) -> String {
        format!("ftp://{}:{PASSWORD}@{}:{PORT}{path}", self.user(), self.place.address)
    }

    /// The URL of the server's folder.
    fn url(&self) -> String {
        self.url_of(&(self.folder() + "/"))
    }

    /// The URL of each file there.
    fn urls(&self) -> impl Iterator<Item = String> {
        self.remote_files().map(|path| self.url_of(&path))
    }

    /// The folder here.
    fn local(&self) -> String {
        self.local.display().to_string()
    }

    /// The certificate to trust, where TLS is spoken.
    fn certificate(&self) -> Option<String> {
        self.place.certificate.as_ref().map(|path| path.display().to_string())
    }
}

/// The beginning of a command line.
fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}
