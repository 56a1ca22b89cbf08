//! `portolan-bench`: Portolan beside the servers and clients that people know, and beside bare loops that move the same
//! bytes with no FTP around them. For development only.
//!
//! Machines are noisy, and their speed changes from minute to minute. So every server gets the same load in turn, and
//! every client the same task, several times over, and what counts is the ratio of medians within one run. All of it
//! happens in network namespaces of its own, on files in memory; the processor time of a server or a client is that of
//! all its processes, by a control group of the kernel.

mod account;
mod clients;
mod files;
mod link;
mod load;
mod machine;
mod raw;
mod rows;
mod servers;
mod table;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Parser, ValueEnum};
use clients::Client;
use files::Files;
use link::Link;
use servers::Kind;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use table::{Report, Section};

/// Measures Portolan beside other FTP servers and clients.
#[derive(Parser)]
#[command(
    name = "portolan-bench",
    after_help = "\
Examples:
  cargo run --release -p portolan-bench                   all rows, five times
  cargo run --release -p portolan-bench -- a c            two rows
  cargo run --release -p portolan-bench -- e1 --runs 9 --only portolan,pure-ftpd,raw
  cargo run --release -p portolan-bench -- k5 --only portolan,curl,lftp
  cargo run --release -p portolan-bench -- --list         what there is to measure

It needs root, for the control group, and Portolan built before: cargo build --release -p portolan"
)]
struct Args {
    /// The rows to measure. Without any: all.
    rows: Vec<String>,

    /// How often each server and client has its turn in a row.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=99))]
    runs: u16,

    /// Only these servers and clients.
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(names()), value_delimiter = ',')]
    only: Vec<String>,

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
            all_rows().for_each(|(id, what)| println!("{id:4} {what}"));
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

fn measure(args: &Args) -> io::Result<()> {
    let chosen = |id: &str| args.rows.is_empty() || args.rows.iter().any(|wanted| wanted == id);
    if let Some(id) = args.rows.iter().find(|id| all_rows().all(|(known, _)| known != **id)) {
        return Err(io::Error::other(format!("no row {id}; --list says which there are")));
    }
    machine::portolan()?;
    // From within, nobody is within reach.
    servers::fetch()?;
    portolan_testkit::enclosure::enter()?;
    machine::prepare()?;
    let (files, link) = (Files::new()?, Link::new()?);
    let is_named = |value: &dyn Fn() -> Option<PossibleValue>| {
        value().is_some_and(|value| args.only.iter().any(|name| name == value.get_name()))
    };
    let there = |kind: &Kind| *kind != Kind::Unftp || servers::unftp_version().is_some();
    let wanted =
        |kind: &Kind| (args.only.is_empty() && there(kind)) || is_named(&|| kind.to_possible_value());
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(wanted).collect();
    let is_wanted = |client: Client| args.only.is_empty() || is_named(&|| client.to_possible_value());
    let mut report = Report {
        machine: format!("{}; {}; {}", machine::describe(), servers::versions()?, clients::versions()?),
        servers: Section { columns: servers::columns(), rows: Vec::new() },
        clients: Section { columns: clients::columns(), rows: Vec::new() },
    };
    for row in rows::servers::ALL.iter().filter(|row| chosen(row.id)) {
        let measured = rows::servers::measure(row, &kinds, args.runs, &files);
        println!("{}", table::of_row(&measured));
        report.servers.rows.push(measured);
        write(args, &report)?;
    }
    for row in rows::clients::ALL.iter().filter(|row| chosen(row.id)) {
        let measured = rows::clients::measure(row, is_wanted, args.runs, &files, &link);
        println!("{}", table::of_row(&measured));
        report.clients.rows.push(measured);
        write(args, &report)?;
    }
    Ok(())
}

/// Each row's name, and what it is about.
fn all_rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    let servers = rows::servers::ALL.iter().map(|row| (row.id, row.what));
    servers.chain(rows::clients::ALL.iter().map(|row| (row.id, row.what)))
}

/// Everybody who can be measured.
fn names() -> Vec<PossibleValue> {
    let servers = Kind::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let clients = Client::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    // Portolan is both.
    servers.chain(clients.skip(1)).collect()
}

/// It takes long, and who ends it early keeps what there is.
fn write(args: &Args, report: &Report) -> io::Result<()> {
    if let Some(file) = &args.markdown {
        std::fs::write(file, table::markdown(report))?;
    }
    if let Some(file) = &args.json {
        std::fs::write(file, table::json(report)?)?;
    }
    Ok(())
}
