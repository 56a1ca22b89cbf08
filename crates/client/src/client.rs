//! A server, reached by as many connections as it lets one have, and again after one was lost.

mod idempotent;
mod pool;

use crate::Receipt;
use crate::charset::Charset;
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::options::Options;
pub(crate) use pool::Loan;
use pool::{Held, State};
use portolan_proto::client::{Problem, Retry, Way};
use std::ops::Deref;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, OnceCell};

/// How often something is tried, and how long is waited in between: each time twice as long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// Tries after the first; 0 is none.
    pub times: u32,
    /// The first wait.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Default for Retries {
    fn default() -> Retries {
        Retries { times: 5, first: Duration::from_millis(250), longest: Duration::from_secs(30) }
    }
}

impl Retries {
    fn wait(&self, tried: u32) -> Duration {
        self.first.saturating_mul(1 << tried.min(16)).min(self.longest)
    }
}

/// Files that are asked for at a time at most; each has a folder or itself open here.
const AHEAD_MAX: usize = 256;

/// Sessions that are worth it, by how long a round trip takes: what is near is limited by the work, what is far by the
/// waiting.
const SESSIONS: [(Duration, usize); 3] =
    [(Duration::from_millis(2), 4), (Duration::from_millis(15), 8), (Duration::MAX, 16)];

/// A server, and the connections to it.
#[derive(Debug)]
pub struct Client {
    options: Options,
    retries: Retries,
    state: Mutex<State>,
    /// Somebody needs a connection no more: for those who want one alone, and those who share.
    freed: [Notify; 2],
    /// How many connections there are to be is found out.
    finds_out: bool,
    /// Uploads cannot be given another name there.
    pub(crate) direct: AtomicBool,
    /// Checksums take the server too long.
    pub(crate) without_digests: AtomicBool,
    /// Seconds by which the zone of its listings is east of UTC, once it was asked for; nothing where that did not show.
    pub(crate) zone: OnceCell<Option<i64>>,
}

/// A connection for some time; it goes back when it is dropped.
#[derive(Debug)]
pub struct Lease<'a> {
    client: &'a Client,
    connection: Arc<Connection>,
}

impl Deref for Lease<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut state = self.client.state();
        let own = |held: &&mut Held| Arc::ptr_eq(&held.connection, &self.connection);
        if let Some(held) = state.held.iter_mut().find(own) {
            held.users -= 1;
            held.alone = false;
        }
        drop(state);
        self.client.free();
    }
}

impl Lease<'_> {
    /// It is of no use any more.
    pub(crate) fn discard(self) {
        let mut state = self.client.state();
        let own = |held: &&mut Held| Arc::ptr_eq(&held.connection, &self.connection);
        if let Some(held) = state.held.iter_mut().find(own) {
            held.given_up = true;
        }
    }
}

/// A connection that is being opened is counted, also if nobody waits for it any more.
struct Opening<'a>(&'a Client);

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.0.state().opening -= 1;
        self.0.free();
    }
}

impl Client {
    /// By at most so many connections at a time, at least one; without a number by as many as are worth it. None is opened
    /// before it is needed.
    pub fn new(options: Options, sessions: Option<usize>, retries: Retries) -> Client {
        let state = State { most: sessions.unwrap_or(1).max(1), ..State::default() };
        Client {
            options,
            retries,
            state: Mutex::new(state),
            freed: [Notify::new(), Notify::new()],
            finds_out: sessions.is_none(),
            direct: AtomicBool::new(false),
            without_digests: AtomicBool::new(false),
            zone: OnceCell::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many connections there may be at a time, as far as is known.
    pub fn sessions(&self) -> usize {
        self.state().most
    }

    /// How many small files are worth to be asked for at a time.
    pub(crate) fn ahead(&self, loan: Loan) -> usize {
        let state = self.state();
        let depth = state.held.iter().map(|held| state.depth(&held.connection, loan)).max();
        (state.most * depth.unwrap_or(1)).min(AHEAD_MAX)
    }

    /// How many uploads are worth to be begun at a time.
    pub fn uploads(&self) -> usize {
        self.ahead(Loan::Uploads)
    }

    /// True where small uploads go over one data connection.
    pub(crate) fn has_common_uploads(&self) -> bool {
        let state = self.state();
        state.held.iter().any(|held| state.depth(&held.connection, Loan::Uploads) > 1)
    }

    /// The way by which the last data connection was had, to begin with it another time.
    pub fn way(&self) -> Option<Way> {
        self.state().way
    }

    /// Notes a way that worked.
    pub(crate) fn note_way(&self, receipt: &Receipt) {
        let mut state = self.state();
        state.way = receipt.way.or(state.way);
    }

    /// There may be a connection for somebody.
    fn free(&self) {
        self.freed.iter().for_each(Notify::notify_one);
    }

    /// The charset of names on the server, if they are not to be left as they are.
    pub(crate) fn charset(&self) -> Option<Charset> {
        self.options.charset
    }

    /// True when a proxy carries its connections.
    pub(crate) fn is_carried(&self) -> bool {
        self.options.carrier().is_some()
    }

    /// True once nothing is to be asked for ahead any more.
    pub(crate) fn is_odd(&self) -> bool {
        self.state().odd
    }

    pub(crate) fn tell(&self, event: &Event<'_>) {
        if let Some(observer) = &self.options.observer {
            observer(event);
        }
    }

    /// A connection, one of those that there are or a new one; where there may be no more of them, it is waited for.
    ///
    /// # Errors
    /// When there is none, and none can be opened.
    pub async fn connection(&self) -> Result<Lease<'_>> {
        self.lease(Loan::Alone).await
    }

    async fn lease(&self, loan: Loan) -> Result<Lease<'_>> {
        let alone = loan == Loan::Alone;
        loop {
            let freed = self.freed[usize::from(alone)].notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            let may_open = {
                let mut state = self.state();
                if let Some(connection) = state.find(loan) {
                    drop(state);
                    // There may be room for more.
                    self.freed[usize::from(alone)].notify_one();
                    return Ok(Lease { client: self, connection });
                }
                let may_open = state.held.len() + state.opening < state.most;
                state.opening += usize::from(may_open);
                may_open
            };
            if !may_open {
                freed.await;
                continue;
            }
            let opening = Opening(self);
            match Connection::open(self.current()).await {
                Ok(connection) => return Ok(self.hold(Arc::new(connection), alone)),
                Err(error) => {
                    let mut state = self.state();
                    let others = state.held.len();
                    // So many, and no more: what there is has to do.
                    let full = matches!(error.code(), Some(421 | 530)) && others > 0;
                    if !full {
                        drop(state);
                        return Err(error);
                    }
                    let fewer = state.most > others;
                    state.most = others;
                    drop((state, opening));
                    if fewer {
                        self.tell(&Event::FewerSessions(&error));
                    }
                }
            }
        }
    }

    /// There is one more connection.
    fn hold(&self, connection: Arc<Connection>, alone: bool) -> Lease<'_> {
        let mut state = self.state();
        if self.finds_out && !state.reached {
            let by_time = SESSIONS.iter().find(|(time, _)| connection.round_trip() <= *time);
            state.most = by_time.map_or(1, |(_, sessions)| *sessions);
        }
        state.reached = true;
        state.held.push(Held { connection: Arc::clone(&connection), users: 1, alone, given_up: false });
        Lease { client: self, connection }
    }

    /// Says goodbye on all connections.
    pub async fn close(self) {
        let held = std::mem::take(&mut self.state().held);
        let own = held.into_iter().filter_map(|held| Arc::into_inner(held.connection));
        futures_util::future::join_all(own.map(Connection::close)).await;
    }

    fn drop_idle(&self) {
        self.state().held.retain(|held| held.users > 0);
    }

    /// The options, with what was learned.
    fn current(&self) -> Options {
        let mut options = self.options.clone();
        let state = self.state();
        options.trust.tls12 |= state.tls12;
        if options.ways.iter().any(|way| !state.unfit.contains(way)) {
            options.ways.retain(|way| !state.unfit.contains(way));
        }
        if let Some(way) = state.way {
            options.ways.sort_by_key(|own| *own != way);
        }
        options
    }

    /// Does something, and again where that makes sense: on the same connection, or on a new one if this one was lost. What
    /// is done has to bear being done twice.
    ///
    /// # Errors
    /// The last one, when it makes no sense any more.
    pub async fn run<T>(&self, act: impl AsyncFnMut(&Connection) -> Result<T>) -> Result<T> {
        self.run_while(Loan::Alone, act, |_| true).await
    }

    /// The same for one of many small things, for which the connection may be shared.
    pub(crate) async fn run_small<T>(&self, act: impl AsyncFnMut(&Connection) -> Result<T>) -> Result<T> {
        self.run_while(Loan::Downloads, act, |_| true).await
    }

    /// Does something once, on a connection that is lent for it.
    pub(crate) async fn run_on<T>(
        &self,
        loan: Loan,
        mut act: impl AsyncFnMut(&Connection) -> Result<T>,
    ) -> Result<T> {
        let lease = self.lease(loan).await?;
        let done = act(&lease).await;
        if let Err(error) = &done {
            self.note_oddity(loan, error);
            if error.retry() == Retry::NewConnection {
                lease.discard();
            }
        }
        done
    }

    /// The same for what must not be done twice: it is done again only if it was not begun.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_once<T>(&self, act: impl AsyncFnMut(&Connection) -> Result<T>) -> Result<T> {
        let untouched = |error: &Error| match error {
            Error::Session(error) => error.untouched,
            error => error.is_before_server(),
        };
        self.run_while(Loan::Alone, act, untouched).await
    }

    /// What was asked for ahead and came out wrong is the reason to ask for one thing after the other from now on.
    fn note_oddity(&self, loan: Loan, error: &Error) {
        let odd = match error {
            Error::Truncated => true,
            Error::Session(error) => {
                matches!(error.problem, Problem::Unexpected(_) | Problem::Silent)
                    || error.reply().is_some_and(|reply| matches!(reply.number, 500..=504))
            }
            _ => false,
        };
        let mut state = self.state();
        state.odd |= odd && loan != Loan::Alone;
    }

    async fn run_while<T>(
        &self,
        loan: Loan,
        mut act: impl AsyncFnMut(&Connection) -> Result<T>,
        again: impl Fn(&Error) -> bool,
    ) -> Result<T> {
        let mut tried = 0;
        loop {
            let error = match self.run_on(loan, &mut act).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            if let Error::Session(error) = &error
                && let Problem::NoWay(left) = &error.problem
            {
                self.state().unfit = left.iter().map(|left| left.way).collect();
            }
            let at_once = again(&error)
                && matches!(error, Error::NotResumed(_))
                && !std::mem::replace(&mut self.state().tls12, true);
            if at_once {
                self.drop_idle();
                self.tell(&Event::Again(&error, Duration::ZERO));
                continue;
            }
            if !again(&error) || !self.waits(tried, &error).await {
                return Err(error);
            }
            tried += 1;
        }
    }

    /// Waits before something is done once more, if that makes sense after so many tries.
    pub(crate) async fn waits(&self, tried: u32, error: &Error) -> bool {
        // A name or a port that is wrong stays wrong.
        let never_reached = error.is_before_server() && !self.state().reached;
        if error.retry() == Retry::Never || never_reached || tried == self.retries.times {
            return false;
        }
        let wait = self.retries.wait(tried);
        self.tell(&Event::Again(error, wait));
        tokio::time::sleep(wait).await;
        true
    }
}
