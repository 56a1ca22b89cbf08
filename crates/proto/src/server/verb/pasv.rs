//! `PASV`: passive mode over IPv4 (RFC 959 §4.1.2, RFC 1123 §4.1.2.6).

use crate::server::data::DataSetup;
use crate::server::effect::{Effect, Outcome};
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use portolan_wire::Reply;
use std::net::SocketAddr;

pub(crate) fn run(session: &mut Session, _: &[u8]) -> Answer {
    session.allow_setup()?;
    if session.peer.is_ipv6() {
        return Err(replies::passive_is_ipv4());
    }
    Ok(listen(session, true, replies::passive_form))
}

/// Listens, and tells the peer where in the words of `reply`. What was set up before is over.
pub(super) fn listen(session: &mut Session, announce: bool, reply: fn(SocketAddr) -> Reply) -> Step {
    // The effect gives up what was there before, and so can keep the place if it is unused.
    session.data = DataSetup::Default;
    let then = move |session: &mut Session, outcome: Outcome| {
        Step::Reply(match outcome {
            Outcome::Listening(address) => {
                session.data = DataSetup::Passive;
                reply(address)
            }
            Outcome::Cancelled => replies::no_passive_port(),
            outcome => replies::other(&outcome),
        })
    };
    let anyone = session.login.logged_in().is_ok_and(|somebody| somebody.terms.fxp);
    let protected = session.security.data;
    Step::Start(Effect::Listen { announce, anyone, protected }, Box::new(then))
}
