//! One port, in the clear, one peer with several sessions: thousands of orders in which things can happen. Each
//! session gets its own data connection, or hears that it cannot be told, and then gets it at another try; and
//! whoever wants a session gets one.
//!
//! What is left out is the ambiguity that the documentation names: another control connection that is the only
//! one to come before a download's command, or the first behind it, where the data connection is not there yet.

use super::held::{Holding, Verdict};
use super::state::{Arrival, Claim, Direction, Grant, State};
use crate::stream::ConnectError;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));
const PORT: u16 = 21;

/// How far a session is with its transfer.
enum Session {
    Idle,
    /// `PASV` waits for its turn.
    Queued(oneshot::Receiver<Grant>),
    /// 227 was sent.
    Granted {
        id: u64,
        engaged: bool,
        arrival: oneshot::Receiver<Arrival>,
        data: Option<Connection>,
    },
    Done,
}

/// Every other session uploads.
fn direction(number: usize) -> Direction {
    if number.is_multiple_of(2) { Direction::Upload } else { Direction::Download }
}

/// A connection to the port: what the sorting says of it.
enum Connection {
    Held(Holding),
    /// It is data, and on its way to its session.
    Data,
    Control,
}

impl Connection {
    fn new(state: &mut State, now: Instant) -> Connection {
        match state.awaits(PEER, PORT) {
            Some(_) => Connection::Held(state.hold(PEER, PORT, now).unwrap()),
            None => Connection::Control,
        }
    }

    fn look(&mut self) {
        let Connection::Held(holding) = self else { return };
        let verdict = holding.verdict.borrow().clone();
        match verdict {
            Verdict::Data => *self = Connection::Data,
            // The one that was meant closes, or time passes.
            Verdict::Control | Verdict::Refused(_) => *self = Connection::Control,
            Verdict::Wait | Verdict::IfItSpeaks(_) => {}
        }
    }

    /// It sends something, as a data connection does that something is uploaded by.
    fn speak(&mut self, state: &mut State) {
        let Connection::Held(holding) = self else { return };
        if matches!(*holding.verdict.borrow(), Verdict::IfItSpeaks(_)) {
            state.call(PEER, PORT, holding.id);
        }
    }

    fn is_held(&self) -> bool {
        matches!(self, Connection::Held(_))
    }
}

/// Something happens, to the session of this number where it is about one.
#[derive(Debug, Clone, Copy)]
enum Act {
    Listen(usize),
    Connect(usize),
    Engage(usize),
    Deliver(usize),
    /// Another program of the same client wants a session.
    Want,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0..4usize).prop_map(Act::Listen),
        (0..4usize).prop_map(Act::Connect),
        (0..4usize).prop_map(Act::Engage),
        (0..4usize).prop_map(Act::Deliver),
        Just(Act::Want),
    ]
}

fn grant(state: &mut State, sessions: &mut [Session], now: Instant) {
    // What rests has rested.
    state.expire(PEER, now + Duration::from_secs(2));
    while state.is_awaited(PEER) && state.draw(PEER).is_some() {
        state.give(PEER, PORT, now);
    }
    for session in sessions {
        if let Session::Queued(turn) = session
            && let Ok(Grant { id, connection, gone, .. }) = turn.try_recv()
        {
            gone.disarm();
            state.open(PEER, PORT, id);
            *session = Session::Granted { id, engaged: false, arrival: connection, data: None };
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn every_session_gets_its_own_data_and_everybody_else_a_session(
        acts in prop::collection::vec(act(), 0..80)
    ) {
        let (mut state, now) = (State::new(PORT..=PORT, true), Instant::now());
        let mut sessions: Vec<Session> = (0..4).map(|_| Session::Idle).collect();
        let mut wants: Vec<Connection> = Vec::new();
        // What is random first, then everything that is still to come for everybody.
        let rest = (0..8).flat_map(|_| (0..4).flat_map(|number| {
            [Act::Listen(number), Act::Connect(number), Act::Engage(number), Act::Deliver(number)]
        }));
        for act in acts.into_iter().chain(rest) {
            step(act, &mut state, &mut sessions, &mut wants, now);
            grant(&mut state, &mut sessions, now);
            wants.iter_mut().for_each(Connection::look);
            prop_assert!(!wants.iter().any(|want| matches!(want, Connection::Data)), "data went to a stranger");
        }
        for session in &sessions {
            prop_assert!(matches!(session, Session::Done), "a session never got its data");
        }
        prop_assert!(wants.iter().all(|want| matches!(want, Connection::Control)), "somebody is not greeted");
    }
}

fn step(act: Act, state: &mut State, sessions: &mut [Session], wants: &mut Vec<Connection>, now: Instant) {
    match act {
        Act::Want => {
            let open = |(number, session): (usize, &Session)| {
                direction(number) == Direction::Download
                    && matches!(session, Session::Granted { engaged: true, data: None, .. })
            };
            if !sessions.iter().enumerate().any(open) {
                wants.push(Connection::new(state, now));
            }
        }
        Act::Listen(number) => {
            if matches!(sessions[number], Session::Idle) {
                sessions[number] = Session::Queued(state.queue(PEER, None, now));
            }
        }
        Act::Connect(number) => {
            if let Session::Granted { data: data @ None, .. } = &mut sessions[number] {
                *data = Some(Connection::new(state, now));
            }
        }
        Act::Engage(number) => {
            wants.iter_mut().for_each(Connection::look);
            let held = wants.iter().filter(|want| want.is_held()).count();
            let Session::Granted { id, engaged: engaged @ false, data, arrival } = &mut sessions[number]
            else {
                return;
            };
            if direction(number) == Direction::Download && data.is_none() && held == 1 {
                return;
            }
            *engaged = true;
            state.engage(PEER, PORT, *id, direction(number), now);
            if let Err(place) = state.call_held(PEER, PORT, now) {
                assert!(direction(number) == Direction::Download && held > 0, "nothing was unclear");
                place.send(Err(ConnectError::Ambiguous)).unwrap();
                assert!(matches!(arrival.try_recv(), Ok(Err(ConnectError::Ambiguous))));
                // The client closes what it opened, and tries again.
                sessions[number] = Session::Idle;
            }
        }
        Act::Deliver(number) => {
            let Session::Granted { arrival, data: Some(data), .. } = &mut sessions[number] else { return };
            if direction(number) == Direction::Upload {
                data.speak(state);
            }
            data.look();
            assert!(!matches!(data, Connection::Control), "a data connection is greeted");
            if matches!(data, Connection::Data) {
                let Claim::Settled(place) = state.claim(PEER, PORT) else {
                    panic!("nobody waits for the data")
                };
                // Any arrival will do, since it is about whose it is.
                place.send(Err(ConnectError::Elsewhere)).unwrap();
                assert!(arrival.try_recv().is_ok(), "another session got the data");
                sessions[number] = Session::Done;
            }
        }
    }
}
