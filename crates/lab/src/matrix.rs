//! All cells, side by side, as a table.

use crate::cell::{self, Outcome, Way};
use crate::sides::{ClientSide, ServerSide};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Cells at the same time: most of their time is waiting.
const AT_ONCE: usize = 6;

type Found = Result<Vec<(Way, Outcome)>, String>;

/// Runs the cells whose name has `only` in it, prints them, and says whether all are as they should be.
pub(crate) fn run(only: Option<&str>) -> bool {
    let pairs = ServerSide::ALL.iter().flat_map(|server| ClientSide::ALL.map(|client| (client, *server)));
    let pairs: Vec<(ClientSide, ServerSide)> = pairs
        .filter(|(client, server)| server.meets(*client))
        .filter(|pair| only.is_none_or(|only| name(*pair).contains(only)))
        .collect();
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(pair) = pairs.get(number) else { return };
                    let ran =
                        cell::run(&format!("c{number}"), pair.0, pair.1).map_err(|error| error.to_string());
                    if let Ok(mut found) = found.lock() {
                        found.push((number, ran));
                    }
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_default();
    found.sort_by_key(|(number, _)| *number);
    print(&pairs, found.into_iter().map(|(_, ran)| ran).collect())
}

fn name((client, server): (ClientSide, ServerSide)) -> String {
    format!("{} -> {}", client.name(), server.name())
}

/// Prints the table, then what is wrong; true when nothing is.
fn print(pairs: &[(ClientSide, ServerSide)], found: Vec<Found>) -> bool {
    println!("{:<50}{}", "client -> server", Way::ALL.map(|way| format!("{:<13}", way.name())).concat());
    let (mut right, mut all, mut wrong) = (0, 0, Vec::new());
    for (pair, found) in pairs.iter().zip(found) {
        let mut line = format!("{:<50}", name(*pair));
        match found {
            Ok(outcomes) => {
                for (way, outcome) in outcomes {
                    let wanted = cell::wanted(pair.0, way);
                    all += 1;
                    right += usize::from(outcome == wanted);
                    if outcome != wanted {
                        wrong.push(format!("{}, {}: {outcome:?}, not {wanted:?}", name(*pair), way.name()));
                    }
                    line.push_str(&format!("{:<13}", mark(&outcome, outcome == wanted)));
                }
            }
            Err(error) => {
                all += Way::ALL.len();
                wrong.push(format!("{}: {error}", name(*pair)));
                line.push_str("could not be built");
            }
        }
        println!("{}", line.trim_end());
    }
    for text in &wrong {
        println!("\n{}", text.replace("\\n", "\n"));
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
