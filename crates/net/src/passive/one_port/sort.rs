//! Seeing what a connection to a control port is, once it may be one for data.

use super::line::{Line, Word};
use super::{Arrived, Suspicion};
use crate::passive::Shared;
use crate::passive::held::{Holding, Verdict};
use crate::passive::prove::ELSEWHERE;
use crate::socket;
use crate::stream::Stream;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a connection is held back whose session says no transfer command.
const HOLD: Duration = Duration::from_secs(10);

/// How long a client has to close the connection that was meant for something that came to nothing, which shows that
/// the others were not.
const OVER: Duration = Duration::from_secs(1);

/// How long others are held back while sessions with TLS wait: everybody's greeting is so much later then.
const STRANGER_HOLD: Duration = Duration::from_millis(300);

/// What a connection is.
pub(super) enum Kind {
    Control,
    /// That of the place with this number, which is held by a session of this peer.
    Data(IpAddr, u64),
    /// Somebody's data connection; its handshake shows whose.
    Shaking,
    /// Nobody's any more.
    Closed,
}

/// What a TLS handshake says that is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hello {
    /// That it is a data connection.
    Data,
    /// That it is a control connection.
    Control,
    /// Nothing: it is content like any other.
    Nothing,
}

impl Shared {
    /// Sees what a connection is that comes to a port whose control connections begin in the clear. Gives a
    /// control connection back.
    pub(super) async fn sort(self: &Arc<Self>, arrived: Arrived, suspicion: Suspicion) -> Option<Arrived> {
        let mut line = Line::Raw(&arrived.socket);
        let kind = match suspicion {
            Suspicion::Stranger(_) => match tokio::time::timeout(STRANGER_HOLD, line.first_word()).await {
                Ok(Ok(Word::Hello)) => Kind::Shaking,
                // Who has closed it already was not waiting for a session.
                Ok(Ok(Word::Ended) | Err(_)) => Kind::Closed,
                Ok(Ok(Word::Something)) | Err(_) => Kind::Control,
            },
            Suspicion::Either { holding, guarded } => {
                let hello = if guarded { Hello::Data } else { Hello::Nothing };
                self.find_out(line, holding, hello).await
            }
        };
        self.conclude(arrived, &kind)
    }

    /// Lets a connection go where it belongs; gives a control connection back.
    pub(super) fn conclude(self: &Arc<Self>, arrived: Arrived, kind: &Kind) -> Option<Arrived> {
        let port = self.shared_port.as_ref()?.port;
        match kind {
            Kind::Control => return Some(arrived),
            &Kind::Data(peer, place) => {
                let mut state = self.state();
                if let Some(session) = state.take(peer, port, place) {
                    if socket::canonical(arrived.peer).ip() != peer {
                        tracing::info!(peer = %arrived.peer, port, "{ELSEWHERE}");
                    }
                    let socket = arrived.socket;
                    let stream = match arrived.tls {
                        Some((session, _)) => Stream::protected(Arc::new(socket), session),
                        None => Stream::plain(socket),
                    };
                    // It fails when the session ended this very moment.
                    drop(session.send(Ok(stream)));
                }
                // Whoever waits hears of an error when they look for themselves.
                let _ = self.grant(&mut state, peer);
            }
            Kind::Shaking => {
                self.deliver(Stream::plain(arrived.socket), socket::canonical(arrived.peer), port);
            }
            Kind::Closed => {}
        }
        None
    }

    /// Waits until it shows what a connection is that is held.
    pub(super) async fn find_out(
        self: &Arc<Self>,
        mut line: Line<'_>,
        mut holding: Holding,
        hello: Hello,
    ) -> Kind {
        let Holding { peer, port, .. } = holding;
        let mut until = Instant::now() + HOLD;
        let mut heard = None;
        loop {
            let (mut over, mut again) = (None, None);
            match holding.verdict.borrow_and_update().clone() {
                Verdict::Data(place) => return Kind::Data(peer, place),
                Verdict::Control => return line.as_control(heard, hello),
                Verdict::Closed => return Kind::Closed,
                Verdict::Over { closed, waits } => {
                    until = until.min(Instant::now() + OVER);
                    over = Some((closed, waits));
                }
                Verdict::Wait(at) => again = at,
            }
            match (&over, heard) {
                // The one that was meant.
                (Some((closed, _)), Some(Word::Ended)) => {
                    closed.cancel();
                    self.note_closed(&holding);
                    return Kind::Closed;
                }
                (Some(_), Some(_)) => return Kind::Closed,
                _ => {}
            }
            tokio::select! {
                biased;
                changed = holding.verdict.changed(), if over.is_none() => {
                                        if changed.is_err() {
                        return line.as_control(heard, hello);
                    }
                }
                                () = async { match &over {
                    Some((closed, _)) => closed.cancelled().await,
                                        None => std::future::pending().await,
                } } => return line.as_control(heard, hello),
                word = line.first_word(), if heard.is_none() => match (word, hello) {
                    (Ok(Word::Hello), Hello::Data) => return Kind::Shaking,
                                        (Ok(Word::Hello), Hello::Control) => {
                        if over.is_some() || self.state().forget_held(&holding) {
                            self.call_held(peer, port);
                            return Kind::Control;
                        }
                    }
                    (Ok(word), _) => {
                        heard = Some(word);
                        self.state().note_heard(&holding, word == Word::Ended, Instant::now());
                        self.call_held(peer, port);
                    }
                                        (Err(_), _) => {
                                                if over.is_some() {
                            heard = Some(Word::Ended);
                        } else if self.state().forget_held(&holding) {
                            self.call_held(peer, port);
                            return Kind::Closed;
                        }
                    }
                },
                () = sleep_until(again), if again.is_some() => self.call_held(peer, port),
                () = tokio::time::sleep_until(until) => {
                    // Some begin their handshake only when the transfer does, and that may take a while.
                                        until += HOLD;
                                        match over {
                        // A client that waits for the end of its data before it reads the reply must not wait for
                        // ever, nor take a greeting for data.
                        Some((_, true)) => return Kind::Closed,
                        Some((_, false)) => return line.as_control(heard, hello),
                        None if self.state().give_up_holding(&holding) => {
                            return line.as_control(heard, hello);
                        }
                        None => {}
                    }
                }
            }
        }
    }
}

impl Shared {
    /// A connection was closed that was meant for something that came to nothing.
    pub(super) fn note_closed(self: &Arc<Self>, holding: &Holding) {
        let mut state = self.state();
        state.end_rest(holding, Instant::now());
        // Whoever waits hears of an error when they look for themselves.
        let _ = self.grant(&mut state, holding.peer);
    }
}

impl Line<'_> {
    /// It is no data connection. Who wants a session waits for the greeting: what a data connection brought that
    /// came to nothing is not to be read as commands.
    fn as_control(&mut self, heard: Option<Word>, hello: Hello) -> Kind {
        match heard.or_else(|| self.word_by_now()) {
            None => Kind::Control,
            Some(Word::Hello) if hello == Hello::Control => Kind::Control,
            Some(_) => Kind::Closed,
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
