//! The data of a transfer while it moves, either way, and how it ends.

use crate::connection::Link;
use crate::data::Data;
use crate::error::{Error, Result};
use crate::{Receipt, Resumed};
use portolan_proto::client::{Error as SessionError, Problem};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::time::Sleep;
use tokio_util::sync::WaitForCancellationFutureOwned;

enum State {
    Moving(Data),
    /// It ended as it should on this side.
    Ended,
    /// It broke. What the server says of it tells more than this.
    Broken(Error),
    Failed(Error),
}

/// Says so if the failure looks like that of a server which demands that data connections resume the TLS session.
pub(crate) fn explain(error: Error, tls: Option<Resumed>) -> Error {
    let looks_so = matches!(error.code(), None | Some(425 | 426 | 522));
    if tls == Some(Resumed::No) && looks_so { Error::NotResumed(Box::new(error)) } else { error }
}

/// The data of one transfer.
pub(crate) struct Moving {
    link: Link,
    state: State,
    gone: Pin<Box<WaitForCancellationFutureOwned>>,
    stalled: Option<Pin<Box<Sleep>>>,
    bytes: u64,
    tls: Option<Resumed>,
    clean_end: bool,
}

impl Moving {
    pub(crate) fn new(link: Link, data: Data) -> Moving {
        Moving {
            gone: Box::pin(link.gone.clone().cancelled_owned()),
            tls: data.resumed(),
            link,
            state: State::Moving(data),
            stalled: None,
            bytes: 0,
            clean_end: true,
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// True where the kernel can move bytes of the file as they are.
    pub(crate) fn is_bare(&self) -> bool {
        matches!(&self.state, State::Moving(data) if data.bare().is_some())
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// The data ended well on this side. The connection is closed at once: some servers wait for that before they say
    /// that all went well. One that others have in common goes on to them.
    pub(crate) fn end(&mut self) -> Option<Data> {
        let State::Moving(mut data) = std::mem::replace(&mut self.state, State::Ended) else { return None };
        if data.is_common() {
            self.link.settle(Ok(Some(data)));
            return None;
        }
        data.has_ended();
        self.link.settle(Ok(None));
        Some(data)
    }

    /// It ended without TLS saying so.
    pub(crate) fn end_abruptly(&mut self) {
        self.clean_end = false;
        self.end();
    }

    /// Does one step on the data, and watches the control connection meanwhile. `None` once it has ended.
    pub(crate) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
        mut act: impl FnMut(Pin<&mut Data>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<Option<usize>>> {
        loop {
            match &mut self.state {
                State::Ended => return Poll::Ready(Ok(None)),
                State::Failed(error) => return Poll::Ready(Err(error.clone().into())),
                State::Broken(own) => {
                    let error = match ready!(Pin::new(&mut self.link.end).poll(cx)) {
                        Ok(Err(error)) => error.into(),
                        _ => own.clone(),
                    };
                    self.link.settled = true;
                    self.state = State::Failed(explain(error, self.tls));
                }
                State::Moving(data) => match act(Pin::new(data), cx) {
                    Poll::Ready(Ok(count)) => {
                        self.stalled = None;
                        self.bytes += count as u64;
                        return Poll::Ready(Ok(Some(count)));
                    }
                    Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                        return Poll::Ready(Err(error));
                    }
                    Poll::Ready(Err(error)) => {
                        let problem = Problem::Data(error.to_string());
                        self.fail(SessionError { problem, ..Link::lost() }.into());
                    }
                    Poll::Pending if self.gone.as_mut().poll(cx).is_ready() => self.fail(Error::Truncated),
                    Poll::Pending => {
                        let time = self.link.stall;
                        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(time)));
                        ready!(stalled.as_mut().poll(cx));
                        self.fail(Error::Stalled(time.as_secs()));
                    }
                },
            }
        }
    }

    fn fail(&mut self, error: Error) {
        self.link.settle(Err(Problem::Data(error.to_string())));
        self.state = State::Broken(error);
    }

    /// The error behind one of reading or writing.
    pub(crate) fn error(&self, error: &io::Error) -> Error {
        match &self.state {
            State::Failed(error) => error.clone(),
            _ => Error::Local(error.to_string()),
        }
    }

    /// Waits for the server's last word.
    pub(crate) async fn receipt(mut self) -> Result<Receipt> {
        if let State::Failed(error) | State::Broken(error) = &self.state {
            return Err(error.clone());
        }
        let completed = (&mut self.link.end).await.map_err(|_| Link::lost())?;
        let completion = completed.map_err(|error| explain(error.into(), self.tls))?;
        let (bytes, tls, clean_end) = (self.bytes, self.tls, self.clean_end);
        Ok(Receipt {
            bytes,
            way: Some(completion.way),
            left: completion.left,
            tls,
            reply: completion.reply,
            clean_end,
        })
    }
}
