//! How a transfer comes to its data connection: the ways that are tried, one after the other.

use super::{Asked, Connection, Step, Stepped, Transfer, VERDICT};
use crate::client::conversation::{Common, Conversation, Part};
use crate::client::error::{Phase, Problem};
use crate::client::place::Host;
use crate::client::session::Output;
use crate::client::way::{Left, Reason, Way, destination};
use portolan_wire::Verb;
use portolan_wire::address::{ExtendedAddress, HostPort};
use portolan_wire::passive::{parse_227, parse_229};
use portolan_wire::received::Received;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

impl Transfer {
    pub(super) fn first_way(&mut self, conversation: &mut Conversation, now: Instant) -> Stepped {
        if self.in_blocks && conversation.common == Common::Kept {
            self.connection = Connection::Common;
            return self.ask(conversation, now);
        }
        if conversation.common != Common::None {
            conversation.common = Common::None;
            conversation.outputs.push_back(Output::DropCommon);
        }
        self.try_way(conversation, now, self.way)
    }

    pub(super) fn try_way(&mut self, conversation: &mut Conversation, now: Instant, way: Way) -> Stepped {
        (self.way, self.connection, self.deadline) = (way, Connection::None, None);
        match way {
            Way::Extended => self.say(conversation, now, Part::Way, Verb::Epsv, ""),
            // The address in the reply is one of IPv4. Behind NAT64 the port is good all the same.
            Way::Announced if conversation.settings.peer.is_ipv6() => {
                self.leave(conversation, now, Reason::WrongFamily)
            }
            Way::Passive | Way::Announced => self.say(conversation, now, Part::Way, Verb::Pasv, ""),
            Way::Active => {
                self.connection = Connection::ToListen;
                conversation.outputs.push_back(Output::Listen { number: self.number });
                Ok(())
            }
        }
    }

    /// Goes on by the next way, if there is one.
    pub(super) fn leave(&mut self, conversation: &mut Conversation, now: Instant, reason: Reason) -> Stepped {
        if !matches!(self.connection, Connection::None) {
            conversation.outputs.push_back(Output::DropData { number: self.number });
        }
        self.note_left(conversation, reason);
        self.try_next(conversation, now)
    }

    pub(super) fn note_left(&mut self, conversation: &mut Conversation, reason: Reason) {
        let left = Left { way: self.way, reason };
        conversation.outputs.push_back(Output::LeftWay { number: self.number, left: left.clone() });
        self.left.push(left);
        conversation.proven = conversation.proven.filter(|proven| *proven != self.way);
        if !conversation.unfit.contains(&self.way) {
            conversation.unfit.push(self.way);
        }
    }

    pub(super) fn try_next(&mut self, conversation: &mut Conversation, now: Instant) -> Stepped {
        (self.connection, self.asked, self.deadline) = (Connection::None, Asked::Not, None);
        let tried = |way: &Way| self.left.iter().any(|left| left.way == *way);
        let next = conversation.settings.ways.iter().copied().find(|way| !tried(way));
        match next {
            Some(way) => self.try_way(conversation, now, way),
            None => Err(self.error(Phase::DataConnection, Problem::NoWay(self.left.clone()))),
        }
    }

    /// Its command for a data connection is not answered, and that is the end of the session.
    pub(in crate::client) fn note_silence(&mut self, conversation: &mut Conversation) -> Problem {
        self.note_left(conversation, Reason::Silent);
        Problem::NoWay(self.left.clone())
    }

    pub(in crate::client) fn has_other_way(&self, conversation: &Conversation) -> bool {
        let tried = |way: &Way| *way == self.way || self.left.iter().any(|left| left.way == *way);
        conversation.settings.ways.iter().any(|way| !tried(way))
    }

    pub(super) fn take_way(
        &mut self,
        conversation: &mut Conversation,
        now: Instant,
        verb: Verb,
        reply: Received,
    ) -> Stepped {
        let peer = &conversation.settings.peer;
        let text = reply.lines.first().map_or(&[][..], Vec::as_slice);
        let found = match verb {
            // Not asked for any more.
            Verb::Eprt | Verb::Port if self.way != Way::Active => return Ok(()),
            Verb::Eprt | Verb::Port if reply.is_done() => return self.ask(conversation, now),
            // The command is on its way already.
            Verb::Eprt | Verb::Port if self.asked != Asked::Not => {
                conversation.odd = true;
                return Ok(());
            }
            Verb::Eprt
                if matches!(peer, Host::Address(IpAddr::V4(_)))
                    && reply.number >= 500
                    && matches!(self.connection, Connection::Announced(_)) =>
            {
                conversation.active = Verb::Port;
                return self.announce(conversation, now);
            }
            Verb::Epsv if reply.number == 229 => {
                parse_229(text).map(|port| peer.at(port)).ok_or(Reason::NoAddress(reply))
            }
            Verb::Pasv if reply.number == 227 => match parse_227(text) {
                Some(said) => destination(self.way, said, peer),
                None => Err(Reason::NoAddress(reply)),
            },
            _ => Err(Reason::Refused(reply)),
        };
        let place = match found {
            Ok(place) => place,
            Err(reason) => return self.leave(conversation, now, reason),
        };
        self.connection = Connection::Opening(place.clone());
        let patience = conversation.settings.patience;
        let last = !self.has_other_way(conversation);
        self.deadline = now.checked_add(if last { patience.last_connect } else { patience.connect });
        conversation.outputs.push_back(Output::Connect { number: self.number, place });
        // What is known to work is not waited for.
        if conversation.proven == Some(self.way) { self.ask(conversation, now) } else { Ok(()) }
    }

    /// This side listens there, or cannot.
    pub(in crate::client) fn take_listening(
        &mut self,
        conversation: &mut Conversation,
        now: Instant,
        listening: Result<SocketAddr, String>,
    ) -> Step {
        if self.connection != Connection::ToListen {
            return Step::Goes;
        }
        let done = match listening {
            Ok(place) => {
                self.connection = Connection::Announced(place);
                self.announce(conversation, now)
            }
            Err(error) => self.leave(conversation, now, Reason::CannotListen(error)),
        };
        self.step(done)
    }

    pub(super) fn announce(&mut self, conversation: &mut Conversation, now: Instant) -> Stepped {
        let Connection::Announced(place) = self.connection else { return Ok(()) };
        let verb = conversation.active;
        let argument = match (verb, place.ip()) {
            (Verb::Port, IpAddr::V4(address)) => HostPort { address, port: place.port() }.to_string(),
            _ => ExtendedAddress { address: place.ip(), port: place.port() }.to_string(),
        };
        self.say(conversation, now, Part::Way, verb, &argument)?;
        // What is known to be taken is not waited for.
        let known = self.order.small && conversation.queues() && conversation.proven == Some(self.way);
        if known { self.ask(conversation, now) } else { Ok(()) }
    }

    /// There is a data connection, or none.
    pub(in crate::client) fn take_connected(
        &mut self,
        conversation: &mut Conversation,
        now: Instant,
        connected: Result<(), String>,
    ) -> Step {
        let done = match (&self.connection, connected) {
            (Connection::Opening(_) | Connection::Announced(_), Ok(())) => {
                // A server that begins without saying so has to be heard some time, too.
                let deadline = now.checked_add(conversation.settings.patience.connect);
                (self.connection, self.deadline) = (Connection::Open, deadline);
                if self.is_asked() && (conversation.proven == Some(self.way) || self.has_started()) {
                    self.begin_data(conversation, now);
                }
                // Some connect before they say that they will.
                if self.way == Way::Active { Ok(()) } else { self.ask(conversation, now) }
            }
            (Connection::Opening(place), Err(why)) => {
                let reason = Reason::Unreachable { place: place.clone(), why };
                self.fail_to_connect(conversation, now, reason)
            }
            (Connection::Announced(_), Err(why)) => self.leave(conversation, now, Reason::CannotListen(why)),
            _ => Ok(()),
        };
        self.step(done)
    }

    pub(super) fn fail_to_connect(
        &mut self,
        conversation: &mut Conversation,
        now: Instant,
        reason: Reason,
    ) -> Stepped {
        if matches!(self.asked, Asked::Not) {
            return self.leave(conversation, now, reason);
        }
        // The server still waits for it, and says so some time; that can be long.
        conversation.outputs.push_back(Output::DropData { number: self.number });
        self.connection = Connection::Failed(reason);
        self.deadline = now.checked_add(VERDICT);
        Ok(())
    }
}
