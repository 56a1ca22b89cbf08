//! The command lines of `portolan user`, `portolan group` and `portolan ban`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user.
    #[command(after_help = "\
Examples:
  portolan user add anna --folder /srv/ftp/anna --rights full
  portolan user add otto --group staff --set speed-down='10 MB/s'
  portolan user add press --mount /photos=/srv/photos:read-only --mount /in=/srv/in:upload-only")]
    Add {
        #[command(flatten)]
        who: Who,

        #[command(flatten)]
        password: PasswordFrom,

        /// A group to be a member of; may be given several times. What the first one sets comes before the second.
        #[arg(long, value_name = "NAME")]
        group: Vec<String>,

        #[command(flatten)]
        changes: Changes,
    },
    /// Change what is set for a user.
    #[command(after_help = "\
Examples:
  portolan user set anna speed-down=unlimited enabled=false
  portolan user set anna --mount /public=/srv/public:read-only --unset tls")]
    Set {
        #[command(flatten)]
        who: Who,

        /// Settings, like speed-down='10 MB/s'.
        #[arg(value_name = "KEY=VALUE")]
        settings: Vec<String>,

        /// The groups to be a member of, in place of those before; may be given several times.
        #[arg(long, value_name = "NAME")]
        group: Vec<String>,

        /// Be a member of no group any more.
        #[arg(long, conflicts_with = "group")]
        no_group: bool,

        #[command(flatten)]
        changes: Changes,
    },
    /// Give a user another password.
    Passwd {
        #[command(flatten)]
        who: Who,

        #[command(flatten)]
        password: PasswordFrom,
    },
    /// Remove a user. Their files stay where they are.
    Remove {
        #[command(flatten)]
        who: Who,
    },
    /// Print who may log in.
    #[command(after_help = "Example:\n  portolan user list -c /etc/portolan.toml")]
    List {
        #[command(flatten)]
        source: Source,

        #[command(flatten)]
        output: Output,
    },
    /// Print what is set for a user.
    #[command(
        after_help = "Example:\n  portolan user show anna --effective    also what comes from groups, and from where"
    )]
    Show {
        #[command(flatten)]
        who: Who,

        #[command(flatten)]
        output: Output,

        /// Everything that counts for them, and where it comes from.
        #[arg(long)]
        effective: bool,
    },
    /// Say whether a user may do something, and which rule decides.
    #[command(after_help = "\
Example:
  portolan user can anna STOR /in/a.csv --from 192.0.2.7    yes, or no and why; then the exit code is 1")]
    Can {
        #[command(flatten)]
        who: Who,

        /// The verb, like STOR.
        verb: String,

        /// The path that it is said with.
        #[arg(default_value = "/")]
        path: String,

        /// The address that they come from.
        #[arg(long, value_name = "ADDRESS")]
        from: Option<std::net::IpAddr>,
    },
    /// Take over the users of another server from its file. Lines that cannot be understood are told, and left out.
    #[command(after_help = "\
Examples:
  portolan user import pure-ftpd /etc/pure-ftpd/pureftpd.passwd --rights full
  portolan user import proftpd /etc/proftpd/ftpd.passwd --groups /etc/proftpd/ftpd.group --dry-run
  portolan user import vsftpd /etc/vsftpd/virtual_users.txt --folder '/srv/ftp/{user}' --rights full

Hashes are taken as they are, and replaced when their user logs in.")]
    Import {
        /// Whose file it is.
        format: ImportFormat,

        /// The file.
        file: PathBuf,

        /// ProFTPD's AuthGroupFile: users become members of the groups of these names, which have to be there.
        #[arg(long, value_name = "FILE")]
        groups: Option<PathBuf>,

        /// Say what would be done, and do nothing.
        #[arg(long)]
        dry_run: bool,

        /// The folder that is the root of what they see, instead of their home; {user} stands for the name.
        #[arg(long, value_name = "DIR")]
        folder: Option<PathBuf>,

        /// What may be done in it: full, read-only, upload-only, or some of: read write append delete list
        /// make-folders remove-folders.
        #[arg(long, value_name = "RIGHTS", default_value = "read-only")]
        rights: String,

        /// A group that they become members of as well; may be given several times.
        #[arg(long, value_name = "NAME")]
        group: Vec<String>,

        #[command(flatten)]
        source: Source,
    },
    /// Print the hash of a password, for the configuration file.
    #[command(
        after_help = "Example:\n  portolan user hash    asks for the password, then prints $argon2id$…"
    )]
    Hash {
        #[command(flatten)]
        password: PasswordFrom,
    },
}

/// Servers whose users can be taken over.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum ImportFormat {
    Proftpd,
    PureFtpd,
    Vsftpd,
    Htpasswd,
    #[value(name = "filezilla")]
    FileZilla,
}

#[derive(Subcommand)]
pub(crate) enum GroupCommand {
    /// Add a group.
    #[command(after_help = "\
Example:
  portolan group add staff --mount /public=/srv/public:read-only --set tls=require --total-speed-down='50 MB/s'")]
    Add {
        #[command(flatten)]
        group: WhichGroup,

        #[command(flatten)]
        totals: Totals,

        #[command(flatten)]
        changes: Changes,
    },
    /// Change what is set for the members of a group.
    Set {
        #[command(flatten)]
        group: WhichGroup,

        /// Settings, like speed-down='10 MB/s'.
        #[arg(value_name = "KEY=VALUE")]
        settings: Vec<String>,

        #[command(flatten)]
        totals: Totals,

        #[command(flatten)]
        changes: Changes,
    },
    /// Remove a group. Who is a member of it cannot log in until that is changed.
    Remove {
        #[command(flatten)]
        group: WhichGroup,
    },
    /// Print the groups.
    List {
        #[command(flatten)]
        source: Source,

        #[command(flatten)]
        output: Output,
    },
    /// Print what is set for the members of a group.
    Show {
        #[command(flatten)]
        group: WhichGroup,

        #[command(flatten)]
        output: Output,
    },
}

#[derive(Subcommand)]
pub(crate) enum BanCommand {
    /// Print the addresses that may not connect, and for how long.
    List {
        #[command(flatten)]
        source: Source,

        #[command(flatten)]
        output: Output,
    },
    /// Ban an address; of IPv6, the network of 64 bits that it is in. A server that runs takes it up within seconds.
    #[command(after_help = "Example:\n  portolan ban add 192.0.2.66 --for 86400 --reason 'port scan'")]
    Add {
        /// The address.
        address: std::net::IpAddr,

        /// For how many seconds.
        #[arg(long = "for", value_name = "SECONDS", default_value = "3600", value_parser = seconds)]
        time: std::time::Duration,

        /// Why, for those who look later.
        #[arg(long, value_name = "TEXT", default_value = "by hand")]
        reason: String,

        #[command(flatten)]
        source: Source,
    },
    /// Lift the ban of an address.
    Remove {
        /// The address.
        address: std::net::IpAddr,

        #[command(flatten)]
        source: Source,
    },
}

fn seconds(text: &str) -> Result<std::time::Duration, String> {
    let seconds = text.parse().map_err(|_| format!("`{text}` is no number of seconds"))?;
    Ok(std::time::Duration::from_secs(seconds))
}

/// Where users are looked for.
#[derive(Args)]
pub(crate) struct Source {
    /// The configuration file. [default: portolan.toml, if that is there]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// The users of this virtual host.
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
}

/// How something is printed.
#[derive(Args)]
pub(crate) struct Output {
    /// Print JSON, an object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Somebody.
#[derive(Args)]
pub(crate) struct Who {
    /// The name; `anonymous` for everybody.
    pub(crate) name: String,

    #[command(flatten)]
    pub(crate) source: Source,
}

/// A group.
#[derive(Args)]
pub(crate) struct WhichGroup {
    /// The name.
    pub(crate) name: String,

    /// The configuration file. [default: portolan.toml, if that is there]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Where a password comes from.
#[derive(Args)]
pub(crate) struct PasswordFrom {
    /// Take the password from the first line of this file instead of asking.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

/// How fast the members of a group may be together.
#[derive(Args)]
pub(crate) struct Totals {
    /// How fast all members together may upload, like 50 MB/s; or unlimited.
    #[arg(long, value_name = "SPEED")]
    pub(crate) total_speed_up: Option<String>,

    /// How fast all members together may download.
    #[arg(long, value_name = "SPEED")]
    pub(crate) total_speed_down: Option<String>,
}

/// What is changed.
#[derive(Args)]
pub(crate) struct Changes {
    /// The folder that is the root of what they see; {user} in it stands for the name.
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,

    /// What may be done in that folder: full, read-only, upload-only, or some of: read write append delete list
    /// make-folders remove-folders.
    #[arg(long, value_name = "RIGHTS", default_value = "read-only", requires = "folder")]
    pub(crate) rights: String,

    /// Another folder, where it is seen, and what may be done there; may be given several times.
    #[arg(long, value_name = "/AT=DIR:RIGHTS")]
    pub(crate) mount: Vec<String>,

    /// See the folder there no longer; may be given several times.
    #[arg(long, value_name = "/AT")]
    pub(crate) unmount: Vec<String>,

    /// A setting; may be given several times. `portolan user show NAME --effective` prints all that there are.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,

    /// A setting that is set no longer; may be given several times.
    #[arg(long, value_name = "KEY")]
    pub(crate) unset: Vec<String>,
}
