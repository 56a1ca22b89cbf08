//! What the parts of a session share: what is sent, and whose answer comes next.

use super::features::{Features, Software};
use super::session::{Number, Output};
use super::settings::Settings;
use super::way::Way;
use portolan_wire::parameters::Representation;
use portolan_wire::received::Received;
use portolan_wire::{Command, CommandError, Verb};
use std::collections::VecDeque;
use std::time::Instant;

/// Whose a command is, and so its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    Login,
    Ask(Number),
    Transfer(Number, Part),
    /// Nobody waits for it.
    KeepAlive,
}

/// Which of its commands a transfer is told the reply of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Type,
    Mode,
    Way,
    Rest,
    Transfer,
}

/// A reply that is owed.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) sender: Sender,
    pub(super) verb: Verb,
}

#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) settings: Settings,
    pub(super) features: Features,
    pub(super) outputs: VecDeque<Output>,
    expected: VecDeque<Expected>,
    /// Since when the first of those is awaited.
    pub(super) since: Instant,
    /// The type that counts, once one was set.
    pub(super) representation: Option<Representation>,
    /// True when the control connection is protected.
    pub(super) secure: bool,
    /// True when data connections are.
    pub(super) protect_data: bool,
    /// The way by which a data connection was had.
    pub(super) proven: Option<Way>,
    /// How the server is told where to connect to.
    pub(super) active: Verb,
    /// Ways that failed.
    pub(super) unfit: Vec<Way>,
    /// True while the mode is that of blocks.
    pub(super) in_blocks: bool,
    /// What small transfers have in common.
    pub(super) common: Common,
    /// The server has kept the data connection in common at least once.
    pub(super) keeps: bool,
    /// Something was odd: from now on one thing is asked for after the other.
    pub(super) odd: bool,
}

/// The data connection that small transfers have in common, in block mode.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Common {
    /// There is none.
    #[default]
    None,
    /// The first transfer uses it. Whether the server keeps it is not known yet.
    Tried,
    /// The server keeps it from one transfer to the next.
    Kept,
    /// It ends behind the transfer with this number: what comes later on it does not come.
    Ends(Number),
}

impl Conversation {
    pub(super) fn new(settings: Settings, now: Instant) -> Conversation {
        let secure = settings.tls == super::TlsPolicy::Implicit;
        Conversation {
            settings,
            features: Features::default(),
            outputs: VecDeque::new(),
            expected: VecDeque::new(),
            since: now,
            representation: None,
            secure,
            protect_data: false,
            proven: None,
            active: Verb::Eprt,
            unfit: Vec::new(),
            in_blocks: false,
            common: Common::None,
            keeps: false,
            odd: false,
        }
    }

    /// Sends a command, whose reply goes to who sends it.
    pub(super) fn send(&mut self, now: Instant, sender: Sender, command: &Command) {
        if self.expected.is_empty() {
            self.since = now;
        }
        let verb = command.verb();
        self.expected.push_back(Expected { sender, verb });
        let secret = matches!(verb, Verb::Pass | Verb::Acct);
        let shown = if secret { format!("{} ***", verb.as_str()).into_bytes() } else { command.line() };
        self.outputs.push_back(Output::Send { bytes: command.encode(), shown });
    }

    /// The same for a verb and its argument.
    pub(super) fn say(
        &mut self,
        now: Instant,
        sender: Sender,
        verb: Verb,
        argument: Option<&[u8]>,
    ) -> Result<(), CommandError> {
        let command = Command::new(verb, argument)?;
        self.send(now, sender, &command);
        Ok(())
    }

    /// Finds out whose a reply is. A final one is owed no more then.
    pub(super) fn take_owner(&mut self, now: Instant, reply: &Received) -> Option<Expected> {
        let first = self.expected.front()?;
        // A server may answer what keeps the connection alive at once, or refuse it at once, in the middle of a transfer.
        let is_transfer = matches!(first.sender, Sender::Transfer(_, Part::Transfer));
        if is_transfer && matches!(reply.number, 200 | 500 | 502 | 503) {
            let kept = self.expected.iter().position(|expected| expected.sender == Sender::KeepAlive);
            if let Some(at) = kept {
                return self.expected.remove(at);
            }
        }
        self.since = now;
        if reply.is_preliminary() {
            let Expected { sender, verb } = *first;
            return Some(Expected { sender, verb });
        }
        self.expected.pop_front()
    }

    /// Whose reply comes next.
    pub(super) fn next_owner(&self) -> Option<&Expected> {
        self.expected.front()
    }

    /// True when a `NOOP` was not answered yet.
    pub(super) fn is_kept_alive(&self) -> bool {
        self.expected.iter().any(|expected| expected.sender == Sender::KeepAlive)
    }

    /// True when the server is known to answer `NOOP` in the middle of a transfer, or after it, and go on.
    pub(super) fn may_keep_alive(&self) -> bool {
        !matches!(self.features.software, Software::Unknown | Software::Iis | Software::FileZilla)
    }

    /// True when small transfers can have a data connection in common.
    pub(super) fn offers_blocks(&self) -> bool {
        self.features.offers_blocks() && !self.odd
    }

    /// True when commands can be sent ahead, to be taken after the transfer that runs.
    pub(super) fn queues(&self) -> bool {
        self.features.queues() && !self.odd
    }

    /// Whose reply is owed next.
    pub(super) fn is_next(&self, number: Number) -> bool {
        let owner = self.expected.front().map(|expected| expected.sender);
        matches!(owner, Some(Sender::Transfer(own, _)) if own == number)
    }

    /// The ways that are worth a try, the best first.
    pub(super) fn ways(&self) -> Vec<Way> {
        let fit = self.settings.ways.iter().copied().filter(|way| !self.unfit.contains(way));
        let mut ways: Vec<Way> = fit.collect();
        if ways.is_empty() {
            ways.clone_from(&self.settings.ways);
        }
        ways.sort_by_key(|way| Some(*way) != self.proven);
        ways
    }
}
