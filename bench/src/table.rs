//! Medians, spread, and ratios.

use crate::rows::{Measured, Share, Taken, Target};
use crate::servers::Kind;
use serde::Serialize;
use std::fmt::Write;
use std::io;

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

fn of(taken: &Taken, kind: Kind) -> Option<f64> {
    median(taken.runs.get(kind.name())?)
}

/// The best of the others.
fn best(taken: &Taken) -> Option<(Kind, f64)> {
    let peers = taken.kinds.iter().filter(|kind| kind.is_peer());
    let figures = peers.filter_map(|kind| Some((*kind, of(taken, *kind)?)));
    let by = |one: &(Kind, f64), other: &(Kind, f64)| one.1.total_cmp(&other.1);
    match taken.target {
        Target::AtMost(_) | Target::NotMore(_) => figures.min_by(by),
        Target::AtLeast(_) => figures.max_by(by),
    }
}

/// Portolan's ratio to the best of the others, what it has to be, and whether it is that.
fn verdict(taken: &Taken) -> Option<(f64, String, bool)> {
    let own = of(taken, Kind::Portolan)?;
    let ratio = own / best(taken)?.1;
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

fn cell(taken: &Taken, kind: Kind) -> String {
    match (of(taken, kind), taken.runs.get(kind.name())) {
        (Some(median), Some(runs)) => format!("{} ±{:.0} %", number(median), spread(runs) * 100.0),
        _ => "–".to_owned(),
    }
}

/// True where the load has to be fast enough: where files or logins a second are counted.
fn is_rate(measured: &Measured) -> bool {
    measured.figures.iter().any(|taken| matches!(taken.target, Target::AtLeast(_)))
}

/// The parts of the machine that a server and the load used.
fn shares(measured: &Measured, kind: Kind) -> Option<(f64, f64)> {
    let runs = measured.shares.get(kind.name())?;
    let of = |part: fn(&Share) -> f64| median(&runs.iter().map(part).collect::<Vec<_>>());
    of(|share| share.server * 100.0).zip(of(|share| share.load * 100.0))
}

/// A row for people at a terminal.
pub(crate) fn of_row(measured: &Measured) -> String {
    let mut text = format!("\n{}  {}\n", measured.id, measured.what);
    for taken in &measured.figures {
        for kind in &taken.kinds {
            let _ = writeln!(text, "    {:10} {:>18} {}", kind.name(), cell(taken, *kind), taken.what);
        }
        let to_raw = of(taken, Kind::Portolan).zip(of(taken, Kind::Raw)).map(|(own, raw)| own / raw);
        if let Some(ratio) = to_raw {
            let _ = writeln!(text, "    {ratio:.2} of the bare loop");
        }
        if let (Some((ratio, target, reached)), Some((kind, _))) = (verdict(taken), best(taken)) {
            let word = if reached { "reached" } else { "NOT reached" };
            let _ = writeln!(text, "    {ratio:.2} of {}; target {target}: {word}", kind.name());
        }
    }
    for kind in Kind::ALL.into_iter().filter(|_| is_rate(measured)) {
        if let Some((server, load)) = shares(measured, kind) {
            let _ = writeln!(
                text,
                "    {:10} used {server:.0} % of the machine, the load {load:.0} %",
                kind.name()
            );
        }
    }
    text
}

/// All rows as Markdown.
pub(crate) fn markdown(results: &[Measured], machine: &str) -> String {
    let mut text = format!(
        "Measured by `cargo run --release -p portolan-bench`: {machine}. Medians, and half the way from the least to \
         the greatest run.\n\n| row | what | "
    );
    for kind in Kind::ALL {
        let _ = write!(text, "{} | ", kind.name());
    }
    text.push_str("to the bare loop | to the best peer | target |\n| --- | --- |");
    text.push_str(&" --- |".repeat(Kind::ALL.len() + 3));
    for measured in results {
        for taken in &measured.figures {
            let _ = write!(text, "\n| {} | {}: {} |", measured.id, measured.what, taken.what);
            for kind in Kind::ALL {
                let _ = write!(text, " {} |", cell(taken, kind));
            }
            let to_raw = of(taken, Kind::Portolan).zip(of(taken, Kind::Raw));
            let to_raw = to_raw.map_or("–".to_owned(), |(own, raw)| format!("{:.2}", own / raw));
            let (ratio, target) = match verdict(taken) {
                Some((ratio, target, true)) => (format!("{ratio:.2}"), target),
                Some((ratio, target, false)) => (format!("**{ratio:.2}**"), format!("{target}, not reached")),
                None => ("–".to_owned(), "–".to_owned()),
            };
            let _ = write!(text, " {to_raw} | {ratio} | {target} |");
        }
    }
    text.push('\n');
    text.push_str(&markdown_of_shares(results));
    text
}

fn markdown_of_shares(results: &[Measured]) -> String {
    let mut text = String::from(
        "\nWho used the machine, in percent of all its cores: the server + the load. Where both together leave little \
         of it, the machine bounds the row; the load itself keeps nobody waiting who could be faster, since the bare \
         loop is served by the same one.\n\n| row |",
    );
    for kind in Kind::ALL {
        let _ = write!(text, " {} |", kind.name());
    }
    text.push_str("\n| --- |");
    text.push_str(&" --- |".repeat(Kind::ALL.len()));
    for measured in results.iter().filter(|measured| is_rate(measured)) {
        let _ = write!(text, "\n| {} |", measured.id);
        for kind in Kind::ALL {
            let _ = match shares(measured, kind) {
                Some((server, load)) => write!(text, " {server:.0} + {load:.0} |"),
                None => write!(text, " – |"),
            };
        }
    }
    text.push('\n');
    text
}

/// All rows as JSON, with the number of each run.
pub(crate) fn json(results: &[Measured], machine: &str) -> io::Result<String> {
    #[derive(Serialize)]
    struct All<'a> {
        machine: &'a str,
        rows: &'a [Measured],
    }
    Ok(serde_json::to_string_pretty(&All { machine, rows: results })? + "\n")
}
