//! All cells, side by side, as a table.

use crate::cell::{self, Outcome, Way};
use crate::peers::Kind;
use crate::side_by_side;
use crate::sides::{ClientSide, ServerSide};

/// Cells at the same time: most of their time is waiting.
const AT_ONCE: usize = 8;

type Found = Result<Vec<(Way, Outcome)>, String>;

/// Runs the cells whose name has `only` in it, prints them, and says whether all are as they should be. What is not
/// is told and tried once more alone, since clients give up by the clock, and whole machines stand still at times.
pub(crate) fn run(only: Option<&str>) -> bool {
    let pairs = pairs(only);
    let mut found = run_all(&pairs, Kind::Portolan);
    for (number, (pair, found)) in pairs.iter().zip(&mut found).enumerate() {
        let faults = faults(*pair, found);
        if !faults.is_empty() {
            println!("tried once more, alone:\n{}\n", faults.join("\n"));
            *found = run_one(&format!("a{number}"), *pair, Kind::Portolan);
        }
    }
    print(&pairs, found)
}

/// Runs the cells with other servers too, and prints all side by side.
pub(crate) fn run_with_peers(only: Option<&str>) -> bool {
    let pairs = pairs(only);
    let found = Kind::ALL.map(|kind| run_all(&pairs, kind));
    let ways = Way::ALL.map(Way::name).join(", ");
    println!("+ passes   e is told why within 10 s   - neither;   in this order: {ways}\n");
    println!("{:<50}{}", "client -> server", Kind::ALL.map(|kind| format!("{:<13}", kind.name())).concat());
    let mut passed = [0; Kind::ALL.len()];
    for (row, pair) in pairs.iter().enumerate() {
        let mut line = format!("{:<50}", name(*pair));
        for (column, found) in found.iter().enumerate() {
            let marks: Vec<&str> = match &found[row] {
                Ok(outcomes) => outcomes.iter().map(|(_, outcome)| sign(outcome)).collect(),
                Err(_) => vec!["not built"],
            };
            passed[column] += marks.iter().filter(|mark| **mark == "+").count();
            line.push_str(&format!("{:<13}", marks.join(" ")));
        }
        println!("{}", line.trim_end());
    }
    for (kind, found) in Kind::ALL.iter().zip(&found) {
        if let Some(Err(error)) = found.iter().find(|found| found.is_err()) {
            println!("{}: {error}", kind.name());
        }
        // Who looks at a few cells wants to know why.
        let outcomes = found.iter().flatten().flatten().filter(|_| only.is_some());
        for (way, outcome) in outcomes {
            if let Outcome::Wrong(text) = outcome {
                println!("\n{}, {}: {text}", kind.name(), way.name());
            }
        }
    }
    let counts = Kind::ALL.iter().zip(passed).map(|(kind, count)| format!("{} {count}", kind.name()));
    println!("of {} pass: {}", pairs.len() * Way::ALL.len(), counts.collect::<Vec<_>>().join(", "));
    !pairs.is_empty() && found.iter().flatten().all(Result::is_ok)
}

fn sign(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "+",
        Outcome::Refused => "e",
        Outcome::Wrong(_) => "-",
    }
}

fn pairs(only: Option<&str>) -> Vec<(ClientSide, ServerSide)> {
    let pairs = ServerSide::ALL.iter().flat_map(|server| ClientSide::ALL.map(|client| (client, *server)));
    pairs
        .filter(|(client, server)| server.meets(*client))
        .filter(|pair| only.is_none_or(|only| name(*pair).contains(only)))
        .collect()
}

fn run_all(pairs: &[(ClientSide, ServerSide)], kind: Kind) -> Vec<Found> {
    side_by_side::run(pairs.len(), AT_ONCE, |number| run_one(&format!("c{number}"), pairs[number], kind))
}

fn run_one(name: &str, (client, server): (ClientSide, ServerSide), kind: Kind) -> Found {
    cell::run(name, client, server, kind).map_err(|error| error.to_string())
}

/// What is not as it should be there.
fn faults(pair: (ClientSide, ServerSide), found: &Found) -> Vec<String> {
    let outcomes = match found {
        Ok(outcomes) => outcomes,
        Err(error) => return vec![format!("{}: {error}", name(pair))],
    };
    let wrong = outcomes.iter().filter(|(way, outcome)| !cell::is_right(pair.0, *way, outcome));
    let told = wrong
        .map(|(way, outcome)| format!("{}, {}: {outcome:?}", name(pair), way.name()).replace("\\n", "\n"));
    told.collect()
}

fn name((client, server): (ClientSide, ServerSide)) -> String {
    format!("{} -> {}", client.name(), server.name())
}

/// Prints the table, then what is wrong; true when nothing is.
fn print(pairs: &[(ClientSide, ServerSide)], found: Vec<Found>) -> bool {
    println!("{:<50}{}", "client -> server", Way::ALL.map(|way| format!("{:<13}", way.name())).concat());
    let (mut right, all, mut wrong) = (0, pairs.len() * Way::ALL.len(), Vec::new());
    for (pair, found) in pairs.iter().zip(found) {
        let mut line = format!("{:<50}", name(*pair));
        wrong.extend(faults(*pair, &found));
        match found {
            Ok(outcomes) => {
                for (way, outcome) in outcomes {
                    let is_right = cell::is_right(pair.0, way, &outcome);
                    right += usize::from(is_right);
                    line.push_str(&format!("{:<13}", mark(&outcome, is_right)));
                }
            }
            Err(_) => line.push_str("could not be built"),
        }
        println!("{}", line.trim_end());
    }
    for text in &wrong {
        println!("\n{text}");
    }
    println!("{right} of {all} cells as they should be");
    right == all && all > 0
}

fn mark(outcome: &Outcome, right: bool) -> &'static str {
    match (outcome, right) {
        (Outcome::Passed, true) => "passes",
        (Outcome::Refused, true) => "is told why",
        _ => "WRONG",
    }
}
