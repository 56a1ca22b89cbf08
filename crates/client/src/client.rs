//! A server, reached by as many connections as it lets one have, and again after one was lost.

use crate::Receipt;
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::options::Options;
use portolan_proto::client::{Problem, Retry, Way};
use std::ops::Deref;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

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

#[derive(Debug, Default)]
struct State {
    idle: Vec<Connection>,
    /// Connections that there are, used or not.
    open: usize,
    /// There was a connection once.
    reached: bool,
    /// Data connections could not resume TLS 1.3.
    tls12: bool,
    /// Ways that lead nowhere.
    unfit: Vec<Way>,
    /// The way that the last connection went.
    way: Option<Way>,
}

/// A server, and the connections to it.
#[derive(Debug)]
pub struct Client {
    options: Options,
    retries: Retries,
    state: Mutex<State>,
    slots: Semaphore,
    /// Uploads cannot be given another name there.
    pub(crate) direct: AtomicBool,
}

/// A connection for some time; it goes back when it is dropped.
#[derive(Debug)]
pub struct Lease<'a> {
    client: &'a Client,
    connection: Option<Connection>,
    slot: Option<SemaphorePermit<'a>>,
}

impl Deref for Lease<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        // It is taken only when it is dropped.
        match &self.connection {
            Some(connection) => connection,
            None => unreachable!("a lease without a connection"),
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut state = self.client.state();
        match self.connection.take() {
            Some(connection) if !connection.is_over() => state.idle.push(connection),
            _ => state.open -= 1,
        }
    }
}

impl Lease<'_> {
    /// It is of no use any more.
    fn discard(mut self) {
        self.connection = None;
    }

    /// There may be fewer connections than was thought.
    fn give_up_slot(mut self) {
        if let Some(slot) = self.slot.take() {
            slot.forget();
        }
    }
}

impl Client {
    /// By at most so many connections at a time; at least one. None is opened before it is needed.
    pub fn new(options: Options, sessions: usize, retries: Retries) -> Client {
        Client {
            options,
            retries,
            state: Mutex::default(),
            slots: Semaphore::new(sessions.max(1)),
            direct: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn tell(&self, event: &Event<'_>) {
        if let Some(observer) = &self.options.observer {
            observer(event);
        }
    }

    /// A connection, one of those that there are or a new one; where there may be no more of them, it is waited for.
    ///
    /// # Errors
    /// When there is none, and none can be opened.
    pub async fn connection(&self) -> Result<Lease<'_>> {
        loop {
            let slot = self.slots.acquire().await.map_err(|error| Error::Local(error.to_string()))?;
            let idle = {
                let mut state = self.state();
                let mut idle = None;
                while let Some(connection) = state.idle.pop() {
                    if !connection.is_over() {
                        idle = Some(connection);
                        break;
                    }
                    state.open -= 1;
                }
                if idle.is_none() {
                    state.open += 1;
                }
                idle
            };
            if let Some(connection) = idle {
                return Ok(Lease { client: self, connection: Some(connection), slot: Some(slot) });
            }
            // What comes of it is counted, also if nobody waits for it any more.
            let mut lease = Lease { client: self, connection: None, slot: Some(slot) };
            match Connection::open(self.current()).await {
                Ok(connection) => {
                    self.state().reached = true;
                    lease.connection = Some(connection);
                    return Ok(lease);
                }
                Err(error) => {
                    // So many, and no more: what there is has to do.
                    let full = matches!(error.code(), Some(421 | 530)) && self.state().open > 1;
                    if !full {
                        return Err(error);
                    }
                    self.tell(&Event::FewerSessions(&error));
                    lease.give_up_slot();
                }
            }
        }
    }

    /// Says goodbye on all connections.
    pub async fn close(self) {
        let idle = std::mem::take(&mut self.state().idle);
        futures_util::future::join_all(idle.into_iter().map(Connection::close)).await;
    }

    fn drop_idle(&self) {
        let mut state = self.state();
        state.open -= state.idle.len();
        state.idle.clear();
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
        self.run_while(act, |_| true).await
    }

    /// The same for what must not be done twice: it is done again only if it was not begun.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_once<T>(&self, act: impl AsyncFnMut(&Connection) -> Result<T>) -> Result<T> {
        let untouched = |error: &Error| match error {
            Error::Session(error) => error.untouched,
            error => matches!(error, Error::Connect { .. } | Error::Name { .. }),
        };
        self.run_while(act, untouched).await
    }

    /// Makes a directory. That one is there already is as good: it may have been made by a try whose answer was lost.
    ///
    /// # Errors
    /// When there is none then.
    pub async fn have_directory(&self, path: &[u8]) -> Result<()> {
        self.run(async |connection| match connection.make_directory(path).await {
            Err(error) if error.code().is_some_and(|code| code >= 500) => {
                // If that is lost on the way, it is tried again.
                connection
                    .list(path)
                    .await
                    .map(|_| ())
                    .map_err(|own| if own.code().is_some() { error } else { own })
            }
            made => made,
        })
        .await
    }

    /// Makes a directory with all above it.
    ///
    /// # Errors
    /// As [`have_directory`](Self::have_directory).
    pub async fn have_directories(&self, path: &[u8]) -> Result<()> {
        let slashes = path.iter().enumerate().filter(|(at, byte)| **byte == b'/' && *at > 0);
        for above in slashes.map(|(at, _)| &path[..at]) {
            // What may not be made or seen may still be there; the last one says what counts.
            let made = self.run(async |connection| connection.make_directory(above).await).await;
            if let Err(error) = made
                && error.code().is_none()
            {
                return Err(error);
            }
        }
        self.have_directory(path).await
    }

    /// Deletes a file, or an empty directory. That it is gone already is as good after a try whose answer was lost.
    ///
    /// # Errors
    /// When it is still there then.
    pub async fn have_deleted(&self, path: &[u8], is_directory: bool) -> Result<()> {
        let mut tried = false;
        self.run(async |connection| {
            let deleted = match is_directory {
                true => connection.delete_directory(path).await,
                false => connection.delete(path).await,
            };
            match deleted {
                Err(error) if tried && error.code() == Some(550) => Ok(()),
                deleted => {
                    tried |= deleted.as_ref().is_err_and(|error| error.code().is_none());
                    deleted
                }
            }
        })
        .await
    }

    async fn run_while<T>(
        &self,
        mut act: impl AsyncFnMut(&Connection) -> Result<T>,
        again: impl Fn(&Error) -> bool,
    ) -> Result<T> {
        let mut tried = 0;
        loop {
            let error = match self.connection().await {
                Ok(lease) => match act(&lease).await {
                    Ok(done) => return Ok(done),
                    Err(error) => {
                        if error.retry() == Retry::NewConnection {
                            lease.discard();
                        }
                        error
                    }
                },
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
            // A name or a port that is wrong stays wrong.
            let never_reached =
                matches!(error, Error::Connect { .. } | Error::Name { .. }) && !self.state().reached;
            let useless = error.retry() == Retry::Never || !again(&error) || never_reached;
            if useless || tried == self.retries.times {
                return Err(error);
            }
            let wait = self.retries.wait(tried);
            tried += 1;
            self.tell(&Event::Again(&error, wait));
            tokio::time::sleep(wait).await;
        }
    }
}
