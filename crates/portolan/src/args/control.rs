//! The command lines of commands to a running server.

use super::people::Output;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum ControlCommand {
    /// Say how the running server is.
    Status {
        #[command(flatten)]
        server: Which,

        #[command(flatten)]
        output: Output,
    },
    /// Have the running server read its configuration again. SIGHUP does the same, and so does a change of the file.
    Reload {
        #[command(flatten)]
        server: Which,
    },
    /// Take nobody new in, with 421 and a reason; who is there goes on. It lasts over restarts.
    #[command(after_help = "\
Examples:
  portolan lock --reason 'Disks are being exchanged' --time 3600
  portolan lock")]
    Lock {
        /// What people are told.
        #[arg(long, default_value = "")]
        reason: String,

        /// For so many seconds; otherwise until `portolan unlock`.
        #[arg(long, value_name = "SECONDS")]
        time: Option<u64>,

        #[command(flatten)]
        server: Which,
    },
    /// Take people in again.
    Unlock {
        #[command(flatten)]
        server: Which,
    },
    /// Take nobody new in, and stop when everybody has left.
    Drain {
        /// Stop after so many seconds in any case.
        #[arg(long, value_name = "SECONDS", default_value_t = 600)]
        time: u64,

        #[command(flatten)]
        server: Which,
    },
    /// Start the server anew, after an update of the program for instance: no connection is refused, and transfers that
    /// run go on to their end. SIGUSR2 does the same.
    Restart {
        #[command(flatten)]
        server: Which,
    },
}

/// Which server.
#[derive(Args)]
pub(crate) struct Which {
    /// Its configuration file. [default: portolan.toml, if it is there]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}
