//! The tables as they stand in the results.

use super::{Report, Section, best, cell, is_rate, shares, to_raw, verdict};
use crate::rows::{Measured, Role, Taken};
use std::fmt::Write;

/// All rows as Markdown.
pub(crate) fn markdown(report: &Report) -> String {
    let mut text = format!(
        "Measured by `cargo run --release -p portolan-bench`: {}. Medians, and half the way from the least to the \
         greatest run.\n",
        report.machine
    );
    if !report.servers.rows.is_empty() {
        text.push_str(&table(&report.servers));
        text.push_str(&of_shares(&report.servers));
    }
    if !report.clients.rows.is_empty() {
        text.push_str(
            "\nClients. Where one was used in several ways, the best is there, and which it was.\n",
        );
        text.push_str(&table(&report.clients));
    }
    text
}

fn table(section: &Section) -> String {
    let has_raw = section.columns.iter().any(|(_, role)| *role == Role::BareLoop);
    let mut titles: Vec<&str> = vec!["row", "what"];
    titles.extend(section.columns.iter().map(|(name, _)| name));
    titles.extend(has_raw.then_some("to the bare loop"));
    titles.extend(["to the best peer", "target"]);
    let mut text = format!("\n| {} |\n|{}", titles.join(" | "), " --- |".repeat(titles.len()));
    for measured in &section.rows {
        for taken in &measured.figures {
            let _ = write!(text, "\n| {} | {}: {} |", measured.id, measured.what, taken.what);
            for (name, _) in &section.columns {
                let _ = write!(text, " {} |", of_column(measured, taken, name));
            }
            if has_raw {
                let ratio = to_raw(measured, taken);
                let _ = write!(text, " {} |", ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}")));
            }
            let (ratio, target) = match verdict(measured, taken) {
                Some((ratio, target, true)) => (format!("{ratio:.2}"), target),
                Some((ratio, target, false)) => (format!("**{ratio:.2}**"), format!("{target}, not reached")),
                None => ("–".to_owned(), "–".to_owned()),
            };
            let _ = write!(text, " {ratio} | {target} |");
        }
    }
    text.push('\n');
    text
}

/// What somebody reached, and how.
fn of_column(measured: &Measured, taken: &Taken, name: &str) -> String {
    match best(taken, measured.who.iter().filter(|who| who.name == name)) {
        Some((who, _)) if !who.way.is_empty() => format!("{} ({})", cell(taken, who), who.way),
        Some((who, _)) => cell(taken, who),
        None => "–".to_owned(),
    }
}

fn of_shares(section: &Section) -> String {
    let mut text = String::from(
        "\nWho used the machine, in percent of all its cores: the server + the load. Where both together leave little \
         of it, the machine bounds the row; the load itself keeps nobody waiting who could be faster, since the bare \
         loop is served by the same one.\n\n| row |",
    );
    for (name, _) in &section.columns {
        let _ = write!(text, " {name} |");
    }
    text.push_str("\n| --- |");
    text.push_str(&" --- |".repeat(section.columns.len()));
    for measured in section.rows.iter().filter(|measured| is_rate(measured)) {
        let _ = write!(text, "\n| {} |", measured.id);
        for (name, _) in &section.columns {
            let _ = match shares(measured, name) {
                Some((server, load)) => write!(text, " {server:.0} + {load:.0} |"),
                None => write!(text, " – |"),
            };
        }
    }
    text.push('\n');
    text
}
