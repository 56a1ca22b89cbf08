//! `portolan-bench`: Portolan beside the servers that people know, and beside bare loops that move the same bytes
//! with no FTP around them. For development only.
//!
//! Machines are noisy, and their speed changes from minute to minute. So every server gets the same load in turn,
//! several times over, and what counts is the ratio of medians within one run. All of it happens in a network
//! namespace of its own, on files in memory; the processor time of a server is that of all its processes, by a
//! control group of the kernel.

mod account;
mod files;
mod load;
mod machine;
mod raw;
mod rows;
mod servers;
mod table;

use clap::Parser;
use servers::Kind;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures Portolan beside other FTP servers.
#[derive(Parser)]
#[command(
    name = "portolan-bench",
    after_help = "\
Examples:
  cargo run --release -p portolan-bench                   all rows, five times
  cargo run --release -p portolan-bench -- a c            two rows
  cargo run --release -p portolan-bench -- e1 --runs 9 --only portolan,pure-ftpd,raw
  cargo run --release -p portolan-bench -- --list         what there is to measure

It needs root, for the control group, and Portolan built before: cargo build --release -p portolan"
)]
struct Args {
    /// The rows to measure. Without any: all.
    rows: Vec<String>,

    /// How often each server gets the load of a row.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=99))]
    runs: u16,

    /// Only these servers.
    #[arg(long, value_name = "NAME", value_enum, value_delimiter = ',')]
    only: Vec<Kind>,

    /// Write the results there as JSON as well.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write the table there as Markdown as well.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,

    /// Say what there is to measure, and end.
    #[arg(long)]
    list: bool,

    /// Be the bare loop that listens on this port and serves this folder; with TLS, if there is a certificate.
    #[arg(long, hide = true, num_args = 2..=4, value_names = ["PORT", "FOLDER", "CERTIFICATE", "KEY"])]
    raw: Option<Vec<String>>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.raw {
        Some(arguments) => raw::serve(arguments),
        None if args.list => {
            rows::ALL.iter().for_each(|row| println!("{:4} {}", row.id, row.what));
            Ok(())
        }
        None => measure(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portolan-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &Args) -> std::io::Result<()> {
    let unknown = args.rows.iter().find(|id| rows::ALL.iter().all(|row| row.id != **id));
    if let Some(id) = unknown {
        return Err(std::io::Error::other(format!("no row {id}; --list says which there are")));
    }
    // From within, nobody is within reach.
    servers::fetch()?;
    portolan_testkit::enclosure::enter()?;
    machine::prepare()?;
    let files = files::Files::new()?;
    let there = |kind: &Kind| *kind != Kind::Unftp || servers::unftp_version().is_some();
    let wanted = |kind: &Kind| (args.only.is_empty() && there(kind)) || args.only.contains(kind);
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(wanted).collect();
    let machine = format!("{}; {}", machine::describe(), servers::versions()?);
    let mut results = Vec::new();
    for row in rows::ALL.iter().filter(|row| args.rows.is_empty() || args.rows.iter().any(|id| id == row.id))
    {
        let result = rows::measure(row, &kinds, args.runs, &files)?;
        println!("{}", table::of_row(&result));
        results.push(result);
        // It takes long, and who ends it early keeps what there is.
        if let Some(file) = &args.markdown {
            std::fs::write(file, table::markdown(&results, &machine))?;
        }
        if let Some(file) = &args.json {
            std::fs::write(file, table::json(&results, &machine)?)?;
        }
    }
    Ok(())
}
