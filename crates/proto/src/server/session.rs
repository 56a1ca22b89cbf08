//! One control connection, seen from the server.

use super::data::DataSetup;
use super::device::Quirks;
use super::effect::{Effect, Ending, Input, Outcome, Output, Target, Terms};
use super::login::Login;
use super::security::Security;
use super::settings::{Host, Settings, TlsPolicy};
use super::transfer::{CancelReason, Stage, Transfer};
use super::verbs::{self, Entry};
use super::{When, replies};
use portolan_wire::facts::FactSet;
use portolan_wire::hash::Algorithm;
use portolan_wire::parameters::{Level, Mode, Parameters};
use portolan_wire::{Command, CommandError, Frame, LineBuffer, Reply, ReplyCode, Verb, VirtualPath};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// What a verb wants to happen.
pub(super) enum Step {
    /// Reply; the command is over.
    Reply(Reply),
    /// Go on with that at this time.
    At(Instant, Box<Step>),
    /// Reply and end the session.
    Close(Reply),
    /// End the session.
    Leave,
    /// Start an effect, and go on when it is over.
    Start(Effect, Then),
    /// Start a transfer.
    Transfer(super::effect::Open),
    /// Nothing now: what was started has the reply.
    Later,
}

/// How a verb goes on when its effect is over.
pub(super) type Then = Box<dyn FnOnce(&mut Session, Outcome) -> Step + Send>;

/// A verb's answer; an early end is a reply too.
pub(super) type Answer = Result<Step, Reply>;

enum Work {
    Idle,
    Waiting { then: Then, deadline: Option<Instant>, cancelled: bool },
    Pausing { until: Instant, then: Box<Step> },
    Transfer(Transfer),
    Over,
}

/// A control connection that has come.
#[derive(Debug, Clone, Copy)]
pub struct Connection {
    /// Where the client connects from.
    pub peer: SocketAddr,
    /// Where it connected to.
    pub local: SocketAddr,
    /// True when TLS begins at once, before the greeting.
    pub implicit_tls: bool,
    /// What TLS is needed for.
    pub tls: TlsPolicy,
}

/// One control connection, seen from the server. See the [module](super).
pub struct Session {
    pub(super) settings: Arc<Settings>,
    pub(super) now: Instant,
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
    /// TLS began at once.
    pub(super) implicit_tls: bool,
    /// What TLS is needed for.
    pub(super) tls: TlsPolicy,
    pub(super) security: Security,
    /// The host that `HOST` or the TLS handshake chose.
    pub(super) chosen: Option<Host>,
    pub(super) login: Login,
    /// What `CLNT` said that it is.
    pub(super) client: Vec<u8>,
    pub(super) quirks: Quirks,
    /// Wrong passwords on this connection, whoever logged in in between.
    pub(super) denied: u32,
    pub(super) parameters: Parameters,
    pub(super) facts: FactSet,
    pub(super) hash: Algorithm,
    /// What `OPTS MODE Z LEVEL` set.
    pub(super) deflate: Level,
    pub(super) data: DataSetup,
    /// Set by `EPSV ALL`: no other way to set up a data connection is taken (RFC 2428 §4).
    pub(super) epsv_all: bool,
    pub(super) restart: u64,
    pub(super) rename_from: Option<VirtualPath>,
    lines: LineBuffer,
    work: Work,
    outputs: VecDeque<Output>,
    /// When the connection began, or the last login ended.
    logged_out_at: Instant,
    active_at: Instant,
    /// True once the peer has sent something.
    heard: bool,
    unknown_commands: u32,
    ended: bool,
    /// Since when the session has to end, why, and how long a transfer has.
    ending: Option<(Instant, Ending)>,
}

impl Session {
    /// A session on a new control connection. The greeting is the first output, after the handshake
    /// where TLS is implicit.
    pub fn new(settings: Arc<Settings>, now: Instant, connection: Connection) -> Session {
        let Connection { peer, local, implicit_tls, tls } = connection;
        let mut session = Session {
            settings,
            now,
            peer,
            local,
            implicit_tls,
            tls,
            security: Security::NONE,
            chosen: None,
            login: Login::Nobody,
            client: Vec::new(),
            quirks: Quirks::default(),
            denied: 0,
            parameters: Parameters::default(),
            facts: FactSet::default(),
            hash: Algorithm::Sha256,
            deflate: Level::default(),
            data: DataSetup::Default,
            epsv_all: false,
            restart: 0,
            rename_from: None,
            lines: LineBuffer::default(),
            work: Work::Idle,
            outputs: VecDeque::new(),
            logged_out_at: now,
            active_at: now,
            heard: false,
            unknown_commands: 0,
            ended: false,
            ending: None,
        };
        session.recognize();
        if implicit_tls {
            // Nothing says PROT here: RFC 4217 never had this form, and everybody has data protected.
            let then = |session: &mut Session, outcome| match session.take_handshake(outcome, true) {
                Step::Later => Step::Reply(session.greeting()),
                step => step,
            };
            session.take_step(Step::Start(Effect::BeginTls { host: Host::Default }, Box::new(then)));
        } else {
            session.send(&session.greeting());
        }
        session
    }

    /// The greeting of the host that was chosen.
    pub(super) fn greeting(&self) -> Reply {
        replies::greeting(match self.host() {
            Host::Default => &self.settings.welcome,
            Host::Virtual(number) => &self.settings.hosts[number].welcome,
        })
    }

    /// The host that the client is with.
    pub(super) fn host(&self) -> Host {
        self.chosen.unwrap_or_default()
    }

    /// Tells the session what happened at `now`. Call [`poll_output`](Self::poll_output) afterwards.
    pub fn handle_input(&mut self, now: Instant, input: Input<'_>) {
        self.now = now;
        if matches!(self.work, Work::Over) {
            return;
        }
        match input {
            Input::Received(bytes) => {
                if !std::mem::replace(&mut self.heard, true) && replies::begins_other_protocol(bytes) {
                    self.outputs.push_back(Output::Abuse);
                    return self.close(&replies::other_protocol());
                }
                self.lines.push(bytes);
                let bytes = self.lines.take_answers();
                if !bytes.is_empty() {
                    self.outputs.push_back(Output::Send { bytes, alone: false });
                }
            }
            Input::Ended => self.ended = true,
            Input::Finished(outcome) => self.finish(outcome),
            Input::Marker(marker) => self.send(&replies::restart_marker(&marker)),
            Input::Tick => self.tick(),
            Input::Settings(settings) => {
                self.settings = settings;
                self.recognize();
            }
            Input::Terms(terms) => self.login.set_terms(terms),
            Input::End { until, why } => self.ending = Some((until, why)),
        }
        self.advance();
    }

    /// How many bytes the running transfer has moved so far; the owner calls it before each input.
    pub fn set_moved(&mut self, bytes: u64) {
        if let Work::Transfer(transfer) = &mut self.work {
            transfer.set_moved(bytes);
        }
    }

    /// The next thing to do; [`Output::Wait`] when there is none.
    pub fn poll_output(&mut self) -> Output {
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        // Most sessions are idle most of the time, and need no room for what there is not.
        self.outputs = VecDeque::new();
        Output::Wait { deadline: self.deadline(), read: if self.ended { 0 } else { self.lines.free() } }
    }

    /// True while a transfer runs.
    pub fn is_transferring(&self) -> bool {
        matches!(self.work, Work::Transfer(_))
    }

    pub(super) fn transfer(&self) -> Option<&Transfer> {
        match &self.work {
            Work::Transfer(transfer) => Some(transfer),
            _ => None,
        }
    }

    pub(super) fn send(&mut self, reply: &Reply) {
        let alone =
            matches!(reply.code(), ReplyCode::Passive | ReplyCode::LongPassive | ReplyCode::ExtendedPassive);
        self.outputs.push_back(Output::Send { bytes: reply.encode(), alone });
    }

    pub(super) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Throws away what waits behind `AUTH`: nobody can have sent it who waited for the reply.
    pub(super) fn forget_injected(&mut self) {
        if !self.lines.is_empty() {
            self.lines.clear();
            self.outputs.push_back(Output::Injected);
        }
    }

    /// Gives up the data connection that is set up or there.
    pub(super) fn drop_data(&mut self) {
        if matches!(self.data, DataSetup::Passive(_) | DataSetup::Kept) {
            self.outputs.push_back(Output::DropData);
        }
        self.data = DataSetup::Default;
    }

    /// Back to where the connection began, the greeting apart (RFC 959 §4.1.1, `REIN`).
    pub(super) fn reset(&mut self) {
        self.drop_data();
        self.log_out();
        self.parameters = Parameters::default();
        self.facts = FactSet::default();
        self.hash = Algorithm::Sha256;
        self.deflate = Level::default();
        self.epsv_all = false;
        self.restart = 0;
        self.rename_from = None;
        self.recognize();
    }

    pub(super) fn log_out(&mut self) {
        if self.may_meet_servers() || self.data == DataSetup::Kept {
            // What was set up by the right of who is gone serves nobody else.
            self.drop_data();
        }
        self.security.begins = false;
        if self.login.logged_in().is_ok() {
            self.outputs.push_back(Output::LogOut);
            // The limit for a login begins anew with the end of one, and with nothing else.
            self.logged_out_at = self.now;
        }
        self.login = Login::Nobody;
    }

    fn close(&mut self, reply: &Reply) {
        self.send(reply);
        self.leave();
    }

    fn leave(&mut self) {
        self.drop_data();
        self.log_out();
        self.lines.clear();
        self.work = Work::Over;
        self.outputs.push_back(Output::Close);
    }

    /// Goes on with the lines that wait, as far as the work in hand allows.
    fn advance(&mut self) {
        loop {
            match &self.work {
                Work::Idle if let Some((_, why)) = self.ending => return self.close(&replies::ending(why)),
                Work::Idle if self.is_out_of_time() => return self.close(&replies::out_of_time()),
                Work::Idle => match self.lines.next_frame() {
                    Some(frame) => self.take_frame(frame),
                    None if self.ended => return self.leave(),
                    None => return,
                },
                Work::Transfer(transfer) if transfer.takes_commands() => {
                    let Some((entry, argument)) = self.immediate_command() else {
                        return self.look_ahead();
                    };
                    self.lines.next_frame();
                    self.take_command(entry, &argument);
                }
                Work::Waiting { .. } if self.ended && !self.awaits(Verb::Quit) => {
                    return self.cancel_waiting();
                }
                Work::Waiting { .. } | Work::Pausing { .. } | Work::Transfer(_) | Work::Over => return,
            }
        }
    }

    /// The command that comes next, if it is one that is answered while a transfer runs.
    fn immediate_command(&self) -> Option<(&'static Entry, Vec<u8>)> {
        let command = Command::parse(&self.lines.first_line()?).ok()?;
        let entry = verbs::find(command.verb())?;
        let bare = command.verb() != Verb::Stat || command.argument().is_empty();
        (entry.during_transfer && bare).then(|| (entry, command.argument().to_vec()))
    }

    /// What waits can concern the running transfer too. `ABOR` ends it from behind other commands, and
    /// has its own reply when its turn comes. A peer that hangs up ends it (RFC 959 §3.2), unless it has
    /// said `QUIT` before.
    fn look_ahead(&mut self) {
        if self.awaits(Verb::Abor) {
            self.cancel_transfer(CancelReason::AbortAhead);
        } else if self.ended && !self.awaits(Verb::Quit) {
            self.cancel_transfer(CancelReason::PeerLeft);
        }
    }

    /// True when a command with this verb waits.
    fn awaits(&self, verb: Verb) -> bool {
        self.lines.any_line(|line| Command::parse(line).is_ok_and(|command| command.verb() == verb))
    }

    fn take_frame(&mut self, frame: Frame) {
        self.active_at = self.now;
        match frame {
            Frame::Line(line) => self.take_line(&line),
            Frame::TooLong => self.take_nonsense(&replies::line_too_long()),
            Frame::Malformed => self.take_nonsense(&replies::malformed_line()),
            Frame::Endless => {
                self.send(&replies::line_too_long());
                self.close(&replies::endless_line());
            }
        }
    }

    fn take_line(&mut self, line: &[u8]) {
        let logged_in = self.login.logged_in().is_ok();
        if !logged_in && replies::is_other_protocol(line) {
            self.outputs.push_back(Output::Abuse);
            return self.close(&replies::other_protocol());
        }
        match Command::parse(line) {
            Ok(command) => match verbs::find(command.verb()) {
                Some(entry) => self.take_command(entry, command.argument()),
                None => self.send(&replies::not_offered()),
            },
            Err(CommandError::ForbiddenByte) => self.take_nonsense(&replies::malformed_line()),
            Err(CommandError::Empty | CommandError::Unknown) => {
                self.take_nonsense(&replies::unknown_command());
            }
        }
    }

    /// Replies to what is no command. Before a login there is an end to it.
    fn take_nonsense(&mut self, reply: &Reply) {
        self.send(reply);
        self.unknown_commands += u32::from(self.login.logged_in().is_err());
        if self.unknown_commands >= self.settings.limits.unknown_commands {
            self.outputs.push_back(Output::Abuse);
            self.close(&replies::too_many_unknown_commands());
        }
    }

    /// What time it is.
    pub(super) fn now(&self) -> Instant {
        self.now
    }

    fn take_command(&mut self, entry: &'static Entry, argument: &[u8]) {
        self.active_at = self.now;
        self.outputs.push_back(Output::Took(entry.verb));
        let step = self.allow(entry).and_then(|()| (entry.run)(self, argument));
        if !entry.during_transfer && !matches!(entry.verb, Verb::Rnfr | Verb::Rnto) {
            // RFC 959 §4.1.3: RNTO follows RNFR at once, or not at all. Questions do no harm.
            self.rename_from = None;
        }
        if entry.transfers {
            // RFC 959 §4.1.3: REST is for the transfer that follows, even if that is refused.
            self.restart = 0;
        }
        self.take_step(step.unwrap_or_else(Step::Reply));
    }

    fn allow(&self, entry: &Entry) -> Result<(), Reply> {
        match entry.allowed {
            When::Always => {}
            When::LoggedOut if self.login.logged_in().is_ok() => return Err(replies::after_login()),
            When::LoggedOut => {}
            When::LoggedIn => {
                self.login.logged_in()?;
            }
        }
        Ok(())
    }

    fn take_step(&mut self, step: Step) {
        match step {
            Step::Reply(reply) => self.send(&reply),
            Step::At(until, then) => self.work = Work::Pausing { until, then },
            Step::Close(reply) => self.close(&reply),
            Step::Leave => self.leave(),
            Step::Later => {}
            Step::Start(effect, then) => {
                let listening = matches!(effect, Effect::Listen { .. });
                let deadline = listening.then(|| self.now + self.settings.limits.passive_turn);
                self.work = Work::Waiting { then, deadline, cancelled: false };
                self.outputs.push_back(Output::Start(effect));
            }
            Step::Transfer(open) => {
                let keep = self.parameters.mode == Mode::Block;
                self.work = Work::Transfer(Transfer::new(self.data.target(self.peer), keep, self.now));
                self.outputs.push_back(Output::Start(Effect::Open(open)));
            }
        }
    }

    fn finish(&mut self, outcome: Outcome) {
        self.active_at = self.now;
        match std::mem::replace(&mut self.work, Work::Idle) {
            Work::Waiting { then, .. } => {
                let step = then(self, outcome);
                self.take_step(step);
            }
            Work::Transfer(transfer) => self.finish_stage(transfer, outcome),
            work => self.work = work,
        }
    }

    fn finish_stage(&mut self, mut transfer: Transfer, outcome: Outcome) {
        let limits = &self.settings.limits;
        match (transfer.stage, outcome) {
            (Stage::Opening, Outcome::Opened { size, name }) if transfer.cancelled.is_none() => {
                let limit = match transfer.target {
                    Target::Passive | Target::Kept => limits.data_connection,
                    Target::Active(_) => limits.active_connection.min(limits.data_connection),
                };
                transfer.begin_connecting(self.now + limit);
                let target = transfer.target;
                self.send(&match (target, &name) {
                    (Target::Kept, None) => replies::starting(),
                    _ => replies::opening_data_connection(size, name.as_deref()),
                });
                let protection = match self.data {
                    DataSetup::Passive(protection) => protection,
                    DataSetup::Default | DataSetup::Active(_) | DataSetup::Kept => self.protection(),
                };
                let effect = Effect::Connect { target, anyone: self.may_meet_servers(), protection };
                self.outputs.push_back(Output::Start(effect));
                self.work = Work::Transfer(transfer);
            }
            (Stage::Connecting, Outcome::Connected) if transfer.cancelled.is_none() => {
                transfer.begin_moving(self.now, limits.stall);
                self.outputs.push_back(Output::Start(Effect::Move { keep: transfer.keep }));
                self.work = Work::Transfer(transfer);
            }
            (_, outcome) => self.end_transfer(&transfer, &outcome),
        }
    }

    fn end_transfer(&mut self, transfer: &Transfer, outcome: &Outcome) {
        // What was refused before 150 leaves the data connection set up for another try.
        match outcome {
            Outcome::Moved { .. } if transfer.keep => self.data = DataSetup::Kept,
            _ if transfer.stage != Stage::Opening => {
                self.drop_data();
                if transfer.keep {
                    // Who has sent commands ahead for it is told at once, instead of being connected to.
                    self.data = DataSetup::Kept;
                }
            }
            _ => {}
        }
        self.send(&transfer.final_reply(outcome));
        match transfer.cancelled {
            Some(CancelReason::Abort) => self.send(&replies::aborted()),
            Some(CancelReason::Ending(why)) => self.close(&replies::ending(why)),
            // Commands that wait are answered, should somebody still read it.
            Some(
                CancelReason::AbortAhead
                | CancelReason::PeerLeft
                | CancelReason::NoConnection
                | CancelReason::Stalled,
            )
            | None => {}
        }
    }

    /// Ends the running transfer soon, if there is one; the replies follow its outcome.
    pub(super) fn cancel_transfer(&mut self, reason: CancelReason) {
        if let Work::Transfer(transfer) = &mut self.work
            && transfer.cancelled.is_none()
        {
            transfer.cancelled = Some(reason);
            self.outputs.push_back(Output::Cancel);
        }
    }

    /// Ends an effect that nobody waits for any more, if it is one that takes long.
    fn cancel_waiting(&mut self) {
        if let Work::Waiting { cancelled, .. } = &mut self.work
            && !std::mem::replace(cancelled, true)
        {
            self.outputs.push_back(Output::Cancel);
        }
    }

    /// On what terms somebody is logged in.
    fn terms(&self) -> Option<Terms> {
        self.login.logged_in().ok().map(|somebody| somebody.terms)
    }

    /// True when the time is over that the account may be logged in.
    fn is_out_of_time(&self) -> bool {
        self.terms().and_then(|terms| terms.until).is_some_and(|until| until <= self.now)
    }

    fn tick(&mut self) {
        let Some(deadline) = self.deadline() else { return };
        if self.now < deadline {
            return;
        }
        let out_of_time = self.is_out_of_time();
        match &mut self.work {
            Work::Idle if out_of_time => self.close(&replies::out_of_time()),
            Work::Idle if self.login.logged_in().is_ok() => self.close(&replies::idle_too_long()),
            Work::Idle => self.close(&replies::login_too_long()),
            Work::Waiting { .. } => self.cancel_waiting(),
            Work::Pausing { .. } => {
                if let Work::Pausing { then, .. } = std::mem::replace(&mut self.work, Work::Idle) {
                    self.take_step(*then);
                }
            }
            Work::Transfer(transfer) => {
                if let Some((_, why)) = self.ending.filter(|(until, _)| *until <= self.now) {
                    self.cancel_transfer(CancelReason::Ending(why));
                } else if let Some(reason) = transfer.overdue(self.now, self.settings.limits.stall) {
                    self.cancel_transfer(reason);
                }
            }
            Work::Over => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let limits = &self.settings.limits;
        let end = self.ending.map(|(until, _)| until);
        match &self.work {
            Work::Idle => match self.terms() {
                Some(terms) => {
                    let idle = self.active_at + terms.idle.unwrap_or(limits.idle);
                    Some(terms.until.map_or(idle, |until| until.min(idle)))
                }
                None => Some(self.logged_out_at + limits.login),
            },
            Work::Waiting { cancelled: true, .. } => None,
            Work::Waiting { deadline, .. } => [*deadline, end].into_iter().flatten().min(),
            Work::Pausing { until, .. } => Some(*until),
            Work::Transfer(transfer) if transfer.cancelled.is_some() => None,
            Work::Transfer(transfer) => [transfer.deadline, end].into_iter().flatten().min(),
            Work::Over => None,
        }
    }
}
