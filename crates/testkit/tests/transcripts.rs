//! The conversations in `transcripts/`, and what becomes of them on a bad network: each is run with
//! every split of what the client sends, and with every connection dropped at every step.
#![allow(clippy::unwrap_used)]

use portolan_testkit::transcript::Transcript;
use portolan_testkit::world::World;
use std::path::Path;
use std::time::Duration;

/// A transcript with so many bytes is about a flood of them: it is split at a hundred places, every
/// other one at every byte.
const FLOOD: usize = 10_000;

/// Longer than any limit of a session.
const LONG: Duration = Duration::from_secs(24 * 3600);

fn all() -> Vec<Transcript> {
    Transcript::all(Path::new("tests/transcripts"))
}

#[test]
fn all_transcripts() {
    let failures: Vec<String> = all().iter().filter_map(|transcript| transcript.run().err()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_split_of_what_the_client_sends_changes_nothing() {
    for transcript in all() {
        let bytes = transcript.bytes();
        let step = if bytes < FLOOD { 1 } else { bytes / 100 };
        for at in (0..bytes).step_by(step) {
            transcript.run_split(Some(at)).unwrap_or_else(|error| panic!("split at {at}: {error}"));
        }
    }
}

#[test]
fn a_cut_control_connection_leaves_nothing_behind_at_any_step() {
    every_step(|_, world, place| {
        world.cut();
        assert!(world.is_clean(), "{place}: something is left open");
    });
}

#[test]
fn a_peer_that_hangs_up_at_any_step_gets_one_final_reply_to_each_command() {
    every_step(|commands, world, place| {
        let closed = world.closed;
        world.hang_up();
        world.wait(LONG);
        assert!(world.closed, "{place}: the session goes on");
        check_replies(world, commands, closed, place);
        world.cut();
        assert!(world.is_clean(), "{place}: something is left open");
    });
}

#[test]
fn a_broken_data_connection_at_any_step_costs_only_its_transfer() {
    for transcript in all() {
        for broken_at in 0..transcript.len() {
            let mut world = transcript.world();
            for number in 0..transcript.len() {
                transcript.perform(&mut world, number);
                if number == broken_at {
                    world.with_data(|data| data.broken = true);
                }
            }
            let place = format!("{} broken at step {broken_at}", transcript.name);
            let closed = world.closed;
            world.send(b"NOOP\r\n");
            world.wait(LONG);
            assert!(world.closed, "{place}: the session goes on");
            let commands = world.commands;
            check_replies(&mut world, commands, closed, &place);
            world.cut();
            assert!(world.is_clean(), "{place}: something is left open");
        }
    }
}

fn every_step(check: impl Fn(usize, &mut World, &str)) {
    for transcript in all() {
        for steps in 0..=transcript.len() {
            let mut world = transcript.world();
            (0..steps).for_each(|number| transcript.perform(&mut world, number));
            check(world.commands, &mut world, &format!("{} after {steps} steps", transcript.name));
        }
    }
}

/// One final reply for each command, whatever happened. A session that the server ended of its own
/// says 421 on top of it, to a line without an end 500 as well, and answers nothing that came later.
fn check_replies(world: &mut World, commands: usize, closed_before: bool, place: &str) {
    let codes = world.reply_codes();
    assert_eq!(codes[0], 220, "{place}");
    let finals = codes[1..].iter().filter(|code| **code >= 200).count();
    if codes.contains(&421) || codes.contains(&221) || closed_before {
        assert!(finals <= commands + 2, "{place}: {finals} final replies to {commands} commands: {codes:?}");
    } else {
        assert_eq!(finals, commands, "{place}: {codes:?}");
    }
}
