//! Whatever a server says and whenever: the user-PI does not panic, answers each request once, and ends.
#![allow(clippy::unwrap_used)]

use portolan_proto::client::{
    Credentials, Gateway, Host, Input, Number, Order, Output, Patience, Problem, Request, Session, Settings,
    TlsPolicy, Way,
};
use portolan_wire::parameters::Representation;
use portolan_wire::{Command, Verb};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

#[derive(Debug, Clone)]
enum Event {
    Say(&'static str),
    Bytes(Vec<u8>),
    Ask,
    Transfer(Verb, u64, bool),
    Cancel(prop::sample::Index),
    Listening(prop::sample::Index, bool),
    Connected(prop::sample::Index, bool),
    Ended(prop::sample::Index, bool),
    Secured(bool),
    Wait(u64),
}

const REPLIES: [&str; 34] = [
    "220 hello",
    "120 wait",
    "230 in",
    "331 password",
    "332 account",
    "234 tls",
    "200 ok",
    "211 end",
    "250 ok",
    "226 done",
    "150 go",
    "125 go",
    "350 rest",
    "229 (|||2000|)",
    "227 (203,0,113,5,7,7)",
    "227 (10,0,0,1,7,7)",
    "227 x",
    "229 x",
    "213 7",
    "421 bye",
    "425 no",
    "426 broken",
    "450 busy",
    "452 full",
    "500 what",
    "501 what",
    "502 no",
    "504 no",
    "522 no",
    "530 no",
    "550 no",
    "552 full",
    "299 odd",
    "600 odd",
];

fn event() -> impl Strategy<Value = Event> {
    let which = any::<prop::sample::Index>;
    prop_oneof![
        12 => proptest::sample::select(&REPLIES[..]).prop_map(Event::Say),
        1 => proptest::collection::vec(any::<u8>(), 0..20).prop_map(Event::Bytes),
        2 => Just(Event::Ask),
        4 => (
            proptest::sample::select(vec![Verb::Retr, Verb::Stor, Verb::List, Verb::Mlsd]),
            prop_oneof![Just(0), Just(9)],
            any::<bool>(),
        )
            .prop_map(|(verb, offset, small)| Event::Transfer(verb, offset, small)),
        1 => which().prop_map(Event::Cancel),
        2 => (which(), any::<bool>()).prop_map(|(which, well)| Event::Listening(which, well)),
        5 => (which(), any::<bool>()).prop_map(|(which, well)| Event::Connected(which, well)),
        5 => (which(), any::<bool>()).prop_map(|(which, well)| Event::Ended(which, well)),
        1 => any::<bool>().prop_map(Event::Secured),
        1 => (1_u64..70).prop_map(Event::Wait),
    ]
}

/// Drains what the session says: how often each request was answered, and whether it has closed.
fn drain(session: &mut Session, answered: &mut HashMap<Number, usize>) -> (bool, Option<Instant>) {
    let mut closed = false;
    for _ in 0..10_000 {
        match session.poll_output() {
            Output::Wait { deadline } => return (closed, deadline),
            Output::Answered(number, _) => *answered.entry(number).or_default() += 1,
            Output::Close(_) => closed = true,
            _ => assert!(!closed, "something follows the end"),
        }
    }
    panic!("it does not stop talking");
}

fn play(tls: TlsPolicy, gateway: bool, logged_in: bool, in_blocks: bool, events: &[Event]) {
    let mut now = Instant::now();
    let settings = Settings {
        peer: Host::new("203.0.113.5"),
        tls,
        credentials: Credentials::anonymous(),
        gateway: gateway
            .then(|| Gateway { target: "host:2121".to_owned(), login: Some(Credentials::anonymous()) }),
        utf8: true,
        ways: Way::ALL.to_vec(),
        patience: Patience::default(),
    };
    let (mut session, mut answered, mut asked) = (Session::new(settings, now), HashMap::new(), 0_u64);
    if logged_in {
        let features = if in_blocks { "211-these\r\n MODE S;B\r\n211 end" } else { "211 end" };
        for line in ["220 (vsFTPd 3.0.3)", "230 in", features] {
            session.handle_input(now, Input::Received(format!("{line}\r\n").as_bytes()));
        }
    }
    let mut asks = HashSet::new();
    let number = |which: &prop::sample::Index, asked: u64| Number(which.index(asked.max(1) as usize) as u64);
    for event in events {
        match event {
            Event::Say(line) => session.handle_input(now, Input::Received(format!("{line}\r\n").as_bytes())),
            Event::Bytes(bytes) => session.handle_input(now, Input::Received(bytes)),
            Event::Ask => {
                let command = Command::new(Verb::Noop, None).unwrap();
                session.handle_input(now, Input::Request(Number(asked), Request::Ask(command)));
                asks.insert(asked);
                asked += 1;
            }
            Event::Transfer(verb, offset, small) => {
                let command = Command::new(*verb, Some(b"x")).unwrap();
                let (representation, offset, small) = (Representation::Image, *offset, *small);
                let order = Order { command, representation, offset, small };
                session.handle_input(now, Input::Request(Number(asked), Request::Transfer(order)));
                asked += 1;
            }
            Event::Cancel(which) => session.handle_input(now, Input::Cancel(number(which, asked))),
            Event::Listening(which, well) => {
                let result = if *well { Ok("192.0.2.9:4242".parse().unwrap()) } else { Err("no".to_owned()) };
                session.handle_input(now, Input::Listening(number(which, asked), result));
            }
            Event::Connected(which, well) => {
                let result = if *well { Ok(()) } else { Err("no".to_owned()) };
                session.handle_input(now, Input::Connected(number(which, asked), result));
            }
            Event::Ended(which, well) => {
                let result = if *well { Ok(()) } else { Err(Problem::Data("no".to_owned())) };
                session.handle_input(now, Input::Ended(number(which, asked), result));
            }
            Event::Secured(well) => {
                let result = if *well { Ok(()) } else { Err(Problem::Tls("no".to_owned())) };
                session.handle_input(now, Input::Secured(result));
            }
            Event::Wait(seconds) => {
                now += Duration::from_secs(*seconds);
                session.handle_input(now, Input::Tick);
            }
        }
        drain(&mut session, &mut answered);
    }
    // A server that says nothing more is waited for only as long as there is a deadline; what moves data ends some time.
    for round in 0..200 {
        let (_, deadline) = drain(&mut session, &mut answered);
        match deadline {
            // The owner has patience of its own, while NOOP is said again and again.
            Some(deadline) if round % 10 != 9 => {
                now = now.max(deadline);
                session.handle_input(now, Input::Tick);
            }
            _ => {
                for number in (0..asked).map(Number) {
                    session.handle_input(now, Input::Listening(number, Err("no".to_owned())));
                    let stalled = Problem::Data("stalled".to_owned());
                    session.handle_input(now, Input::Ended(number, Err(stalled)));
                }
                if drain(&mut session, &mut answered).1.is_none() {
                    break;
                }
            }
        }
    }
    // What waits for nothing that has a deadline is a command that the server has begun to do, and what is behind it.
    let left = (0..asked).filter(|number| !answered.contains_key(&Number(*number)));
    assert!(
        left.clone().next().is_none_or(|first| asks.contains(&first)),
        "{:?} hang",
        left.collect::<Vec<_>>()
    );
    session.handle_input(now, Input::Closed(None));
    drain(&mut session, &mut answered);
    for number in 0..asked {
        assert_eq!(answered.get(&Number(number)), Some(&1), "request {number} of {asked}");
    }
}

proptest! {
    #[test]
    fn each_request_is_answered_once(
        tls in proptest::sample::select(vec![TlsPolicy::Off, TlsPolicy::Auto, TlsPolicy::Required]),
        gateway in any::<bool>(),
        logged_in: bool,
        in_blocks: bool,
        events in proptest::collection::vec(event(), 0..60),
    ) {
        let tls = if logged_in { TlsPolicy::Off } else { tls };
        play(tls, gateway && !logged_in, logged_in, in_blocks, &events);
    }
}
