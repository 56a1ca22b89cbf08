//! One task for each session: it owns the control connection, the machine, and what the effect in
//! flight works with.

use crate::Shared;
use crate::effects::{self, Done, Holdings};
use crate::login::{self, Looked, Member};
use crate::orders::Orders;
use crate::{Door, registry, threads};
use futures_util::future::BoxFuture;
use portolan_events::What;
use portolan_net::{Control, Secured};
use portolan_proto::server::{Connection, Effect, Ending, Input, Outcome, Output, Session};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long a peer may leave replies unread.
const UNREAD: Duration = Duration::from_secs(60);

/// How long an effect has to end when its session is over.
const LAST_EFFECT: Duration = Duration::from_secs(10);

/// With so many bytes of replies unread, nothing more is done that could lead to another.
const UNREAD_MAX: usize = 64 << 10;

/// Bytes that are sent to the peer as they are, how many of them are sent, and whether they must have a segment
/// of their own.
struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
    alone: bool,
}

pub(crate) struct Driver {
    pub(crate) control: Control,
    pub(crate) entry: registry::Entry,
    pub(crate) shared: Arc<Shared>,
    /// What counts now.
    pub(crate) orders: Arc<Orders>,
    /// Looks up again what counts for who is logged in.
    look: Option<BoxFuture<'static, Looked>>,
    session: Session,
    pub(crate) holdings: Holdings,
    /// The handshake has been made already.
    pub(crate) secured: Option<Box<Secured>>,
    /// Room for the handshake that is to begin.
    pub(crate) handshake: Option<registry::HandshakeRoom>,
    /// The longest that a handshake may take.
    pub(crate) handshake_limit: Duration,
    effect: Option<BoxFuture<'static, Done>>,
    /// It was started, and not looked at yet.
    fresh: bool,
    outgoing: VecDeque<Outgoing>,
    /// Since when nothing of `outgoing` could be sent.
    unread_since: Instant,
    closing: bool,
    /// What [`Output::Wait`] said.
    deadline: Option<Instant>,
    read: usize,
}

/// What woke the driver.
enum Event {
    Done(Box<Done>),
    Sent(usize),
    Markers,
    Readable,
    Tick,
    Orders,
    Looked(Looked),
}

impl Driver {
    pub(crate) fn new(
        control: Control,
        secured: Option<Secured>,
        entry: registry::Entry,
        door: &Arc<Door>,
        shared: Arc<Shared>,
    ) -> Driver {
        let now = Instant::now();
        let orders = Arc::clone(&shared.orders.borrow());
        let (settings, implicit_tls, tls) = (Arc::clone(&orders.rules.settings), door.implicit_tls, door.tls);
        let connection = Connection { peer: control.peer(), local: control.local(), implicit_tls, tls };
        let handshake_limit = settings.limits.handshake;
        let session = Session::new(settings, now.into_std(), connection);
        Driver {
            control,
            entry,
            shared,
            orders,
            look: None,
            session,
            holdings: Holdings::new(Arc::clone(door)),
            secured: secured.map(Box::new),
            handshake: None,
            handshake_limit,
            effect: None,
            fresh: false,
            outgoing: VecDeque::new(),
            unread_since: now,
            closing: false,
            deadline: None,
            read: 0,
        }
    }

    /// Runs the session to its end.
    pub(crate) async fn run(&mut self) {
        self.note(What::SessionBegin).await;
        let reason = self.drive().await.err().map(|error| error.to_string());
        // What an upload has got so far is put where it can be resumed.
        self.holdings.progress.stop();
        if let Some(effect) = self.effect.take() {
            let _ = tokio::time::timeout(LAST_EFFECT, effect).await;
        }
        self.holdings.drop_data();
        self.holdings.let_go().await;
        self.note(What::SessionEnd { reason }).await;
        self.control.finish();
    }

    /// Says what has happened in this session.
    pub(crate) fn note(&mut self, what: What) -> BoxFuture<'_, ()> {
        let who = self.holdings.who(self.entry.id(), self.control.peer());
        // It is rare: an idle session has no room for it.
        Box::pin(self.shared.options.events.note(who, what))
    }

    async fn drive(&mut self) -> io::Result<()> {
        let mut orders = self.shared.orders.subscribe();
        // They may have changed since the session was made.
        orders.mark_changed();
        loop {
            self.take_outputs().await?;
            self.look_again();
            if self.closing && self.outgoing.is_empty() {
                return Ok(());
            }
            let event = self.wait(&mut orders).await?;
            self.session.set_moved(self.holdings.progress.moved());
            let now = Instant::now().into_std();
            for marker in self.holdings.markers.take() {
                self.session.handle_input(now, Input::Marker(marker));
            }
            match event {
                Event::Done(done) => {
                    self.effect = None;
                    let outcome = self.holdings.take(*done);
                    self.session.handle_input(now, Input::Finished(outcome));
                }
                Event::Sent(count) => self.note_sent(count),
                // They were taken above, so that they come before the outcome.
                Event::Markers => {}
                Event::Readable => {
                    threads::note_command();
                    self.read(now)?;
                }
                Event::Tick if !self.outgoing.is_empty() && self.unread_since.elapsed() >= UNREAD => {
                    return Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "the peer does not read its replies",
                    ));
                }
                Event::Tick => self.session.handle_input(now, Input::Tick),
                Event::Orders => self.take_orders(now, Arc::clone(&orders.borrow_and_update())),
                Event::Looked(looked) => {
                    self.look = None;
                    self.take_look(now, looked);
                }
            }
        }
    }

    fn take_orders(&mut self, now: std::time::Instant, orders: Arc<Orders>) {
        let before = std::mem::replace(&mut self.orders, orders);
        if !Arc::ptr_eq(&before.rules, &self.orders.rules) {
            self.session.handle_input(now, Input::Settings(Arc::clone(&self.orders.rules.settings)));
        }
        if let Some(stop) = self.orders.stop {
            let until = stop.until.into_std();
            self.session.handle_input(now, Input::End { until, why: Ending::Shutdown });
        }
    }

    /// Looks up what counts for who is logged in, if that may have changed.
    fn look_again(&mut self) {
        let Some(member) = self.holdings.member.as_ref().filter(|_| self.look.is_none()) else { return };
        if member.edition != self.orders.edition {
            let (shared, orders) = (Arc::clone(&self.shared), Arc::clone(&self.orders));
            let (session, peer, member) = (self.entry.id(), self.control.peer(), Member::clone(member));
            self.look = Some(Box::pin(login::look_again(shared, orders, session, peer, member)));
        }
    }

    fn take_look(&mut self, now: std::time::Instant, looked: Looked) {
        match looked {
            // Somebody else may be logged in meanwhile.
            Some(looked) if self.holdings.is_same_login(&looked.0) => {
                let (member, terms) = *looked;
                self.holdings.member = Some(Box::new(member));
                self.session.handle_input(now, Input::Terms(terms));
            }
            Some(_) => {}
            None => {
                // It is known now, and over soon.
                if let Some(member) = &mut self.holdings.member {
                    member.edition = self.orders.edition;
                }
                self.session.handle_input(now, Input::End { until: now, why: Ending::Revoked });
            }
        }
    }

    /// Does what the machine asks for, until it waits.
    async fn take_outputs(&mut self) -> io::Result<()> {
        loop {
            match self.session.poll_output() {
                Output::Took(verb) => self.shared.options.events.metrics.count_command(verb.as_str()),
                Output::Send { bytes, alone } => {
                    self.shared.options.events.metrics.count_reply(&bytes);
                    let sealed = self.control.seal(bytes)?;
                    self.send(sealed, alone);
                }
                Output::Start(Effect::PrepareTls) => {
                    let outcome = self.prepare_tls();
                    self.finish_at_once(outcome);
                }
                Output::Start(Effect::BeginTls { host }) => {
                    // It is large, and rare: an idle session has no room for it.
                    let outcome = Box::pin(self.begin_tls(host)).await?;
                    self.finish_at_once(outcome);
                }
                Output::Start(effect) => {
                    self.fresh = true;
                    self.effect = Some(effects::start(
                        effect,
                        &mut self.holdings,
                        &self.control,
                        &self.entry,
                        &self.orders,
                        &self.shared,
                    ));
                }
                Output::Cancel => self.holdings.progress.stop(),
                Output::DropData => self.holdings.drop_data(),
                Output::LogOut => {
                    // What is looked up is about who was here.
                    self.look = None;
                    self.holdings.log_out();
                    self.entry.log_out();
                }
                Output::Injected => self.note_attack(),
                Output::Abuse => {
                    let who = self.holdings.who(self.entry.id(), self.control.peer());
                    Box::pin(self.shared.note_fault(who, "speaks no FTP")).await;
                }
                Output::EndTls => {
                    let goodbye = self.control.end_tls();
                    self.send(goodbye, false);
                }
                Output::Close => {
                    let goodbye = self.control.end_tls();
                    self.send(goodbye, false);
                    self.closing = true;
                }
                Output::Wait { deadline, read } => {
                    self.deadline = deadline.map(Instant::from_std);
                    self.read = read;
                    break;
                }
            }
        }
        if !self.session.is_transferring() {
            self.holdings.let_go().await;
        }
        Ok(())
    }

    /// Tells the machine how something went that this task did itself.
    fn finish_at_once(&mut self, outcome: Outcome) {
        self.session.handle_input(Instant::now().into_std(), Input::Finished(outcome));
    }

    /// Sends everything that is queued, before anything else happens.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        while let Some(first) = self.outgoing.front() {
            let sent = self.control.write(&first.bytes[first.sent..]).await?;
            self.note_sent(sent);
        }
        Ok(())
    }

    /// Queues bytes. Replies that may share a segment are joined.
    fn send(&mut self, bytes: Vec<u8>, alone: bool) {
        if bytes.is_empty() {
            return;
        }
        if self.outgoing.is_empty() {
            self.unread_since = Instant::now();
        }
        match self.outgoing.back_mut() {
            Some(last) if !alone && !last.alone && last.bytes.len() < UNREAD_MAX => {
                last.bytes.extend_from_slice(&bytes);
            }
            _ => self.outgoing.push_back(Outgoing { bytes, sent: 0, alone }),
        }
    }

    fn note_sent(&mut self, count: usize) {
        self.unread_since = Instant::now();
        if let Some(first) = self.outgoing.front_mut() {
            first.sent += count;
            if first.sent == first.bytes.len() {
                self.outgoing.pop_front();
            }
            if self.outgoing.is_empty() {
                // An idle session has no room for it.
                self.outgoing = VecDeque::new();
            }
        }
    }

    fn read(&mut self, now: std::time::Instant) -> io::Result<()> {
        let mut buffer = [0; 4096];
        let room = self.read.min(buffer.len());
        let read = self.control.try_read(&mut buffer[..room]);
        let answers = self.control.take_answers();
        if read.is_err() {
            // The alert that says what was wrong.
            self.control.write_last(&answers);
        }
        let read = read?;
        self.send(answers, false);
        match read {
            None => {}
            Some(0) => self.session.handle_input(now, Input::Ended),
            Some(count) => self.session.handle_input(now, Input::Received(&buffer[..count])),
        }
        Ok(())
    }

    async fn wait(&mut self, orders: &mut watch::Receiver<Arc<Orders>>) -> io::Result<Event> {
        let left: usize = self.outgoing.iter().map(|outgoing| outgoing.bytes.len() - outgoing.sent).sum();
        let unread = self.outgoing.front().map(|first| (first, self.unread_since + UNREAD));
        let deadline = [self.deadline, unread.map(|(_, until)| until)].into_iter().flatten().min();
        if std::mem::take(&mut self.fresh)
            && left < UNREAD_MAX
            && threads::is_busy()
            && let Some(effect) = &mut self.effect
            && let Poll::Ready(done) = futures_util::poll!(effect)
        {
            // What is over at once has its reply sent together with the one before: 150 and 226, of a small file. But
            // where there is time, the client can wake up for the first of them while the rest is done.
            return Ok(Event::Done(Box::new(done)));
        }
        tokio::select! {
            biased;
            sent = async { match unread {
                Some((first, _)) => self.control.write(&first.bytes[first.sent..]).await,
                None => std::future::pending().await,
            } } => Ok(Event::Sent(sent?)),
            done = async { match &mut self.effect {
                Some(effect) => effect.await,
                None => std::future::pending().await,
            } }, if left < UNREAD_MAX => Ok(Event::Done(Box::new(done))),
            () = self.holdings.markers.came(), if self.effect.is_some() => Ok(Event::Markers),
            // A peer that does not read its replies is not listened to.
            ready = self.control.readable(), if self.read > 0 && unread.is_none() => ready.map(|()| Event::Readable),
            // Who gives them is there as long as this session is.
            Ok(()) = orders.changed() => Ok(Event::Orders),
            looked = async { match &mut self.look {
                Some(look) => look.await,
                None => std::future::pending().await,
            } } => Ok(Event::Looked(looked)),
            () = async { match deadline {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            } } => Ok(Event::Tick),
        }
    }
}
