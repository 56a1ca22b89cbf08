//! The task that has a control connection: it alone speaks on it, and tells everybody what came of what they asked for.

mod opening;

use crate::data::Data;
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::options::Options;
use crate::tls::{Secured, describe};
use opening::{Common, Opened, Wanted};
use portolan_proto::client::{
    Answer, Completion, Error as SessionError, Features, Input, Number, Order, Output, Phase, Problem,
    Request, Session,
};
use portolan_wire::received::printable;
use portolan_wire::{Command, Received};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What others want of the driver.
pub(crate) enum Call {
    Ask(Number, Command, oneshot::Sender<std::result::Result<Received, SessionError>>),
    Transfer(Number, Order, Waiting),
    /// The data of a transfer is over. With it the data connection, if it has it in common with others.
    Ended(Number, std::result::Result<Option<Data>, Problem>),
    /// Nobody wants it any more.
    Cancel(Number),
}

/// Who waits for a transfer.
pub(crate) struct Waiting {
    /// Gets the data connection.
    pub(crate) data: oneshot::Sender<Given>,
    /// Is told that the server has begun.
    pub(crate) started: oneshot::Sender<()>,
    /// Is told the end.
    pub(crate) end: oneshot::Sender<std::result::Result<Completion, SessionError>>,
}

/// A data connection, for who asked for the transfer.
pub(crate) struct Given {
    pub(crate) data: Data,
    /// What protects it, if anything is to.
    pub(crate) secured: Option<Secured>,
    /// The server waits for this side's end of TLS before it is done with a download, and does not mind it coming first.
    pub(crate) wants_end: bool,
    /// Cancelled when the data connection is to be given up.
    pub(crate) gone: CancellationToken,
    /// Is told of TLS on it.
    pub(crate) observer: Option<Observer>,
}

/// What is known from the login on.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) features: Features,
    /// Whether the control connection is protected, and data connections are.
    pub(crate) protection: (bool, bool),
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
}

enum Pending {
    Ask(oneshot::Sender<std::result::Result<Received, SessionError>>),
    Transfer {
        small: bool,
        data: Option<oneshot::Sender<Given>>,
        started: Option<oneshot::Sender<()>>,
        end: oneshot::Sender<std::result::Result<Completion, SessionError>>,
    },
}

enum Control {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// Only while a handshake has it.
    None,
}

impl Control {
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Control::Plain(stream) => stream.read(buffer).await,
            Control::Tls(stream) => stream.read(buffer).await,
            Control::None => Ok(0),
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Control::Plain(stream) => stream.write_all(bytes).await,
            Control::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
            Control::None => Ok(()),
        }
    }
}

/// Who has it made, and how it hears of them.
pub(crate) struct Asked {
    /// Where the control connection goes, and where it comes from.
    pub(crate) known: (SocketAddr, SocketAddr),
    pub(crate) calls: mpsc::UnboundedReceiver<Call>,
    /// Is told of the login.
    pub(crate) ready: oneshot::Sender<Result<Known>>,
    /// What ended it, for who asks later.
    pub(crate) end: Arc<OnceLock<SessionError>>,
}

pub(crate) struct Driver {
    session: Session,
    control: Control,
    secured: Option<Secured>,
    options: Options,
    calls: mpsc::UnboundedReceiver<Call>,
    pending: HashMap<Number, Pending>,
    wanted: HashMap<Number, Wanted>,
    opened: (mpsc::UnboundedSender<Opened>, mpsc::UnboundedReceiver<Opened>),
    attempts: u64,
    common: Common,
    /// What is given back to routers.
    closing: TaskTracker,
    ready: Option<oneshot::Sender<Result<Known>>>,
    end: Arc<OnceLock<SessionError>>,
    known: (SocketAddr, SocketAddr),
    /// When the last was said or heard, for transcripts.
    last: Instant,
}

/// Bytes of one reading of the control connection.
const READ: usize = 16 << 10;

impl Driver {
    pub(crate) fn new(
        session: Session,
        stream: TcpStream,
        secured: Option<Secured>,
        options: Options,
        asked: Asked,
    ) -> Driver {
        let Asked { known, calls, ready, end } = asked;
        Driver {
            session,
            control: Control::Plain(stream),
            secured,
            options,
            calls,
            pending: HashMap::new(),
            wanted: HashMap::new(),
            opened: mpsc::unbounded_channel(),
            attempts: 0,
            common: Common::default(),
            closing: TaskTracker::new(),
            ready: Some(ready),
            end,
            known,
            last: Instant::now(),
        }
    }

    /// Runs until the connection is over, or nobody has a use for it.
    pub(crate) async fn run(mut self, implicit_tls: bool) {
        if implicit_tls && let Err(error) = self.secure().await {
            if let Some(ready) = self.ready.take() {
                let _ = ready.send(Err(error));
            }
            return;
        }
        let mut buffer = vec![0; READ];
        while let Some(deadline) = self.act().await {
            let sleep = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(opened) = self.opened.1.recv() => self.take_opened(opened),
                read = self.control.read(&mut buffer) => {
                    let input = match read {
                        Ok(0) => Input::Closed(None),
                        Ok(count) => Input::Received(&buffer[..count]),
                        // Many close without saying so in TLS.
                        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Input::Closed(None),
                        Err(error) => Input::Closed(Some(error.to_string())),
                    };
                    self.session.handle_input(Instant::now(), input);
                }
                call = self.calls.recv() => match call {
                    Some(call) => self.take_call(call),
                    None => {
                        self.say_goodbye().await;
                        break;
                    }
                },
                () = sleep => self.session.handle_input(Instant::now(), Input::Tick),
            }
        }
        // Nobody is to wait for answers meanwhile.
        self.calls.close();
        while self.calls.try_recv().is_ok() {}
        self.control = Control::None;
        self.common.drop();
        for wanted in std::mem::take(&mut self.wanted).into_values() {
            wanted.gone.cancel();
        }
        self.closing.close();
        self.closing.wait().await;
        // What came last from a router, too.
        self.opened.1.close();
        while self.opened.1.try_recv().is_ok() {}
        self.closing.wait().await;
    }

    /// Nobody waits for the answer.
    async fn say_goodbye(&mut self) {
        let _ = tokio::time::timeout(self.options.patience.reply, self.control.write(b"QUIT\r\n")).await;
        if let Control::Tls(stream) = &mut self.control {
            let _ = tokio::time::timeout(self.options.patience.reply, stream.shutdown()).await;
        }
    }

    fn tell(&self, event: &Event<'_>) {
        if let Some(observer) = &self.options.observer {
            observer(event);
        }
    }

    /// Does what the session says; then its deadline, or nothing when it is over.
    async fn act(&mut self) -> Option<Option<Instant>> {
        loop {
            match self.session.poll_output() {
                Output::Wait { deadline } => return Some(deadline),
                Output::Send { bytes, shown } => {
                    self.tell(&Event::Sent(&printable(&shown)));
                    self.last = Instant::now();
                    self.send(&bytes).await;
                }
                Output::SendTelnet(bytes) => self.send(&bytes).await,
                Output::Secure => {
                    let secured = match self.secure().await {
                        Ok(()) => Ok(()),
                        Err(error) => {
                            let problem = Problem::Tls(error.to_string());
                            // It says more to who waits for the login.
                            if let Some(ready) = self.ready.take() {
                                let _ = ready.send(Err(error));
                            }
                            Err(problem)
                        }
                    };
                    self.session.handle_input(Instant::now(), Input::Secured(secured));
                }
                Output::InTheClear(reply) => self.tell(&Event::InTheClear(&reply)),
                Output::Heard(reply, _) => {
                    let now = Instant::now();
                    self.tell(&Event::Heard(&reply, now.saturating_duration_since(self.last)));
                    self.last = now;
                }
                Output::Ready => {
                    let (peer, local) = self.known;
                    let features = self.session.features().clone();
                    let known = Known { features, protection: self.session.protection(), peer, local };
                    if let Some(ready) = self.ready.take() {
                        let _ = ready.send(Ok(known));
                    }
                }
                Output::Connect { number, place } => self.connect(number, place),
                Output::Listen { number } => self.listen(number),
                Output::DropData { number } => {
                    self.common.waiting.retain(|own| *own != number);
                    if let Some(wanted) = self.wanted.remove(&number) {
                        wanted.gone.cancel();
                    }
                }
                Output::Begin { number, protected, in_blocks } => self.begin(number, protected, in_blocks),
                Output::Continue { number } => {
                    self.common.waiting.push_back(number);
                    self.pass_on();
                }
                Output::DropCommon => self.common.drop(),
                Output::Started { number } => {
                    if let Some(Pending::Transfer { started, .. }) = self.pending.get_mut(&number)
                        && let Some(started) = started.take()
                    {
                        let _ = started.send(());
                    }
                }
                Output::LeftWay { left, .. } => self.tell(&Event::LeftWay(&left)),
                Output::Answered(number, result) => self.answer(number, result),
                Output::Close(error) => {
                    if let Some(error) = error {
                        let _ = self.end.set(error.clone());
                        if let Some(ready) = self.ready.take() {
                            let _ = ready.send(Err(error.into()));
                        }
                    }
                    return None;
                }
            }
        }
    }

    async fn send(&mut self, bytes: &[u8]) {
        let sent = tokio::time::timeout(self.options.patience.reply, self.control.write(bytes)).await;
        let broken = match sent {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "nothing can be sent any more".to_owned(),
        };
        // What the server said before it closed tells more.
        let mut buffer = vec![0; READ];
        let read =
            tokio::time::timeout(std::time::Duration::from_millis(200), self.control.read(&mut buffer)).await;
        if let Ok(Ok(count @ 1..)) = read {
            self.session.handle_input(Instant::now(), Input::Received(&buffer[..count]));
        }
        self.session.handle_input(Instant::now(), Input::Closed(Some(broken)));
    }

    async fn secure(&mut self) -> Result<()> {
        let Some(secured) = &self.secured else { return Err(Error::Tls("it is not set up".to_owned())) };
        let Control::Plain(stream) = std::mem::replace(&mut self.control, Control::None) else {
            return Err(Error::Tls("it has begun already".to_owned()));
        };
        let (patience, began) = (self.options.patience.reply, Instant::now());
        let stream = match tokio::time::timeout(patience, secured.connect(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                // What TLS itself says is final; a connection that broke in it can be tried again.
                let broken = || SessionError {
                    phase: Phase::Tls,
                    verb: None,
                    problem: Problem::Broken(error.to_string()),
                    untouched: true,
                };
                let by_tls = error.kind() == io::ErrorKind::InvalidData;
                let other = || if by_tls { Error::Tls(error.to_string()) } else { broken().into() };
                return Err(secured.untrusted().map_or_else(other, Error::Untrusted));
            }
            Err(_) => return Err(Error::Tls(format!("no handshake in {} s", patience.as_secs()))),
        };
        let (version, suite) = describe(&stream);
        self.tell(&Event::Protected(&version, &suite, began.elapsed()));
        self.control = Control::Tls(Box::new(stream));
        Ok(())
    }

    fn answer(&mut self, number: Number, result: std::result::Result<Answer, SessionError>) {
        if let Some(wanted) = self.wanted.remove(&number)
            && result.is_err()
        {
            wanted.gone.cancel();
        }
        // Who asked may be gone.
        match (self.pending.remove(&number), result) {
            (Some(Pending::Ask(answer)), Ok(Answer::Reply(reply))) => {
                let _ = answer.send(Ok(reply));
            }
            (Some(Pending::Ask(answer)), Err(error)) => {
                let _ = answer.send(Err(error));
            }
            (Some(Pending::Transfer { end, .. }), Ok(Answer::Transferred(completion))) => {
                let _ = end.send(Ok(completion));
            }
            (Some(Pending::Transfer { end, .. }), Err(error)) => {
                let _ = end.send(Err(error));
            }
            _ => {}
        }
    }

    fn take_call(&mut self, call: Call) {
        let input = match call {
            Call::Ask(number, command, answer) => {
                self.pending.insert(number, Pending::Ask(answer));
                Input::Request(number, Request::Ask(command))
            }
            Call::Transfer(number, order, Waiting { data, started, end }) => {
                let (data, started) = (Some(data), Some(started));
                let small = order.small;
                self.pending.insert(number, Pending::Transfer { small, data, started, end });
                Input::Request(number, Request::Transfer(order))
            }
            Call::Ended(number, result) => {
                let result = result.map(|data| {
                    // What was given up must not be taken for what there is now.
                    if let Some(data) = data.filter(|_| self.pending.contains_key(&number)) {
                        self.common.data = Some(data);
                        self.pass_on();
                    }
                });
                Input::Ended(number, result)
            }
            Call::Cancel(number) => Input::Cancel(number),
        };
        self.session.handle_input(Instant::now(), input);
    }
}
