//! The command line.

mod bookmark;
mod client;
mod control;
mod hook;
mod people;

use clap::{Parser, Subcommand};
use portolan_config::{parse_active_port, parse_methods, parse_ports, parse_resume, parse_tls};
use portolan_net::ActivePort;
use portolan_net::tls::Resume;
use portolan_proto::server::TlsPolicy;
use portolan_reach::mapping::Method;
use portolan_reach::source::AddressSource;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

pub(crate) use bookmark::BookmarkCommand;
pub(crate) use client::{
    ClientCommand, Form, HowToGet, ModeChoice, Reach, START, TlsChoice, Transfer, TrustChoice, Wishes,
};
pub(crate) use control::ControlCommand;
pub(crate) use hook::HookCommand;
pub(crate) use people::{
    BanCommand, Changes, GroupCommand, ImportFormat, Output, Source, Totals, UserCommand, WhichGroup, Who,
};

/// An FTP suite for networks as they are today.
#[derive(Parser)]
#[command(name = "portolan", version, propagate_version = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve a folder by FTP.
    #[command(after_help = "\
Examples:
  portolan serve .                              everybody may read this folder
  portolan serve --write --user anna /srv/anna  anna may read and write it
  portolan serve --tls require /srv/ftp         nobody without TLS
  portolan serve --one-port --map-ports .       behind a home router that speaks UPnP or PCP
  portolan serve -c portolan.toml               all from a configuration file

What the server does is logged to standard error; PORTOLAN_LOG=debug says more.
Ctrl-C ends it: running transfers get some time, everybody else is told.")]
    Serve(Box<ServeArgs>),
    /// Work with configuration files.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Work with users.
    #[command(subcommand)]
    User(UserCommand),
    /// Work with groups of users.
    #[command(subcommand)]
    Group(GroupCommand),
    /// Work with addresses that may not connect.
    #[command(subcommand)]
    Ban(BanCommand),
    /// Work with events that hooks are told of.
    #[command(subcommand)]
    Hook(HookCommand),
    #[command(flatten)]
    Client(Box<ClientCommand>),
    #[command(flatten)]
    Control(ControlCommand),
    /// Starts programs for a server that runs.
    #[command(hide = true)]
    Launcher,
    /// Asks PAM for a server that runs.
    #[command(hide = true)]
    Pam,
    /// Opens holes in the firewall for a server that runs.
    #[command(hide = true)]
    Pinholes {
        /// The name of the table.
        name: String,
        /// The ports that it is about.
        #[arg(value_parser = parse_ports)]
        ports: RangeInclusive<u16>,
    },
}

/// Ways to ask a router.
#[derive(Debug, Clone)]
pub(crate) struct MapPorts(pub(crate) Vec<Method>);

fn parse_map_ports(text: &str) -> Result<MapPorts, String> {
    parse_methods(text).map(MapPorts)
}

#[derive(clap::Args)]
pub(crate) struct ServeArgs {
    /// The folder to serve.
    #[arg(required_unless_present = "config")]
    pub(crate) dir: Option<PathBuf>,

    /// Let clients change files and folders.
    #[arg(long, requires = "dir")]
    pub(crate) write: bool,

    /// Let this user log in, with a password that is asked for. Anonymous access is off then.
    #[arg(long, value_name = "NAME", requires = "dir")]
    pub(crate) user: Option<String>,

    /// Take the user's password from the first line of this file instead of asking.
    #[arg(long, value_name = "FILE", requires = "user")]
    pub(crate) password_file: Option<PathBuf>,

    /// Allow anonymous access although there is a user.
    #[arg(long, requires = "dir")]
    pub(crate) anonymous: bool,

    /// Take control connections here; may be given several times. [default: port 2121 on all
    /// addresses, IPv4 and IPv6]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Vec<SocketAddr>,

    /// Take control connections here whose TLS begins at once (ftps://); may be given several times.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen_implicit: Vec<SocketAddr>,

    /// What TLS is for: `offer` it to who wants it, `require` it for logins and data, or `off`; or
    /// `require-login` for logins only. [default: offer]
    #[arg(long, value_name = "off|offer|require", value_parser = parse_tls)]
    pub(crate) tls: Option<TlsPolicy>,

    /// Take the certificate from this file in PEM, with those that lead to its authority. Without it,
    /// one is made on the first start and kept.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// Take the certificate's private key from this file in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Whether a protected data connection has to resume the TLS session of its control connection:
    /// with `prefer`, one that does may come from any address, and one that does not from the client's
    /// only. [default: prefer]
    #[arg(long, value_name = "require|prefer|off", value_parser = parse_resume)]
    pub(crate) tls_resume: Option<Resume>,

    /// Take passive data connections on these ports. One is enough for any number of clients.
    /// [default: 50000-50099]
    #[arg(long, value_name = "A-B", value_parser = parse_ports)]
    pub(crate) passive_ports: Option<RangeInclusive<u16>>,

    /// Take passive data connections on the control port itself: no other port has to be opened.
    #[arg(long)]
    pub(crate) one_port: bool,

    /// Tell passive clients outside to connect to this IPv4 address, the public one of a NAT router; or
    /// where to find it out: a name like ftp.example.org, https://… of a page that says it, stun://host,
    /// router, or interface:eth0. The first that answers counts. [default: the address that they came to,
    /// or that of a router that opened ports]
    #[arg(long, value_name = "ADDR|SOURCE", value_delimiter = ',')]
    pub(crate) announce: Vec<AddressSource>,

    /// Ask the router to lead the ports here, and give them back at the end: by PCP, NAT-PMP or UPnP, or by
    /// these of them only.
    #[arg(long, value_name = "pcp,nat-pmp,upnp", num_args = 0..=1, require_equals = true,
          default_missing_value = "pcp,nat-pmp,upnp", value_parser = parse_map_ports)]
    pub(crate) map_ports: Option<MapPorts>,

    /// Open this machine's own firewall for each passive data connection: for that client and port, and
    /// some seconds. Needs CAP_NET_ADMIN.
    #[arg(long)]
    pub(crate) pinholes: bool,

    /// Open active data connections from this port: a number, `auto` for one below the control
    /// port, or `any`. [default: auto]
    #[arg(long, value_name = "N|auto|any", value_parser = parse_active_port)]
    pub(crate) active_port: Option<ActivePort>,

    /// Take the configuration from this file; other flags come before what it says.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether a configuration file is right, and if not, what is wrong where.
    #[command(after_help = "Example:\n  portolan config check /etc/portolan.toml")]
    Check {
        /// The configuration file.
        #[arg(default_value = "portolan.toml")]
        file: PathBuf,
    },
    /// Print all keys of the configuration file, as a page in Markdown.
    Reference,
}
