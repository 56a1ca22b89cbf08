//! `portolan-lab`: real networks on one machine, and what gets through them. For development only.
//!
//! Hosts and routers are network namespaces, links are pairs of virtual interfaces, routers are the
//! kernel's with rules of nftables. All of it lives in namespaces of this program's own, as root or not,
//! and is gone when it ends, however that happens.

mod cell;
mod matrix;
mod patience;
mod peers;
mod scenario;
mod served;
mod side_by_side;
mod sides;
mod upnp;

use clap::{Parser, Subcommand};
use portolan_testkit::enclosure;
use std::process::ExitCode;

/// Test networks: what gets through NAT, firewalls and their kin.
#[derive(Parser)]
#[command(name = "portolan-lab")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Transfer real files by a stock client and our own through every pair of a client's and a server's network.
    #[command(after_help = "\
Examples:
  cargo run -p portolan-lab -- matrix
  cargo run -p portolan-lab -- matrix --only nat    cells with `nat` in their names, and what went wrong there
  cargo run -p portolan-lab -- matrix --peers       with vsftpd and ProFTPD beside Portolan, from Debian's packages")]
    Matrix {
        /// Run the cells with other servers too, and print all side by side.
        #[arg(long)]
        peers: bool,

        /// Only cells whose name has this in it.
        #[arg(long, value_name = "TEXT")]
        only: Option<String>,
    },
    /// Let things happen in networks: routers restart, addresses change, connections are forgotten.
    #[command(after_help = "Example:\n  cargo run -p portolan-lab -- scenarios --only restarts")]
    Scenarios {
        /// Only those whose name has this in it.
        #[arg(long, value_name = "TEXT")]
        only: Option<String>,
    },
}

fn main() -> ExitCode {
    let command = Args::parse().command;
    // From within, nobody is within reach.
    let fetched =
        if matches!(command, Command::Matrix { peers: true, .. }) { peers::fetch() } else { Ok(()) };
    if let Err(error) = fetched.and_then(|()| enclosure::enter()) {
        eprintln!("portolan-lab: {error}");
        return ExitCode::FAILURE;
    }
    let right = match command {
        Command::Matrix { only, peers: false } => matrix::run(only.as_deref()),
        Command::Matrix { only, peers: true } => matrix::run_with_peers(only.as_deref()),
        Command::Scenarios { only } => scenario::run(only.as_deref()),
    };
    if right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
