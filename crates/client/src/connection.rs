//! One control connection, logged in.

use crate::charset::Charset;
use crate::data::Data;
use crate::dial;
use crate::download::Download;
use crate::driver::{self, Call, Driver, Given, Known, Waiting};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::moving::explain;
use crate::options::Options;
use crate::tls::Secured;
use crate::upload::Upload;
use crate::walk::{self, There};
use portolan_proto::client::{
    Completion, Error as SessionError, Features, Number, Order, Phase, Problem, Session, Settings, TlsPolicy,
    Way,
};
use portolan_wire::parameters::Representation;
use portolan_wire::{Command, Received, Verb};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OnceCell, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// One control connection, logged in. Dropping it says goodbye once what runs is over.
#[derive(Debug)]
pub struct Connection {
    calls: mpsc::UnboundedSender<Call>,
    known: Known,
    end: Arc<OnceLock<SessionError>>,
    numbers: AtomicU64,
    stall: Duration,
    /// How long it took to connect.
    round_trip: Duration,
    /// That of names, if they are not to be left as they are.
    pub(crate) charset: Option<Charset>,
    /// Where one is after the login.
    pub(crate) home: OnceCell<Vec<u8>>,
    /// True when its paths have no slashes.
    pub(crate) without_slashes: OnceCell<bool>,
    /// Where one is, on such a server.
    pub(crate) folder: tokio::sync::Mutex<walk::Folder>,
    /// True once `MLSD` was refused although it is offered.
    pub(crate) without_facts: AtomicBool,
    task: JoinHandle<()>,
    gate: Mutex<()>,
}

/// A command whose reply is to come.
pub(crate) struct Asked {
    verb: Verb,
    answer: oneshot::Receiver<std::result::Result<Received, SessionError>>,
}

/// A transfer whose data connection is to come.
pub(crate) struct Begun {
    link: Link,
    given: oneshot::Receiver<Given>,
    started: oneshot::Receiver<()>,
}

/// A transfer that was asked for, on its way to its data.
pub(crate) struct Link {
    pub(crate) number: Number,
    pub(crate) calls: mpsc::UnboundedSender<Call>,
    pub(crate) end: oneshot::Receiver<std::result::Result<Completion, SessionError>>,
    pub(crate) gone: CancellationToken,
    pub(crate) stall: Duration,
    /// True once the driver was told how it ended, or it has told.
    pub(crate) settled: bool,
    /// The server waits for this side's end of TLS, and it may come before the data.
    wants_end: bool,
}

impl Link {
    /// Says that the data is over. A data connection that it had in common with others goes back.
    pub(crate) fn settle(&mut self, result: std::result::Result<Option<Data>, Problem>) {
        if !std::mem::replace(&mut self.settled, true) {
            // Without a driver the end is known already.
            let _ = self.calls.send(Call::Ended(self.number, result));
        }
    }

    /// What the end is called when there is no one to tell it.
    pub(crate) fn lost() -> SessionError {
        SessionError { phase: Phase::Transfer, verb: None, problem: Problem::Closed, untouched: false }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if !self.settled {
            let _ = self.calls.send(Call::Cancel(self.number));
        }
    }
}

impl Connection {
    /// Connects and logs in.
    ///
    /// # Errors
    /// When the server cannot be reached, speaks no FTP, does not show a certificate that is trusted, or does not let
    /// this user in.
    pub async fn open(mut options: Options) -> Result<Connection> {
        if options.carrier().is_some() {
            options.ways.retain(|way| *way != Way::Active);
        }
        if options.ways.is_empty() {
            return Err(Error::Local("there is no way to try for data connections".to_owned()));
        }
        let secured = match options.tls {
            TlsPolicy::Off => None,
            _ => Some(Secured::new(&options.trust, options.partner().0)?),
        };
        let (stream, host, round_trip) = dial::control(&options).await?;
        let lost = |error: std::io::Error| Error::Connect {
            host: options.host.clone(),
            port: options.port,
            why: error.to_string(),
        };
        let (peer, local) = (stream.peer_addr().map_err(lost)?, stream.local_addr().map_err(lost)?);
        let settings = Settings {
            peer: host,
            tls: options.tls,
            credentials: options.credentials.clone(),
            gateway: options.onward(),
            utf8: options.charset.is_none_or(Charset::is_utf_8),
            ways: options.ways.clone(),
            patience: options.patience,
        };
        let implicit = options.tls == TlsPolicy::Implicit;
        let (stall, charset) = (options.stall, options.charset);
        let (calls, received) = mpsc::unbounded_channel();
        let (ready, answer) = oneshot::channel();
        let end = Arc::new(OnceLock::new());
        let session = Session::new(settings, Instant::now());
        let asked = driver::Asked { known: (peer, local), calls: received, ready, end: Arc::clone(&end) };
        let driver = Driver::new(session, stream, secured, options, asked);
        let task = tokio::spawn(driver.run(implicit));
        let known = answer.await.map_err(|_| Link::lost())??;
        let (home, without_facts) = (OnceCell::new(), AtomicBool::new(false));
        Ok(Connection {
            calls,
            known,
            end,
            numbers: AtomicU64::new(0),
            stall,
            round_trip,
            charset,
            home,
            without_slashes: OnceCell::new(),
            folder: tokio::sync::Mutex::new(Some(Vec::new())),
            without_facts,
            task,
            gate: Mutex::new(()),
        })
    }

    /// What the server offers.
    pub fn features(&self) -> &Features {
        &self.known.features
    }

    /// Where the control connection goes: to the server, or to the proxy.
    pub fn peer(&self) -> SocketAddr {
        self.known.peer
    }

    /// Where this side is.
    pub fn local(&self) -> SocketAddr {
        self.known.local
    }

    /// How long it took to connect: about a round trip.
    pub(crate) fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// True when TLS protects the control connection, and true when it protects data.
    pub fn protection(&self) -> (bool, bool) {
        self.known.protection
    }

    /// Says goodbye, and waits a little until that has left.
    pub async fn close(self) {
        let Connection { calls, task, .. } = self;
        drop(calls);
        let _ = tokio::time::timeout(GOODBYE, task).await;
    }

    /// True when nothing can be done with it any more.
    pub fn is_over(&self) -> bool {
        self.calls.is_closed() || self.end.get().is_some()
    }

    fn number(&self) -> Number {
        Number(self.numbers.fetch_add(1, Ordering::Relaxed))
    }

    fn over(&self) -> Error {
        let error = self.end.get().cloned().unwrap_or_else(Link::lost);
        SessionError { phase: Phase::Command, untouched: true, ..error }.into()
    }

    /// Sends a command and waits for its final reply, whatever that says. What belongs to a transfer is refused: see
    /// [`download`](Self::download).
    ///
    /// # Errors
    /// When the argument holds CR, LF or NUL, or the connection is over.
    pub async fn ask(&self, verb: Verb, argument: Option<&[u8]>) -> Result<Received> {
        let there = self.there_for(verb, argument).await?;
        let asked = self.post(&self.gate(), verb, there.as_ref().map(There::name))?;
        drop(there);
        self.answer(asked).await
    }

    /// What is sent while this is held leaves in one piece: nobody else's commands come in between.
    pub(crate) fn gate(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a command.
    pub(crate) fn post(
        &self,
        _gate: &MutexGuard<'_, ()>,
        verb: Verb,
        argument: Option<&[u8]>,
    ) -> Result<Asked> {
        let command = self.command(verb, argument)?;
        let (sender, answer) = oneshot::channel();
        self.calls.send(Call::Ask(self.number(), command, sender)).map_err(|_| self.over())?;
        Ok(Asked { verb, answer })
    }

    /// Waits for the reply to one.
    pub(crate) async fn answer(&self, asked: Asked) -> Result<Received> {
        Ok(asked.answer.await.map_err(|_| self.over())??)
    }

    /// The same where only 2xx, or 3xx, is what is wanted.
    pub(crate) async fn expect(&self, asked: Asked) -> Result<Received> {
        let verb = asked.verb;
        let reply = self.answer(asked).await?;
        if reply.is_done() || reply.wants_more() {
            return Ok(reply);
        }
        let problem = Problem::Refused(reply);
        Err(SessionError { phase: Phase::Command, verb: Some(verb), problem, untouched: false }.into())
    }

    /// The same where only 2xx, or 3xx, is what is wanted.
    ///
    /// # Errors
    /// When the server says no, and as [`ask`](Self::ask).
    pub async fn demand(&self, verb: Verb, argument: Option<&[u8]>) -> Result<Received> {
        let there = self.there_for(verb, argument).await?;
        let asked = self.post(&self.gate(), verb, there.as_ref().map(There::name))?;
        drop(there);
        self.expect(asked).await
    }

    /// Begins a download: `RETR` of a file from `offset` bytes on, or a listing by `LIST`, `NLST` or `MLSD`.
    ///
    /// # Errors
    /// When the server does not begin, or no way leads to a data connection.
    pub async fn download(
        &self,
        verb: Verb,
        argument: Option<&[u8]>,
        representation: Representation,
        offset: u64,
    ) -> Result<Download> {
        let there = self.there_for(verb, argument).await?;
        let order = self.order(verb, there.as_ref().map(There::name), representation, offset)?;
        let begun = self.begin(&self.gate(), order)?;
        drop(there);
        self.follow(begun).await
    }

    /// Waits for a download that was asked for.
    pub(crate) async fn follow(&self, begun: Begun) -> Result<Download> {
        let Begun { mut link, given, started } = begun;
        let mut data = link.data(given).await?;
        if link.wants_end {
            data.end_first().await;
        }
        // A file that is not there is to be known here.
        tokio::select! {
            Ok(()) = started => {}
            () = data.readable() => {}
            () = tokio::time::sleep(self.stall) => {
                drop(data);
                return Err(link.fail(format!("nothing came for {} s", self.stall.as_secs())).await);
            }
            end = &mut link.end => {
                link.settled = true;
                match end {
                    Ok(Err(error)) => return Err(explain(error.into(), data.resumed())),
                    // The server was done before its data was read.
                    Ok(Ok(completion)) => link.end = known(Ok(completion)),
                    Err(_) => return Err(Link::lost().into()),
                }
            }
        }
        Ok(Download::new(link, data))
    }

    /// Begins an upload: `STOR` or `APPE` to a file, or `STOU`. With an `offset` in bytes it goes on from there.
    ///
    /// # Errors
    /// When no way leads to a data connection. That the server does not take the file may show here, while it is written,
    /// or at its end: it is not waited for.
    pub async fn upload(
        &self,
        verb: Verb,
        argument: Option<&[u8]>,
        representation: Representation,
        offset: u64,
    ) -> Result<Upload> {
        let there = self.there_for(verb, argument).await?;
        let order = self.order(verb, there.as_ref().map(There::name), representation, offset)?;
        let begun = self.begin(&self.gate(), order)?;
        drop(there);
        self.follow_upload(begun).await
    }

    /// Begins to upload one of many small files. Others may be on their way; where they go over one data connection, the
    /// server has said then that it takes this one.
    pub(crate) async fn upload_small(&self, path: &[u8]) -> Result<Upload> {
        let there = self.there(path).await?;
        let order = self.order(Verb::Stor, Some(there.name()), Representation::Image, 0)?;
        let begun = self.begin(&self.gate(), Order { small: true, ..order })?;
        drop(there);
        self.follow_upload(begun).await
    }

    async fn follow_upload(&self, begun: Begun) -> Result<Upload> {
        let Begun { mut link, given, .. } = begun;
        let data = link.data(given).await?;
        Ok(Upload::new(link, data))
    }

    /// Asks for a transfer.
    pub(crate) fn begin(&self, _gate: &MutexGuard<'_, ()>, order: Order) -> Result<Begun> {
        let (data, given) = oneshot::channel();
        let (begun, started) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let number = self.number();
        let waiting = Waiting { data, started: begun, end };
        self.calls.send(Call::Transfer(number, order, waiting)).map_err(|_| self.over())?;
        let link = Link {
            number,
            calls: self.calls.clone(),
            end: ended,
            gone: CancellationToken::new(),
            stall: self.stall,
            settled: false,
            wants_end: false,
        };
        Ok(Begun { link, given, started })
    }

    /// What a transfer is, if its argument can travel.
    pub(crate) fn order(
        &self,
        verb: Verb,
        argument: Option<&[u8]>,
        representation: Representation,
        offset: u64,
    ) -> Result<Order> {
        Ok(Order { command: self.command(verb, argument)?, representation, offset, small: false })
    }

    /// A command, if its argument can travel.
    fn command(&self, verb: Verb, argument: Option<&[u8]>) -> Result<Command> {
        let encoded = match (self.charset, argument) {
            (Some(charset), Some(argument)) => Some(charset.encode(argument)?),
            _ => None,
        };
        let wrong = |error| {
            let problem = Problem::Command(error);
            SessionError { phase: Phase::Command, verb: Some(verb), problem, untouched: true }
        };
        Ok(Command::new(verb, encoded.as_deref().or(argument)).map_err(wrong)?)
    }
}

/// An end that is known.
fn known(
    end: std::result::Result<Completion, SessionError>,
) -> oneshot::Receiver<std::result::Result<Completion, SessionError>> {
    let (sender, receiver) = oneshot::channel();
    let _ = sender.send(end);
    receiver
}

impl Link {
    /// Waits for the data connection, and protects it if it is to be.
    async fn data(&mut self, given: oneshot::Receiver<Given>) -> Result<Data> {
        let Ok(Given { data, secured, wants_end, gone, observer }) = given.await else {
            // There is none: the end says why, or there was nothing to send.
            self.settled = true;
            let error = match (&mut self.end).await {
                Ok(Err(error)) => error,
                Ok(Ok(completion)) => {
                    let text = format!("the server says {} without a data connection", completion.reply);
                    return Err(Error::Strange(text));
                }
                Err(_) => Link::lost(),
            };
            return Err(error.into());
        };
        (self.gone, self.wants_end) = (gone, wants_end);
        let Some(secured) = secured else { return Ok(data) };
        let began = Instant::now();
        let handshake = tokio::time::timeout(self.stall, data.protect(&secured));
        tokio::select! {
            protected = handshake => match protected {
                Ok(Ok(data)) => {
                    if let (Some(observer), Some(resumed)) = (observer, data.resumed()) {
                        observer(&Event::DataProtected(resumed, began.elapsed()));
                    }
                    Ok(data)
                }
                Ok(Err(error)) => Err(self.fail(error.to_string()).await),
                Err(_) => Err(self.fail("no TLS handshake".to_owned()).await),
            },
            end = &mut self.end => {
                self.settled = true;
                Err(match end {
                    Ok(Err(error)) => error.into(),
                    // Before TLS there can have been no data.
                    Ok(Ok(_)) => Error::Truncated,
                    Err(_) => Link::lost().into(),
                })
            }
        }
    }

    /// Says what is wrong with the data connection; what the server says of it tells more.
    pub(crate) async fn fail(&mut self, why: String) -> Error {
        let problem = Problem::Data(why);
        self.settle(Err(problem.clone()));
        match (&mut self.end).await {
            Ok(Err(error)) => error.into(),
            _ => SessionError { problem, ..Link::lost() }.into(),
        }
    }
}
