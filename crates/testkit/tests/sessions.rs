//! Whole sessions of lines that nobody would think of: nothing panics, every reply is well formed,
//! every command gets one final reply, and nothing is left behind.
#![allow(clippy::unwrap_used)]

use portolan_proto::server::{Settings, VERBS};
use portolan_testkit::world::World;
use proptest::prelude::*;
use std::time::Duration;

/// What a client may do.
#[derive(Debug, Clone)]
enum Act {
    Line(Vec<u8>),
    Bytes(Vec<u8>),
    Connect,
    Send(Vec<u8>),
    End,
    Break,
    Wait(u64),
    Unreachable,
}

fn argument() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        "[ab/.]{1,6}".prop_map(String::into_bytes),
        "(A|I|E|S|B|F|R|ALL|1|10|0|x y|-la|\"a\" \"b\"|TLS)".prop_map(String::into_bytes),
        Just(b"192,0,2,9,16,0".to_vec()),
        Just(b"|1|192.0.2.9|4096|".to_vec()),
        Just(b"20010203040506 a".to_vec()),
        prop::collection::vec(any::<u8>(), 0..12),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let line = (0..VERBS.len(), argument()).prop_map(|(verb, argument)| {
        Act::Line([VERBS[verb].verb.as_str().as_bytes(), b" ", &argument, b"\r\n"].concat())
    });
    let usual =
        prop::sample::select(vec!["EPSV", "RETR a", "STOR a", "APPE b", "LIST", "MLSD", "ABOR", "TYPE I"]);
    prop_oneof![
        4 => line,
        6 => usual.prop_map(|line| Act::Line(format!("{line}\r\n").into_bytes())),
        1 => prop::collection::vec(any::<u8>(), 0..20).prop_map(Act::Bytes),
        3 => Just(Act::Connect),
        2 => prop::collection::vec(any::<u8>(), 0..20).prop_map(Act::Send),
        2 => Just(Act::End),
        1 => Just(Act::Break),
        1 => (0u64..40).prop_map(Act::Wait),
        1 => Just(Act::Unreachable),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn sessions_hold_whatever_the_client_does(acts in prop::collection::vec(act(), 0..40)) {
        let settings = Settings { welcome: vec!["Welcome".to_owned()], ..Settings::default() };
        let mut world = World::new(settings, "192.0.2.9:4000".parse().unwrap());
        world.put("a", b"some text\n");
        world.send(b"USER anna\r\nPASS right\r\n");
        for act in acts {
            match act {
                Act::Line(bytes) | Act::Bytes(bytes) => world.send(&bytes),
                Act::Connect => { world.connect(); }
                Act::Send(bytes) => { world.with_data(|data| data.from_client.extend(bytes)); }
                Act::End => { world.with_data(|data| data.client_ended = true); }
                Act::Break => { world.with_data(|data| data.broken = true); }
                Act::Wait(seconds) => world.wait(Duration::from_secs(seconds)),
                Act::Unreachable => world.reachable = false,
            }
        }
        world.hang_up();
        world.wait(Duration::from_secs(24 * 3600));
        prop_assert!(world.closed);
        let codes = world.reply_codes();
        let finals = codes[1..].iter().filter(|code| **code >= 200).count();
        prop_assert!(finals <= world.commands + 1, "{} final replies to {} commands: {:?}", finals, world.commands, codes);
        for (bytes, alone) in &world.sendings {
            let passive = [&b"227"[..], b"228", b"229"].iter().any(|code| bytes.starts_with(code));
            prop_assert_eq!(*alone, passive);
        }
        world.cut();
        prop_assert!(world.is_clean());
    }
}
