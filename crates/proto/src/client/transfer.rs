//! One transfer: its commands, its data connection, and its end, which is both.

mod common;
mod ways;

use super::conversation::{Common, Conversation, Part, Sender};
use super::error::{Error, Phase, Problem};
use super::place::Place;
use super::session::{Number, Output};
use super::way::{Left, Reason, Way};
use portolan_wire::parameters::Representation;
use portolan_wire::received::Received;
use portolan_wire::{Command, Verb};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Which way the data goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To this side.
    Download,
    /// To the server.
    Upload,
}

/// What to transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// `RETR`, `STOR`, `APPE`, `STOU`, `LIST`, `NLST` or `MLSD`.
    pub command: Command,
    /// The type.
    pub representation: Representation,
    /// Where in the file to begin, in bytes: `REST`. 0 begins at its start.
    pub offset: u64,
    /// It is one of many small ones, and may be asked for while others are on their way: over one data connection with
    /// them where the server keeps it (RFC 959 §3.3), else as far as the server is known to bear that.
    pub small: bool,
}

impl Order {
    /// Which way its data goes.
    pub fn direction(&self) -> Direction {
        match self.command.verb() {
            Verb::Stor | Verb::Appe | Verb::Stou => Direction::Upload,
            _ => Direction::Download,
        }
    }
}

/// How a transfer ended that went well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The final reply.
    pub reply: Received,
    /// How its data connection was had.
    pub way: Way,
    /// Ways that were tried before, and why they were left.
    pub left: Vec<Left>,
}

/// How long the server has to say what was wrong once the data connection is gone.
const VERDICT: Duration = Duration::from_secs(10);

/// How long after a final reply a data connection may be on its way here.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

#[derive(Debug, PartialEq, Eq)]
enum Connection {
    /// Not yet, or no more.
    None,
    /// This side is about to listen.
    ToListen,
    /// The server was told to connect here.
    Announced(SocketAddr),
    Opening(Place),
    /// It was not to be had, although the server was asked for data already: its reply is still to come.
    Failed(Reason),
    Open,
    /// It is there, and others may come first on it.
    Common,
    /// The data is the owner's business.
    Begun,
    /// The data is over.
    Ended(Result<(), Problem>),
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Not,
    /// `REST` was sent, and the rest depends on its answer.
    Rest,
    Yes,
    /// 1xx came.
    Started,
    /// The server is through with it.
    Over(Received),
}

#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) number: Number,
    order: Order,
    /// Its data is in blocks.
    in_blocks: bool,
    way: Way,
    left: Vec<Left>,
    connection: Connection,
    asked: Asked,
    deadline: Option<Instant>,
    next_noop: Option<Instant>,
}

/// What became of a transfer by what happened.
pub(super) enum Step {
    Goes,
    Over(Result<Completion, Error>),
}

type Stepped = Result<(), Error>;

impl Transfer {
    /// Begins, by sending the first commands.
    pub(super) fn begin(
        conversation: &mut Conversation,
        now: Instant,
        number: Number,
        order: Order,
    ) -> (Transfer, Step) {
        let way = conversation.ways()[0];
        let in_blocks = order.small && conversation.offers_blocks();
        let mut transfer = Transfer {
            number,
            in_blocks,
            way,
            order,
            left: Vec::new(),
            connection: Connection::None,
            asked: Asked::Not,
            deadline: None,
            next_noop: None,
        };
        let begun = transfer
            .set_type(conversation, now)
            .and_then(|()| transfer.set_mode(conversation, now))
            .and_then(|()| transfer.first_way(conversation, now));
        let step = transfer.step(begun);
        (transfer, step)
    }

    /// True while there is a data connection, so that the reply is not waited for.
    pub(super) fn is_moving(&self) -> bool {
        matches!(self.connection, Connection::Open | Connection::Begun)
    }

    /// True while an offset was announced, and not what it is for.
    pub(super) fn has_rest(&self) -> bool {
        self.asked == Asked::Rest
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.deadline, self.next_noop].into_iter().flatten().min()
    }

    fn step(&self, done: Stepped) -> Step {
        if let Err(error) = done {
            return Step::Over(Err(error));
        }
        match (&self.asked, &self.connection) {
            (Asked::Over(reply), Connection::Ended(Ok(()))) => {
                let (reply, way, left) = (reply.clone(), self.way, self.left.clone());
                Step::Over(Ok(Completion { reply, way, left }))
            }
            (Asked::Over(_), Connection::Ended(Err(problem))) => {
                Step::Over(Err(self.error(Phase::Transfer, problem.clone())))
            }
            _ => Step::Goes,
        }
    }

    /// An error of this transfer.
    pub(super) fn error(&self, phase: Phase, problem: Problem) -> Error {
        let untouched = matches!(self.asked, Asked::Not | Asked::Rest);
        Error { phase, verb: Some(self.order.command.verb()), problem, untouched }
    }

    /// What was being done.
    pub(super) fn phase(&self) -> Phase {
        match self.connection {
            Connection::Begun => Phase::Transfer,
            Connection::Ended(_) => Phase::End,
            _ => Phase::DataConnection,
        }
    }

    fn sender(&self, part: Part) -> Sender {
        Sender::Transfer(self.number, part)
    }

    fn say(
        &self,
        conversation: &mut Conversation,
        now: Instant,
        part: Part,
        verb: Verb,
        argument: &str,
    ) -> Stepped {
        let argument = (!argument.is_empty()).then_some(argument.as_bytes());
        let said = conversation.say(now, self.sender(part), verb, argument);
        said.map_err(|error| self.error(Phase::Transfer, Problem::Command(error)))
    }

    fn set_type(&mut self, conversation: &mut Conversation, now: Instant) -> Stepped {
        let wanted = self.order.representation;
        if conversation.representation == Some(wanted) {
            return Ok(());
        }
        conversation.representation = Some(wanted);
        let letter = match wanted {
            Representation::Ascii => "A",
            Representation::Ebcdic => "E",
            Representation::Image => "I",
        };
        self.say(conversation, now, Part::Type, Verb::Type, letter)
    }

    /// Has data in blocks or not, as it is wanted.
    fn set_mode(&mut self, conversation: &mut Conversation, now: Instant) -> Stepped {
        if conversation.in_blocks == self.in_blocks {
            return Ok(());
        }
        conversation.in_blocks = self.in_blocks;
        self.say(conversation, now, Part::Mode, Verb::Mode, if self.in_blocks { "B" } else { "S" })
    }

    /// Takes the reply to one of its commands.
    pub(super) fn take_reply(
        &mut self,
        conversation: &mut Conversation,
        now: Instant,
        (part, verb): (Part, Verb),
        reply: Received,
    ) -> Step {
        let done = match part {
            _ if reply.is_preliminary() && part != Part::Transfer => Ok(()),
            Part::Type if reply.is_done() => Ok(()),
            Part::Type => {
                conversation.representation = None;
                Err(self.error(Phase::Transfer, Problem::Refused(reply)))
            }
            Part::Mode if reply.is_done() => Ok(()),
            Part::Mode => {
                (conversation.in_blocks, conversation.odd) = (!self.in_blocks, true);
                Err(self.error(Phase::Transfer, Problem::Unexpected(reply)))
            }
            Part::Way => self.take_way(conversation, now, verb, reply),
            Part::Rest => self.take_rest(conversation, now, reply),
            Part::Transfer => self.take_transfer(conversation, now, reply),
        };
        self.step(done)
    }

    /// Sends the command that the transfer is about, or first `REST`.
    fn ask(&mut self, conversation: &mut Conversation, now: Instant) -> Stepped {
        if self.asked != Asked::Not {
            return Ok(());
        }
        if self.order.offset == 0 {
            return self.send_command(conversation, now);
        }
        // A refused offset would make an upload overwrite the file's beginning with its end.
        self.asked = Asked::Rest;
        self.say(conversation, now, Part::Rest, Verb::Rest, &self.order.offset.to_string())
    }

    fn take_rest(&mut self, conversation: &mut Conversation, now: Instant, reply: Received) -> Stepped {
        if self.asked != Asked::Rest {
            return Ok(());
        }
        if reply.wants_more() || reply.is_done() {
            return self.send_command(conversation, now);
        }
        conversation.outputs.push_back(Output::DropData { number: self.number });
        Err(Error { verb: Some(Verb::Rest), ..self.error(Phase::Transfer, Problem::Refused(reply)) })
    }

    fn send_command(&mut self, conversation: &mut Conversation, now: Instant) -> Stepped {
        conversation.send(now, self.sender(Part::Transfer), &self.order.command);
        self.asked = Asked::Yes;
        match self.connection {
            Connection::Announced(_) => {
                self.deadline = now.checked_add(conversation.settings.patience.accept);
            }
            Connection::Open => self.deadline = now.checked_add(conversation.settings.patience.connect),
            _ => {}
        }
        if self.connection == Connection::Open && conversation.proven == Some(self.way) {
            self.begin_data(conversation, now);
        }
        Ok(())
    }

    fn is_asked(&self) -> bool {
        !matches!(self.asked, Asked::Not | Asked::Rest)
    }

    fn has_started(&self) -> bool {
        matches!(self.asked, Asked::Started | Asked::Over(_))
    }

    /// From now on there is no other way for this one, and others will go the same.
    fn begin_data(&mut self, conversation: &mut Conversation, now: Instant) {
        conversation.proven = Some(self.way);
        conversation.unfit.retain(|way| *way != self.way);
        (self.connection, self.deadline) = (Connection::Begun, None);
        let interval = conversation.settings.patience.noop.filter(|_| conversation.may_keep_alive());
        self.next_noop = interval.and_then(|interval| now.checked_add(interval));
        let (protected, in_blocks) = (conversation.protect_data, self.in_blocks);
        if in_blocks {
            conversation.common = Common::Tried;
        }
        conversation.outputs.push_back(Output::Begin { number: self.number, protected, in_blocks });
    }

    fn take_transfer(&mut self, conversation: &mut Conversation, now: Instant, reply: Received) -> Stepped {
        if reply.is_preliminary() {
            self.asked = Asked::Started;
            if self.connection == Connection::Open {
                self.begin_data(conversation, now);
            }
            self.take_turn(conversation);
            conversation.outputs.push_back(Output::Started { number: self.number });
            return Ok(());
        }
        self.next_noop = None;
        if reply.is_done() {
            if self.asked != Asked::Started {
                if self.connection == Connection::Common && self.order.direction() == Direction::Upload {
                    // Its data was never asked for, and would be taken for the next one's.
                    conversation.odd = true;
                    self.end_common(conversation);
                    return Err(self.error(Phase::Transfer, Problem::Unexpected(reply)));
                }
                conversation.outputs.push_back(Output::Started { number: self.number });
            }
            self.take_turn(conversation);
            match reply.number {
                250 if self.in_blocks && conversation.common == Common::Tried => {
                    conversation.common = Common::Kept;
                }
                250 if self.in_blocks && conversation.common == Common::Kept => conversation.keeps = true,
                250 => {}
                // By any other number it says that it closes the data connection.
                _ => self.end_common(conversation),
            }
            self.asked = Asked::Over(reply);
            match self.connection {
                // Some answer so when there is nothing to send; else it is on its way.
                Connection::Announced(_) => self.deadline = now.checked_add(ON_ITS_WAY),
                Connection::Open => self.begin_data(conversation, now),
                _ => {}
            }
            return Ok(());
        }
        let nothing_moved = !matches!(self.connection, Connection::Begun | Connection::Ended(_));
        if self.connection == Connection::Common {
            if matches!(reply.number, 425 | 426) {
                // Some say that they keep it, out of habit.
                conversation.odd |= !conversation.keeps;
                self.end_common(conversation);
            }
            // It was refused, and the others go on.
            return Err(self.error(Phase::DataConnection, Problem::Refused(reply)));
        }
        if !nothing_moved {
            self.end_common(conversation);
        }
        match &self.connection {
            Connection::Failed(reason) if matches!(reply.number, 425 | 426) => {
                let reason = reason.clone();
                self.note_left(conversation, reason);
                return self.try_next(conversation, now);
            }
            _ if nothing_moved && reply.number == 425 => {
                return self.leave(conversation, now, Reason::Refused(reply));
            }
            _ => {}
        }
        if let Connection::Ended(Err(Problem::Cancelled)) = self.connection {
            return Err(self.error(Phase::Transfer, Problem::Cancelled));
        }
        if !matches!(self.connection, Connection::Ended(_) | Connection::Failed(_)) {
            conversation.outputs.push_back(Output::DropData { number: self.number });
        }
        let phase = if nothing_moved { Phase::DataConnection } else { Phase::Transfer };
        Err(self.error(phase, Problem::Refused(reply)))
    }

    /// The data is over, all of it or not.
    pub(super) fn take_ended(
        &mut self,
        conversation: &mut Conversation,
        now: Instant,
        ended: Result<(), Problem>,
    ) -> Step {
        if self.connection != Connection::Begun {
            return Step::Goes;
        }
        if ended.is_err() {
            self.end_common(conversation);
        }
        self.next_noop = None;
        let patience = if ended.is_ok() { conversation.settings.patience.end } else { VERDICT };
        self.deadline = now.checked_add(patience);
        self.connection = Connection::Ended(ended);
        self.step(Ok(()))
    }

    /// The owner wants it no more.
    pub(super) fn cancel(&mut self, conversation: &mut Conversation, now: Instant) -> Step {
        if matches!(self.connection, Connection::Ended(_)) {
            return Step::Goes;
        }
        conversation.outputs.push_back(Output::DropData { number: self.number });
        if self.is_asked() {
            self.end_common(conversation);
        }
        if matches!(self.asked, Asked::Not | Asked::Rest | Asked::Over(_)) {
            return Step::Over(Err(self.error(Phase::Transfer, Problem::Cancelled)));
        }
        // What the server makes of it is still to come.
        self.connection = Connection::Ended(Err(Problem::Cancelled));
        self.deadline = now.checked_add(VERDICT);
        Step::Goes
    }

    /// A deadline of it may have come. `Err` ends the session: what the server says next cannot be told apart any more.
    pub(super) fn tick(&mut self, conversation: &mut Conversation, now: Instant) -> Result<Step, Error> {
        if self.next_noop.is_some_and(|next| next <= now) {
            let interval = conversation.settings.patience.noop;
            self.next_noop = interval.and_then(|interval| now.checked_add(interval));
            if !conversation.is_kept_alive() {
                self.say_noop(conversation, now)?;
            }
        }
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return Ok(Step::Goes);
        }
        self.deadline = None;
        let done = match &self.connection {
            Connection::Opening(place) => {
                let reason = Reason::NoAnswer { place: place.clone() };
                self.fail_to_connect(conversation, now, reason)
            }
            Connection::Announced(_) if matches!(self.asked, Asked::Over(_)) => {
                conversation.outputs.push_back(Output::DropData { number: self.number });
                self.connection = Connection::Ended(Ok(()));
                Ok(())
            }
            // Its turn has not come.
            Connection::Announced(_) if self.is_asked() && !conversation.is_next(self.number) => {
                self.deadline = now.checked_add(conversation.settings.patience.accept);
                Ok(())
            }
            Connection::Announced(announced) => {
                let reason = Reason::NobodyCame { announced: *announced };
                self.fail_to_connect(conversation, now, reason)
            }
            Connection::Failed(reason) => {
                let reason = reason.clone();
                self.note_left(conversation, reason);
                return Err(self.error(Phase::DataConnection, Problem::NoWay(self.left.clone())));
            }
            Connection::Open if self.is_asked() => {
                self.begin_data(conversation, now);
                Ok(())
            }
            // The server is not there yet.
            Connection::Ended(Err(Problem::Cancelled)) if !conversation.is_next(self.number) => {
                self.deadline = now.checked_add(VERDICT);
                Ok(())
            }
            Connection::Ended(Ok(())) => return Err(self.error(Phase::End, Problem::Silent)),
            Connection::Ended(Err(problem)) => return Err(self.error(Phase::Transfer, problem.clone())),
            _ => Ok(()),
        };
        Ok(self.step(done))
    }

    fn say_noop(&self, conversation: &mut Conversation, now: Instant) -> Stepped {
        let said = conversation.say(now, Sender::KeepAlive, Verb::Noop, None);
        said.map_err(|error| self.error(Phase::Transfer, Problem::Command(error)))
    }
}
