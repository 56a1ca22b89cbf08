//! Everybody in turn, as often as wanted, since machines change from minute to minute.

use super::{Figure, Head, Measured, Role, Share, Taken, Who};
use std::collections::BTreeMap;
use std::io;
use std::time::Instant;

/// What one turn gives: a number for each figure.
pub(super) struct Turn {
    pub(super) numbers: Vec<f64>,
    pub(super) share: Option<Share>,
}

/// Measures a row. One that cannot do it has no numbers.
pub(super) fn take<T>(
    head: Head,
    runs: u16,
    contestants: &[(Who, T)],
    mut turn: impl FnMut(&T) -> io::Result<Turn>,
) -> Measured {
    let taken = |figure: &Figure| Taken { what: figure.what, target: figure.target, runs: BTreeMap::new() };
    let mut measured = Measured {
        id: head.id,
        what: head.what,
        figures: head.figures.iter().map(taken).collect(),
        shares: BTreeMap::new(),
        who: contestants.iter().map(|(who, _)| who.clone()).collect(),
    };
    let mut unable = Vec::new();
    for run in 1..=runs {
        for (who, contestant) in contestants {
            if unable.contains(&who) {
                continue;
            }
            let (began, label) = (Instant::now(), who.label());
            match turn(contestant) {
                Ok(Turn { numbers, share }) => {
                    eprintln!("{} {run}/{runs} {label}: {numbers:.3?} in {:.1?}", head.id, began.elapsed());
                    for (figure, number) in measured.figures.iter_mut().zip(numbers) {
                        figure.runs.entry(label.clone()).or_default().push(number);
                    }
                    if let Some(share) = share {
                        measured.shares.entry(label).or_default().push(share);
                    }
                }
                Err(error) => {
                    eprintln!("{} {run}/{runs} {label}: {error}", head.id);
                    // It would only take its time to fail again.
                    if who.role != Role::Portolan {
                        unable.push(who);
                    }
                }
            }
        }
    }
    measured
}
