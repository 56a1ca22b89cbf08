//! One port, in the clear or where TLS begins at once, one peer with several sessions: thousands of orders in which
//! things can happen. Each session gets its own data connection, or hears that it cannot be told, and then gets it
//! at another try; and whoever wants a session gets one.
//!
//! What is left out is the ambiguity that the documentation names: another control connection that comes before a
//! download's command, or is the first behind it, where the data connection is not there yet.

use super::held::{Holding, Proof, Verdict};
use super::state::{Arrival, Direction, Grant, Sharing, State};
use crate::stream::{ConnectError, Guard};
use crate::tls::{Identity, Resume};
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
    /// With what its handshake will show, once that is done.
    Held(Holding, Proof),
    /// It is data, and on its way to its session.
    Data(u64),
    Control,
}

impl Connection {
    fn new(state: &mut State, proof: Proof, now: Instant) -> Connection {
        if state.awaits(PEER, PORT).is_none() {
            return Connection::Control;
        }
        let holding = state.hold(PEER, PORT, now);
        // Nobody has begun a transfer that could be refused while nothing was held.
        assert!(!state.call_held(PEER, PORT, now));
        Connection::Held(holding, proof)
    }

    fn look(&mut self) {
        let Connection::Held(holding, _) = self else { return };
        let verdict = holding.verdict.borrow().clone();
        match verdict {
            Verdict::Data(place) => *self = Connection::Data(place),
            // The one that was meant closes, or time passes.
            Verdict::Control | Verdict::Over { .. } => *self = Connection::Control,
            Verdict::Closed => panic!("too many are held"),
            Verdict::Wait(_) => {}
        }
    }

    /// Its handshake ends. True when a transfer is refused that waited for that.
    fn shake_hands(&self, state: &mut State, now: Instant) -> bool {
        let Connection::Held(holding, proof) = self else { return false };
        state.set_proof(holding, *proof);
        state.call_held(PEER, PORT, now)
    }

    /// It sends something, as a data connection does that something is uploaded by.
    fn speak(&self, state: &mut State, now: Instant) {
        let Connection::Held(holding, _) = self else { return };
        state.note_heard(holding, false, now);
        assert!(!state.call_held(PEER, PORT, now), "an upload that shows is refused");
    }
}

/// Something happens, to the session or connection of this number where it is about one.
#[derive(Debug, Clone, Copy)]
enum Act {
    Listen(usize),
    Connect(usize),
    /// The data connection's handshake ends.
    Shake(usize),
    Engage(usize),
    Deliver(usize),
    /// Somebody wants a session: another program of the same client, or somebody behind the same address.
    Want(Proof),
    /// The handshake of one that does ends.
    ShakeWant(usize),
    /// Time passes.
    Pass,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0..4usize).prop_map(Act::Listen),
        (0..4usize).prop_map(Act::Connect),
        (0..4usize).prop_map(Act::Shake),
        (0..4usize).prop_map(Act::Engage),
        (0..4usize).prop_map(Act::Deliver),
        Just(Act::Want(Proof::Given)),
        Just(Act::Want(Proof::Missing)),
        (0..8usize).prop_map(Act::ShakeWant),
        Just(Act::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn every_session_gets_its_own_data_and_everybody_else_a_session(
        sharing in prop_oneof![
            Just(Sharing::Clear), Just(Sharing::Tls(Resume::Prefer)), Just(Sharing::Tls(Resume::Require))
        ],
                acts in prop::collection::vec(act(), 0..40)
    ) {
        let mut world = World::new(sharing);
        // What is random first, then everything that is still to come for everybody.
        let rest = (0..8).flat_map(|_| (0..100).map(Act::ShakeWant).chain((0..4).flat_map(|number| {
            [Act::Listen(number), Act::Connect(number), Act::Shake(number), Act::Engage(number),
             Act::Deliver(number)]
        })));
        for act in acts.into_iter().chain(rest) {
            world.step(act);
            world.grant();
            let lost = world.wants.iter().any(|want| matches!(want, Connection::Data(_)));
            prop_assert!(!lost, "data went to a stranger");
        }
        for session in &world.sessions {
            prop_assert!(matches!(session, Session::Done), "a session never got its data");
        }
        let greeted = world.wants.iter().all(|want| matches!(want, Connection::Control));
        prop_assert!(greeted, "somebody is not greeted");
    }
}

struct World {
    sharing: Sharing,
    state: State,
    guards: Vec<Option<Guard>>,
    sessions: Vec<Session>,
    wants: Vec<Connection>,
    now: Instant,
}

impl World {
    fn new(sharing: Sharing) -> World {
        let guard = || Guard { identity: Identity::random(), host: None, certificate: None, servers: None };
        let guards = (0..4).map(|_| (sharing != Sharing::Clear).then(guard)).collect();
        let sessions = (0..4).map(|_| Session::Idle).collect();
        World {
            sharing,
            state: State::new(PORT..=PORT, sharing),
            guards,
            sessions,
            wants: Vec::new(),
            now: Instant::now(),
        }
    }

    fn grant(&mut self) {
        let World { state, sessions, wants, now, .. } = self;
        // What rests has rested.
        state.expire(PEER, *now + Duration::from_secs(2));
        while state.is_awaited(PEER) && state.draw(PEER).is_some() {
            state.give(PEER, PORT, *now);
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
        wants.iter_mut().for_each(Connection::look);
    }

    /// Connections that are held and want a session: those that will show that they are the same client's, and
    /// those that will not.
    fn rivals(&self) -> (usize, usize) {
        let of = |proof| {
            let held = |want: &&Connection| matches!(want, Connection::Held(_, own) if *own == proof);
            self.wants.iter().filter(held).count()
        };
        (of(Proof::Given), of(Proof::Missing))
    }

    /// True for a connection that is never taken for data.
    fn is_harmless(&self, proof: Proof) -> bool {
        proof == Proof::Missing && self.sharing == Sharing::Tls(Resume::Require)
    }

    /// The transfer of one session was refused: its client closes what it opened, and tries again.
    fn note_refused(&mut self) {
        let refused = self.sessions.iter_mut().find_map(|session| match session {
            Session::Granted { arrival, engaged: true, .. } => {
                matches!(arrival.try_recv(), Ok(Err(ConnectError::Ambiguous))).then_some(session)
            }
            _ => None,
        });
        *refused.expect("a transfer was refused that is none") = Session::Idle;
    }

    fn step(&mut self, act: Act) {
        let now = self.now;
        match act {
            Act::Want(proof) => {
                let open = |(number, session): (usize, &Session)| {
                    direction(number) == Direction::Download
                        && matches!(session, Session::Granted { engaged: true, data: None, .. })
                };
                let proof = if self.sharing == Sharing::Clear { Proof::Given } else { proof };
                if self.is_harmless(proof) || !self.sessions.iter().enumerate().any(open) {
                    self.wants.push(Connection::new(&mut self.state, proof, now));
                }
            }
            Act::ShakeWant(number) => {
                if self.wants.get(number).is_some_and(|want| want.shake_hands(&mut self.state, now)) {
                    self.note_refused();
                }
            }
            Act::Listen(number) => {
                if matches!(self.sessions[number], Session::Idle) {
                    let turn = self.state.queue(PEER, self.guards[number].clone(), now);
                    self.sessions[number] = Session::Queued(turn);
                }
            }
            Act::Connect(number) => {
                if let Session::Granted { data: data @ None, .. } = &mut self.sessions[number] {
                    *data = Some(Connection::new(&mut self.state, Proof::Given, now));
                }
            }
            Act::Shake(number) => {
                if let Session::Granted { data: Some(data), .. } = &self.sessions[number]
                    && data.shake_hands(&mut self.state, now)
                {
                    self.note_refused();
                }
            }
            Act::Pass => self.pass(),
            Act::Engage(number) => self.engage(number),
            Act::Deliver(number) => self.deliver(number),
        }
    }

    /// Longer than what counts as at once. A client says what it wants to transfer right after it has opened its
    /// data connection, so that no time passes between the two.
    fn pass(&mut self) {
        let between =
            |session: &Session| matches!(session, Session::Granted { engaged: false, data: Some(_), .. });
        if !self.sessions.iter().any(between) {
            self.now += Duration::from_millis(60);
        }
    }

    fn engage(&mut self, number: usize) {
        let rivals = self.rivals();
        let ambiguous = rivals.0 > 0 || (rivals.1 > 0 && !self.is_harmless(Proof::Missing));
        let Session::Granted { id, engaged: engaged @ false, data, .. } = &mut self.sessions[number] else {
            return;
        };
        if direction(number) == Direction::Download && data.is_none() && ambiguous {
            return;
        }
        *engaged = true;
        self.state.engage(PEER, PORT, *id, direction(number), self.now);
        if self.state.call_held(PEER, PORT, self.now) {
            assert!(direction(number) == Direction::Download && rivals != (0, 0), "nothing was unclear");
            self.note_refused();
        }
    }

    fn deliver(&mut self, number: usize) {
        let Session::Granted { id, arrival, data: Some(data), .. } = &mut self.sessions[number] else {
            return;
        };
        if direction(number) == Direction::Upload {
            // Its handshake is done by then.
            data.shake_hands(&mut self.state, self.now);
            data.speak(&mut self.state, self.now);
        }
        data.look();
        assert!(!matches!(data, Connection::Control), "a data connection is greeted");
        if let Connection::Data(place) = data {
            assert_eq!(place, id, "another session gets the data");
            let place = self.state.take(PEER, PORT, *place).expect("nobody waits for the data");
            // Any arrival will do, since it is about whose it is.
            place.send(Err(ConnectError::Elsewhere)).unwrap();
            assert!(arrival.try_recv().is_ok(), "another session got the data");
            self.sessions[number] = Session::Done;
        }
    }
}
