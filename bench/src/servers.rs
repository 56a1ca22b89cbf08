//! The servers, each in the configuration that is most like the others': everybody may log in without a password that
//! costs anything, write, and use TLS; no log of transfers, no reverse DNS, no delays.

mod configured;

use crate::account::{self, Group};
use crate::files::Files;
use crate::machine;
use crate::rows::{Role, Who};
use clap::ValueEnum;
use configured::{proftpd, pure_ftpd, pyftpdlib, unftp, vsftpd};
use portolan_testkit::debian;
use portolan_testkit::peers::PACKAGES;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A bare loop, which knows just enough of FTP.
    Raw,
    Portolan,
    Vsftpd,
    Proftpd,
    PureFtpd,
    Pyftpdlib,
    /// It is in no package: `cargo install unftp` puts it where it is looked for.
    Unftp,
}

/// What a row needs of a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Needs {
    /// Where it listens. The bare loop knows the loopback interface only.
    pub(crate) address: Ipv4Addr,
    /// Uploads straight into their files; else as a server does it by itself.
    pub(crate) direct: bool,
    pub(crate) tls: bool,
}

/// Descriptors that services have by themselves. Some servers close every one that they could have, at each session;
/// others raise it themselves.
const DESCRIPTORS: u32 = 1024;

/// Those that do not raise it, and close none.
const MANY_DESCRIPTORS: u32 = 20_000;

/// Where control connections go.
pub(crate) const PORT: u16 = 2121;

/// Ports of passive data connections.
pub(crate) const PASSIVE: (u16, u16) = (10_000, 11_999);

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

impl Kind {
    pub(crate) const ALL: [Kind; 7] = [
        Kind::Raw,
        Kind::Portolan,
        Kind::Vsftpd,
        Kind::Proftpd,
        Kind::PureFtpd,
        Kind::Pyftpdlib,
        Kind::Unftp,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Raw => "bare loop",
            Kind::Portolan => "Portolan",
            Kind::Vsftpd => "vsftpd",
            Kind::Proftpd => "ProFTPD",
            Kind::PureFtpd => "Pure-FTPd",
            Kind::Pyftpdlib => "pyftpdlib",
            Kind::Unftp => "unFTP",
        }
    }

    fn role(self) -> Role {
        match self {
            Kind::Raw => Role::BareLoop,
            Kind::Portolan => Role::Portolan,
            _ => Role::Peer,
        }
    }

    pub(crate) fn who(self) -> Who {
        Who { name: self.name(), way: String::new(), role: self.role() }
    }

    /// Who logs in.
    pub(crate) fn user(self) -> &'static str {
        // It has settings of its own for people without a name, and they are not those that are wanted here.
        if self == Kind::PureFtpd { "bench" } else { "anonymous" }
    }

    /// Where the served folder is in what clients see, with a slash at its end.
    pub(crate) fn prefix(self) -> &'static str {
        // It lets nobody write to `/`.
        if self == Kind::Vsftpd { "/root/" } else { "/" }
    }
}

/// Everybody who has a column.
pub(crate) fn columns() -> Vec<(&'static str, Role)> {
    Kind::ALL.map(|kind| (kind.name(), kind.role())).to_vec()
}

/// Where the packages are unpacked, beside this program.
fn unpacked() -> io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("bench-peers"))
}

/// The others' versions, as their packages say them.
pub(crate) fn versions() -> io::Result<String> {
    let named = [
        ("vsftpd", Kind::Vsftpd),
        ("proftpd-core", Kind::Proftpd),
        ("pure-ftpd", Kind::PureFtpd),
        ("python3-pyftpdlib", Kind::Pyftpdlib),
    ];
    let files: io::Result<Vec<String>> = fs::read_dir(unpacked()?)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect();
    let files = files?;
    let version = |package: &str| {
        let mut parts =
            files.iter().find_map(|file| file.strip_prefix(package)?.strip_prefix('_'))?.split('_');
        parts.next().map(|version| version.replace("%3a", ":"))
    };
    let texts =
        named.map(|(package, kind)| format!("{} {}", kind.name(), version(package).unwrap_or_default()));
    Ok(texts.into_iter().chain(unftp_version()).collect::<Vec<_>>().join(", "))
}

/// What it says of itself, where it is installed.
pub(crate) fn unftp_version() -> Option<String> {
    let said = Command::new("unftp").arg("--version").output().ok()?;
    let said = String::from_utf8(said.stdout).ok()?;
    Some(format!("unFTP {}", said.split_whitespace().nth(1)?))
}

/// Fetches the packages, if they are not there.
pub(crate) fn fetch() -> io::Result<()> {
    debian::fetch(&PACKAGES, &unpacked()?)
}

/// A running server; it is gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) group: Group,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.group.kill();
        account::bury();
    }
}

impl Server {
    pub(crate) fn start(kind: Kind, files: &Files, needs: Needs) -> io::Result<Server> {
        let (group, scratch, unpacked) = (Group::new()?, files.scratch()?, unpacked()?);
        let sbin = |name: &str| unpacked.join("usr/sbin").join(name).display().to_string();
        let settings = scratch.join("settings");
        let mut command = match kind {
            Kind::Raw => {
                let mut command = group.command(&std::env::current_exe()?.display().to_string(), DESCRIPTORS);
                command.args(["--raw", &PORT.to_string()]).arg(files.root());
                if needs.tls {
                    let (certificate, key) = files.certificate();
                    command.args([certificate, key]);
                }
                command
            }
            Kind::Portolan => portolan(&group, files, &scratch, needs)?,
            Kind::Vsftpd => {
                fs::write(&settings, vsftpd(files, &scratch))?;
                let mut command = group.command(&sbin("vsftpd"), DESCRIPTORS);
                command.arg(&settings);
                command
            }
            Kind::Proftpd => {
                fs::write(&settings, proftpd(files, needs.address, &scratch, &unpacked))?;
                let mut command = group.command(&sbin("proftpd"), DESCRIPTORS);
                command.args(["-n", "-q", "-c"]).arg(&settings);
                command
            }
            Kind::PureFtpd => {
                let mut command = group.command(&sbin("pure-ftpd"), MANY_DESCRIPTORS);
                command.args(pure_ftpd(kind.user(), files, needs.address, &scratch, &unpacked)?);
                command
            }
            Kind::Unftp => {
                let mut command = group.command("unftp", MANY_DESCRIPTORS);
                command.args(unftp(files, needs.address));
                command
            }
            Kind::Pyftpdlib => {
                fs::write(&settings, pyftpdlib(files, needs, &scratch)?)?;
                let mut command = group.command("python3", MANY_DESCRIPTORS);
                command.arg(&settings).env("PYTHONPATH", unpacked.join("usr/lib/python3/dist-packages"));
                command
            }
        };
        let libraries = format!("{}-linux-gnu", std::env::consts::ARCH);
        command.env("LD_LIBRARY_PATH", unpacked.join("usr/lib").join(libraries));
        let log = scratch.join("log");
        let output = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn()?;
        let server = Server { kind, group, child };
        server.wait_until_it_listens(needs.address, &log)?;
        Ok(server)
    }

    /// A path in what clients see.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}{name}", self.kind.prefix())
    }

    fn wait_until_it_listens(&self, address: Ipv4Addr, log: &Path) -> io::Result<()> {
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect((address, PORT)).is_err() {
            if Instant::now() > until {
                let said = fs::read_to_string(log)?;
                return Err(io::Error::other(format!("{} does not start: {said}", self.kind.name())));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

/// Where control connections of the load go.
pub(crate) fn address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, PORT).into()
}

fn portolan(group: &Group, files: &Files, scratch: &Path, needs: Needs) -> io::Result<Command> {
    let settings = scratch.join("portolan.toml");
    fs::write(&settings, configured::portolan(files, needs))?;
    let mut command = group.command(&machine::portolan()?.display().to_string(), DESCRIPTORS);
    command.arg("serve").arg("--config").arg(settings).env("PORTOLAN_LOG", "warn");
    Ok(command)
}
