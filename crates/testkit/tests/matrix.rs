//! Every verb in every state of a login, from the table of verbs: what needs a login gets 530
//! without one, what is not offered gets 502.
#![allow(clippy::unwrap_used)]

use portolan_proto::server::{VERBS, When};
use portolan_testkit::world::World;
use portolan_wire::Verb;

/// Ways to be not logged in, as the client's lines.
const LOGGED_OUT: &[(&str, &[&str])] = &[
    ("at first", &[]),
    ("after USER", &["USER anna"]),
    ("after a wrong password", &["USER anna", "PASS wrong"]),
    ("after REIN", &["USER anna", "PASS right", "REIN"]),
    ("after another USER", &["USER anna", "PASS right", "USER otto"]),
    ("after another user's wrong password", &["USER anna", "PASS right", "USER otto", "PASS wrong"]),
];

fn world() -> World {
    World::new(portolan_proto::server::Settings::default(), "192.0.2.9:4000".parse().unwrap())
}

/// The code of the first reply to a line.
fn ask(world: &mut World, line: &str) -> u16 {
    world.wait(std::time::Duration::from_secs(2));
    world.replies.clear();
    world.send(format!("{line}\r\n").as_bytes());
    world.wait(std::time::Duration::from_secs(2));
    let code = world.replies.get(..3).map(|code| String::from_utf8_lossy(code).into_owned());
    code.and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("no reply to {line}"))
}

#[test]
fn t13_what_needs_a_login_gets_530_in_every_state_without_one() {
    for (state, lines) in LOGGED_OUT {
        for entry in VERBS {
            for argument in ["", " x"] {
                let mut world = world();
                world.put("x", b"x");
                lines.iter().for_each(|line| world.send(format!("{line}\r\n").as_bytes()));
                let code = ask(&mut world, &format!("{}{argument}", entry.verb));
                if entry.allowed == When::LoggedIn {
                    assert_eq!(code, 530, "{} {state}", entry.verb);
                } else {
                    assert_ne!(code, 502, "{} {state}", entry.verb);
                }
                assert_eq!(world.content("x").as_deref(), Some(&b"x"[..]), "{} {state}", entry.verb);
            }
        }
    }
}

#[test]
fn what_is_known_but_not_offered_gets_502_in_every_state() {
    let offered = |verb: Verb| VERBS.iter().any(|entry| entry.verb == verb);
    for verb in Verb::ALL.iter().filter(|verb| !offered(**verb)) {
        for lines in LOGGED_OUT.iter().map(|(_, lines)| *lines).chain([&["USER anna", "PASS right"][..]]) {
            let mut world = world();
            lines.iter().for_each(|line| world.send(format!("{line}\r\n").as_bytes()));
            assert_eq!(ask(&mut world, &format!("{verb} x")), 502, "{verb}");
        }
    }
}

#[test]
fn every_verb_that_is_offered_works_for_somebody() {
    for entry in VERBS {
        let mut world = world();
        world.send(b"USER anna\r\nPASS right\r\n");
        let code = ask(&mut world, &format!("{} x", entry.verb));
        assert!(![500, 502, 530].contains(&code), "{}: {code}", entry.verb);
    }
}
