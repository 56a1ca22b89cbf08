//! `PASV`: passive mode over IPv4 (RFC 959 §4.1.2, RFC 1123 §4.1.2.6).

use crate::server::data::DataSetup;
use crate::server::effect::{Effect, Outcome, Protection};
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use portolan_wire::Reply;
use std::net::SocketAddr;

pub(crate) fn run(session: &mut Session, _: &[u8]) -> Answer {
    let protection = session.protection();
    listen_with_address(session, protection)
}

/// What `PASV` does, for a connection that is protected so.
pub(super) fn listen_with_address(session: &mut Session, protection: Protection) -> Answer {
    session.allow_setup()?;
    if session.peer.is_ipv6() {
        return Err(replies::passive_is_ipv4());
    }
    Ok(listen_for(session, protection, true, replies::passive_form))
}

/// Listens, and tells the peer where in the words of `reply`. What was set up before is over.
pub(super) fn listen(session: &mut Session, announce: bool, reply: fn(SocketAddr) -> Reply) -> Step {
    let protection = session.protection();
    listen_for(session, protection, announce, reply)
}

fn listen_for(
    session: &mut Session,
    protection: Protection,
    announce: bool,
    reply: fn(SocketAddr) -> Reply,
) -> Step {
    if session.data != DataSetup::Passive(protection) {
        // Where a data connection is awaited, it is awaited as it was announced.
        session.drop_data();
    }
    // Else the effect gives up what was there before, and so can keep the place if it is unused.
    session.data = DataSetup::Default;
    let then = move |session: &mut Session, outcome: Outcome| {
        Step::Reply(match outcome {
            Outcome::Listening(address) => {
                session.data = DataSetup::Passive(protection);
                reply(address)
            }
            Outcome::Cancelled => replies::no_passive_port(),
            outcome => replies::other(&outcome),
        })
    };
    let anyone = session.may_meet_servers();
    Step::Start(Effect::Listen { announce, anyone, protection }, Box::new(then))
}
