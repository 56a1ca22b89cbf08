//! Medians, spread, and ratios.

mod markdown;

use crate::rows::{Measured, Role, Share, Taken, Target, Who};
use serde::Serialize;
use std::fmt::Write;
use std::io;

pub(crate) use markdown::markdown;

/// All that was measured.
pub(crate) struct Report {
    /// What it was measured on, and who it was.
    pub(crate) machine: String,
    pub(crate) servers: Section,
    pub(crate) clients: Section,
}

/// Rows that have one table, since the same are measured in them.
pub(crate) struct Section {
    /// Everybody who has a column.
    pub(crate) columns: Vec<(&'static str, Role)>,
    pub(crate) rows: Vec<Measured>,
}

/// The middle one.
fn median(numbers: &[f64]) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// How far the runs lie apart: a half of the way from the least to the greatest, as a part of the median.
fn spread(numbers: &[f64]) -> f64 {
    let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    median(numbers).map_or(0.0, |median| (greatest - least) / 2.0 / median)
}

fn of(taken: &Taken, who: &Who) -> Option<f64> {
    median(taken.runs.get(&who.label())?)
}

/// The best of them.
fn best<'a>(taken: &Taken, all: impl Iterator<Item = &'a Who>) -> Option<(&'a Who, f64)> {
    let figures = all.filter_map(|who| Some((who, of(taken, who)?)));
    let by = |one: &(&Who, f64), other: &(&Who, f64)| one.1.total_cmp(&other.1);
    match taken.target {
        Target::AtMost(_) | Target::NotMore(_) => figures.min_by(by),
        Target::AtLeast(_) => figures.max_by(by),
    }
}

/// The best of those who are this.
fn best_of<'a>(measured: &'a Measured, taken: &Taken, role: Role) -> Option<(&'a Who, f64)> {
    best(taken, measured.who.iter().filter(|who| who.role == role))
}

/// Portolan's ratio to the bare loop.
fn to_raw(measured: &Measured, taken: &Taken) -> Option<f64> {
    let own = best_of(measured, taken, Role::Portolan)?.1;
    Some(own / best_of(measured, taken, Role::BareLoop)?.1)
}

/// Portolan's ratio to the best of the others, what it has to be, and whether it is that.
fn verdict(measured: &Measured, taken: &Taken) -> Option<(f64, String, bool)> {
    let own = best_of(measured, taken, Role::Portolan)?.1;
    let ratio = own / best_of(measured, taken, Role::Peer)?.1;
    Some(match taken.target {
        Target::AtMost(most) => (ratio, format!("≤ {most}"), ratio <= most),
        Target::AtLeast(least) => (ratio, format!("≥ {least}"), ratio >= least),
        Target::NotMore(most) => (ratio, format!("≤ {most} {}", taken.what), own <= most),
    })
}

fn number(value: f64) -> String {
    match value {
        large if large >= 100.0 => format!("{large:.0}"),
        middle if middle >= 10.0 => format!("{middle:.1}"),
        small => format!("{small:.3}"),
    }
}

fn cell(taken: &Taken, who: &Who) -> String {
    match (of(taken, who), taken.runs.get(&who.label())) {
        (Some(median), Some(runs)) => format!("{} ±{:.0} %", number(median), spread(runs) * 100.0),
        _ => "–".to_owned(),
    }
}

/// True where the load has to be fast enough: where files or logins a second are counted.
fn is_rate(measured: &Measured) -> bool {
    measured.figures.iter().any(|taken| matches!(taken.target, Target::AtLeast(_)))
}

/// The parts of the machine that a server and the load used.
fn shares(measured: &Measured, label: &str) -> Option<(f64, f64)> {
    let runs = measured.shares.get(label)?;
    let of = |part: fn(&Share) -> f64| median(&runs.iter().map(part).collect::<Vec<_>>());
    of(|share| share.server * 100.0).zip(of(|share| share.load * 100.0))
}

/// A row for people at a terminal.
pub(crate) fn of_row(measured: &Measured) -> String {
    let mut text = format!("\n{}  {}\n", measured.id, measured.what);
    let labels: Vec<String> = measured.who.iter().map(Who::label).collect();
    let width = labels.iter().map(String::len).max().unwrap_or_default().max(10);
    for taken in &measured.figures {
        for (who, label) in measured.who.iter().zip(&labels) {
            let _ = writeln!(text, "    {label:width$} {:>18} {}", cell(taken, who), taken.what);
        }
        if let Some(ratio) = to_raw(measured, taken) {
            let _ = writeln!(text, "    {ratio:.2} of the bare loop");
        }
        let others = best_of(measured, taken, Role::Peer);
        if let (Some((ratio, target, reached)), Some((who, _))) = (verdict(measured, taken), others) {
            let word = if reached { "reached" } else { "NOT reached" };
            let _ = writeln!(text, "    {ratio:.2} of {}; target {target}: {word}", who.label());
        }
    }
    for label in labels.iter().filter(|_| is_rate(measured)) {
        if let Some((server, load)) = shares(measured, label) {
            let _ =
                writeln!(text, "    {label:width$} used {server:.0} % of the machine, the load {load:.0} %");
        }
    }
    text
}

/// All rows as JSON, with the number of each run.
pub(crate) fn json(report: &Report) -> io::Result<String> {
    #[derive(Serialize)]
    struct All<'a> {
        machine: &'a str,
        rows: Vec<&'a Measured>,
    }
    let rows = report.servers.rows.iter().chain(&report.clients.rows).collect();
    Ok(serde_json::to_string_pretty(&All { machine: &report.machine, rows })? + "\n")
}
