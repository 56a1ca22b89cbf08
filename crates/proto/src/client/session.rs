//! The session: what comes in goes to the login, or to whose turn it is.

use super::conversation::{Common, Conversation, Expected, Sender};
use super::error::{Error, Phase, Problem};
use super::features::Features;
use super::login::Login;
use super::place::Place;
use super::settings::Settings;
use super::transfer::{Completion, Order, Step, Transfer};
use super::way::Left;
use portolan_wire::parameters::Representation;
use portolan_wire::received::{Received, ReplyReader};
use portolan_wire::{Command, Verb};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

/// Requests that are under way at a time. The server has to keep the commands somewhere.
const AHEAD_MAX: usize = 64;

/// The owner's number of a request. Each is used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Number(pub u64);

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// Bytes came on the control connection.
    Received(&'a [u8]),
    /// The server sends no more on it; with what the system says, if it broke.
    Closed(Option<String>),
    /// The TLS handshake of [`Output::Secure`] is over.
    Secured(Result<(), Problem>),
    /// Something to do.
    Request(Number, Request),
    /// The owner does not want it any more.
    Cancel(Number),
    /// [`Output::Listen`] was done: where the server is to connect to. Of the family of the control connection.
    Listening(Number, Result<SocketAddr, String>),
    /// The data connection of [`Output::Connect`] or [`Output::Listen`] is there, or will not be.
    Connected(Number, Result<(), String>),
    /// The data of [`Output::Begin`] is over.
    Ended(Number, Result<(), Problem>),
    /// The deadline of [`Output::Wait`] has come.
    Tick,
}

/// Something to do.
#[derive(Debug)]
pub enum Request {
    /// A command, and its final reply.
    Ask(Command),
    /// A transfer.
    Transfer(Order),
}

/// What the owner is to do, in this order.
#[derive(Debug)]
pub enum Output {
    /// Send bytes on the control connection, in a TCP segment of their own: there are servers and firewalls that take
    /// one command from each.
    Send {
        /// One command.
        bytes: Vec<u8>,
        /// The same without its end, as it may be shown: passwords are not in it.
        shown: Vec<u8>,
    },
    /// Answer Telnet options. Nothing comes back.
    SendTelnet(Vec<u8>),
    /// Do the TLS handshake on the control connection, as the client. Outcome: [`Input::Secured`].
    Secure,
    /// The server does not protect what it should by [`TlsPolicy::Auto`](super::TlsPolicy::Auto): this is what it said,
    /// and the session goes on without.
    InTheClear(Received),
    /// This reply came, to this command. For transcripts.
    Heard(Received, Option<Verb>),
    /// Somebody is logged in. What the server offers is in [`Session::features`].
    Ready,
    /// Open a data connection. Outcome: [`Input::Connected`].
    Connect {
        /// Whose.
        number: Number,
        /// Where to.
        place: Place,
    },
    /// Listen for one data connection from the server. Outcomes:
    /// [`Input::Listening`], then [`Input::Connected`].
    Listen {
        /// Whose.
        number: Number,
    },
    /// Give up a data connection, be it there or awaited, so that the other side notices that it is not whole. Nothing
    /// is to be told of it any more.
    DropData {
        /// Whose.
        number: Number,
    },
    /// Move the data. Outcome: [`Input::Ended`].
    Begin {
        /// Whose.
        number: Number,
        /// True when a TLS handshake, as the client, comes first.
        protected: bool,
        /// True when it is in blocks (RFC 959 §3.4.2), and the connection is to be kept behind the last of them, for
        /// [`Output::Continue`].
        in_blocks: bool,
    },
    /// Move the data; it comes next, in blocks, on the data connection that was kept. Outcome: [`Input::Ended`].
    Continue {
        /// Whose.
        number: Number,
    },
    /// Give up the data connection that was kept, once it is not used any more.
    DropCommon,
    /// The server has begun to transfer.
    Started {
        /// What.
        number: Number,
    },
    /// A way to a data connection was left.
    LeftWay {
        /// Whose.
        number: Number,
        /// The way, and why.
        left: Left,
    },
    /// A request is done.
    Answered(Number, Result<Answer, Error>),
    /// Close the control connection. Nothing follows. The error is what nobody else was told.
    Close(Option<Error>),
    /// Nothing more to do now.
    Wait {
        /// When to come back with [`Input::Tick`].
        deadline: Option<Instant>,
    },
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The final reply to a command, whatever it says.
    Reply(Received),
    /// A transfer went well.
    Transferred(Completion),
}

#[derive(Debug)]
enum Job {
    Waiting(Number, Request),
    Asked {
        number: Number,
        /// 1xx came: it takes as long as it takes.
        started: bool,
    },
    Transfer(Box<Transfer>),
}

impl Job {
    fn number(&self) -> Number {
        match self {
            Job::Waiting(number, _) | Job::Asked { number, .. } => *number,
            Job::Transfer(transfer) => transfer.number,
        }
    }
}

/// One control connection, as its client has it. See the [module](super).
#[derive(Debug)]
pub struct Session {
    reader: ReplyReader,
    conversation: Conversation,
    login: Login,
    jobs: VecDeque<Job>,
    over: bool,
}

impl Session {
    /// A session that waits for its greeting.
    pub fn new(settings: Settings, now: Instant) -> Session {
        Session {
            reader: ReplyReader::default(),
            conversation: Conversation::new(settings, now),
            login: Login::Greeting,
            jobs: VecDeque::new(),
            over: false,
        }
    }

    /// What the server offers; nothing before [`Output::Ready`].
    pub fn features(&self) -> &Features {
        &self.conversation.features
    }

    /// True when the control connection is protected, and true when data connections are.
    pub fn protection(&self) -> (bool, bool) {
        (self.conversation.secure, self.conversation.protect_data)
    }

    /// Takes what happened. After the end, everything is ignored but requests, which fail.
    pub fn handle_input(&mut self, now: Instant, input: Input<'_>) {
        if self.over {
            if let Input::Request(number, _) = input {
                let error = self.error(Problem::Closed);
                self.conversation.outputs.push_back(Output::Answered(number, Err(error)));
            }
            return;
        }
        match input {
            Input::Received(bytes) => self.receive(now, bytes),
            Input::Closed(None) => self.end(Problem::Closed),
            Input::Closed(Some(why)) => self.end(Problem::Broken(why)),
            Input::Secured(result) => self.secured(now, result),
            Input::Request(number, request) => self.jobs.push_back(Job::Waiting(number, request)),
            Input::Cancel(number) => self.cancel(now, number),
            Input::Listening(number, listening) => {
                self.with(number, |transfer, conversation| {
                    transfer.take_listening(conversation, now, listening)
                });
            }
            Input::Connected(number, connected) => {
                self.with(number, |transfer, conversation| {
                    transfer.take_connected(conversation, now, connected)
                });
            }
            Input::Ended(number, ended) => {
                self.with(number, |transfer, conversation| transfer.take_ended(conversation, now, ended));
            }
            Input::Tick => self.tick(now),
        }
        self.begin_jobs(now);
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Output {
        self.conversation.outputs.pop_front().unwrap_or_else(|| Output::Wait { deadline: self.deadline() })
    }

    fn deadline(&self) -> Option<Instant> {
        if self.over {
            return None;
        }
        let transfers = self.jobs.iter().filter_map(|job| match job {
            Job::Transfer(transfer) => transfer.deadline(),
            _ => None,
        });
        transfers.chain(self.reply_deadline()).min()
    }

    fn reply_deadline(&self) -> Option<Instant> {
        let waits = match (self.login, self.conversation.next_owner()) {
            (Login::Greeting | Login::Securing, _) => true,
            (_, None) => false,
            (
                _,
                Some(Expected {
                    sender: Sender::Transfer(number, super::conversation::Part::Transfer), ..
                }),
            ) => {
                // Its own deadlines count then.
                !self
                    .transfer(*number)
                    .is_some_and(|transfer| transfer.is_moving() || transfer.deadline().is_some())
            }
            (_, Some(Expected { sender: Sender::Ask(number), .. })) => !self
                .jobs
                .iter()
                .any(|job| matches!(job, Job::Asked { number: own, started: true } if own == number)),
            (_, Some(_)) => true,
        };
        let (since, patience) = (self.conversation.since, self.conversation.settings.patience);
        // Some boxes on the way swallow what they do not know. Where there is another way, that is not waited for long.
        let time = match self.silent_way().is_some_and(|transfer| transfer.has_other_way(&self.conversation))
        {
            true => patience.reply.min(2 * patience.connect),
            false => patience.reply,
        };
        if waits { since.checked_add(time) } else { None }
    }

    /// The transfer whose command for a data connection is to be answered next.
    fn silent_way(&self) -> Option<&Transfer> {
        match self.conversation.next_owner()?.sender {
            Sender::Transfer(number, super::conversation::Part::Way) => self.transfer(number),
            _ => None,
        }
    }

    fn transfer(&self, number: Number) -> Option<&Transfer> {
        self.jobs.iter().find_map(|job| match job {
            Job::Transfer(transfer) if transfer.number == number => Some(&**transfer),
            _ => None,
        })
    }

    fn with(&mut self, number: Number, act: impl FnOnce(&mut Transfer, &mut Conversation) -> Step) {
        let found = self.jobs.iter_mut().find_map(|job| match job {
            Job::Transfer(transfer) if transfer.number == number => Some(transfer),
            _ => None,
        });
        if let Some(transfer) = found {
            let step = act(transfer, &mut self.conversation);
            self.settle(number, step);
        }
    }

    fn settle(&mut self, number: Number, step: Step) {
        if let Step::Over(result) = step {
            self.answer(number, result.map(Answer::Transferred));
        }
    }

    fn answer(&mut self, number: Number, result: Result<Answer, Error>) {
        self.jobs.retain(|job| job.number() != number);
        self.conversation.outputs.push_back(Output::Answered(number, result));
    }

    fn receive(&mut self, now: Instant, bytes: &[u8]) {
        self.reader.push(bytes);
        let answers = self.reader.take_answers();
        if !answers.is_empty() {
            self.conversation.outputs.push_back(Output::SendTelnet(answers));
        }
        while !self.over {
            match self.reader.next_reply() {
                Ok(Some(reply)) => self.take(now, reply),
                Ok(None) => return,
                Err(error) => self.end(error),
            }
            self.begin_jobs(now);
        }
    }

    fn take(&mut self, now: Instant, reply: Received) {
        let owner = self.conversation.take_owner(now, &reply);
        let verb = owner.as_ref().map(|owner| owner.verb);
        self.conversation.outputs.push_back(Output::Heard(reply.clone(), verb));
        match owner {
            _ if self.login == Login::Securing => self.end(Problem::Injected),
            _ if self.login != Login::Done => {
                self.log_in(now, |login, conversation| login.take(conversation, now, reply));
            }
            None if reply.number == 421 => self.end(Problem::Refused(reply)),
            // Some say more than they were asked.
            None => self.conversation.odd = true,
            Some(Expected { sender: Sender::Login | Sender::KeepAlive, .. }) => {}
            Some(Expected { sender: Sender::Ask(own), .. }) if reply.is_preliminary() => {
                let asked = self.jobs.iter_mut().find(|job| job.number() == own);
                if let Some(Job::Asked { started, .. }) = asked {
                    *started = true;
                }
            }
            Some(Expected { sender: Sender::Ask(number), verb }) => {
                if verb == Verb::Type && !reply.is_done() {
                    self.conversation.representation = None;
                }
                let goodbye = reply.number == 421;
                // Who has given it up was told so.
                if self.jobs.iter().any(|job| job.number() == number) {
                    self.answer(number, Ok(Answer::Reply(reply)));
                }
                if goodbye {
                    self.end(Problem::Closed);
                }
            }
            Some(Expected { sender: Sender::Transfer(number, part), verb }) => {
                let goodbye = reply.number == 421;
                self.with(number, |transfer, conversation| {
                    transfer.take_reply(conversation, now, (part, verb), reply)
                });
                if goodbye {
                    self.end(Problem::Closed);
                }
            }
        }
    }

    fn log_in(
        &mut self,
        now: Instant,
        act: impl FnOnce(Login, &mut Conversation) -> Result<Login, (Phase, Problem)>,
    ) {
        match act(self.login, &mut self.conversation) {
            Ok(login) => {
                (self.login, self.conversation.since) = (login, now);
                if login == Login::Done {
                    self.conversation.outputs.push_back(Output::Ready);
                }
            }
            Err((_, problem)) => self.end(problem),
        }
    }

    fn secured(&mut self, now: Instant, result: Result<(), Problem>) {
        if self.login != Login::Securing {
            return;
        }
        match result {
            // What came before the handshake was not protected by it.
            Ok(()) if !self.reader.is_empty() => self.end(Problem::Injected),
            Ok(()) => self.log_in(now, |login, conversation| login.secured(conversation, now)),
            Err(problem) => self.end(problem),
        }
    }

    fn cancel(&mut self, now: Instant, number: Number) {
        let waiting = |job: &Job| matches!(job, Job::Waiting(own, _) if *own == number);
        if self.jobs.iter().any(waiting) {
            let error = Error { untouched: true, ..self.error(Problem::Cancelled) };
            return self.answer(number, Err(error));
        }
        // Of a command that was sent, the reply is not waited for, but it comes.
        if self.jobs.iter().any(|job| matches!(job, Job::Asked { number: own, .. } if *own == number)) {
            let error = self.error(Problem::Cancelled);
            return self.answer(number, Err(error));
        }
        let offset_is_left = self.transfer(number).is_some_and(Transfer::has_rest);
        self.with(number, |transfer, conversation| transfer.cancel(conversation, now));
        if offset_is_left {
            // Whatever came next would begin there.
            self.end(Problem::Cancelled);
        }
    }

    fn tick(&mut self, now: Instant) {
        if self.reply_deadline().is_some_and(|deadline| deadline <= now) {
            if let Some(number) = self.silent_way().map(|transfer| transfer.number) {
                self.with(number, |transfer, conversation| {
                    let problem = transfer.note_silence(conversation);
                    Step::Over(Err(transfer.error(Phase::DataConnection, problem)))
                });
            }
            return self.end(Problem::Silent);
        }
        let numbers: Vec<Number> = self.jobs.iter().map(Job::number).collect();
        for number in numbers {
            let mut fatal = None;
            self.with(number, |transfer, conversation| match transfer.tick(conversation, now) {
                Ok(step) => step,
                Err(error) => {
                    fatal = Some(error.problem.clone());
                    Step::Over(Err(error))
                }
            });
            if let Some(problem) = fatal {
                return self.end(problem);
            }
        }
    }

    /// The data connection that small transfers have in common ends behind one of them: those behind that are told so.
    fn end_common(&mut self, last: Number) {
        let users = |jobs: &VecDeque<Job>| -> Vec<Number> {
            let of = |job: &Job| match job {
                Job::Transfer(transfer) if transfer.uses_common() => Some(transfer.number),
                _ => None,
            };
            jobs.iter().filter_map(of).collect()
        };
        for number in users(&self.jobs).into_iter().filter(|number| *number > last) {
            self.with(number, Transfer::lose);
        }
        if users(&self.jobs).is_empty() {
            self.conversation.common = Common::None;
            self.conversation.outputs.push_back(Output::DropCommon);
        }
    }

    /// Begins whatever may begin now.
    fn begin_jobs(&mut self, now: Instant) {
        if self.login != Login::Done {
            return;
        }
        if let Common::Ends(last) = self.conversation.common {
            self.end_common(last);
        }
        let mut at = 0;
        while !self.over && at < self.jobs.len() {
            let before = self.jobs.iter().take(at);
            let next = match &self.jobs[at] {
                Job::Waiting(_, Request::Transfer(order)) => Some(order),
                _ => None,
            };
            let free = before.into_iter().all(|job| match job {
                Job::Asked { .. } => true,
                Job::Transfer(transfer) => transfer.gives_way(&self.conversation, next),
                Job::Waiting(..) => false,
            });
            if !free || at >= AHEAD_MAX {
                return;
            }
            if !matches!(self.jobs[at], Job::Waiting(..)) {
                at += 1;
                continue;
            }
            let Some(Job::Waiting(number, request)) = self.jobs.remove(at) else { return };
            match request {
                Request::Ask(command) => {
                    if command.verb() == Verb::Type {
                        self.conversation.representation = match command.argument() {
                            b"I" => Some(Representation::Image),
                            b"A" => Some(Representation::Ascii),
                            _ => None,
                        };
                    }
                    self.conversation.send(now, Sender::Ask(number), &command);
                    self.jobs.insert(at, Job::Asked { number, started: false });
                }
                Request::Transfer(order) => {
                    let (transfer, step) = Transfer::begin(&mut self.conversation, now, number, order);
                    self.jobs.insert(at, Job::Transfer(Box::new(transfer)));
                    self.settle(number, step);
                }
            }
        }
    }

    fn error(&self, problem: Problem) -> Error {
        if self.login != Login::Done {
            return Error { phase: self.login.phase(), verb: None, problem, untouched: true };
        }
        let verb = self.conversation.next_owner().map(|owner| owner.verb);
        Error { phase: Phase::Command, verb, problem, untouched: false }
    }

    /// The end: everything that was asked for and is not done fails by this.
    fn end(&mut self, problem: impl Into<Problem>) {
        let problem = problem.into();
        self.over = true;
        let verb = self.conversation.next_owner().map(|owner| owner.verb);
        let own = self.error(problem.clone());
        let jobs = std::mem::take(&mut self.jobs);
        for job in jobs {
            let (number, error) = match job {
                Job::Waiting(number, _) => (number, Error { verb: None, untouched: true, ..own.clone() }),
                Job::Asked { number, .. } => (number, Error { verb, ..own.clone() }),
                Job::Transfer(transfer) => {
                    self.conversation.outputs.push_back(Output::DropData { number: transfer.number });
                    (transfer.number, transfer.error(transfer.phase(), problem.clone()))
                }
            };
            self.conversation.outputs.push_back(Output::Answered(number, Err(error)));
        }
        self.conversation.outputs.push_back(Output::Close(Some(own)));
    }
}
