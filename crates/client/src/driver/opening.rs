//! Data connections: opened or awaited by tasks of their own, given to whom they are for, and passed on from one small
//! transfer to the next.

use super::{Driver, Given, Pending};
use crate::active::{Announced, Led};
use crate::data::Data;
use crate::dial;
use crate::error::{Error, Result};
use crate::event::Event;
use portolan_proto::client::{Input, Number, Place, Software};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// What a task that opens a data connection says.
pub(super) enum Opened {
    Listening(Number, u64, Result<Announced>),
    Connected(Number, u64, Result<TcpStream>),
}

/// A data connection that was wanted.
pub(super) struct Wanted {
    pub(super) attempt: u64,
    since: Instant,
    pub(super) gone: CancellationToken,
    pub(super) socket: Option<TcpStream>,
    /// What leads to where the server connects.
    held: Option<Led>,
}

/// The data connection that small transfers have in common.
#[derive(Default)]
pub(super) struct Common {
    /// While none of them uses it.
    pub(super) data: Option<Data>,
    /// Whose data comes next on it.
    pub(super) waiting: VecDeque<Number>,
}

impl Common {
    pub(super) fn drop(&mut self) {
        self.waiting.clear();
        self.data = None;
    }
}

impl Driver {
    pub(super) fn want(&mut self, number: Number) -> (u64, CancellationToken) {
        self.attempts += 1;
        let gone = CancellationToken::new();
        let wanted = Wanted {
            attempt: self.attempts,
            since: Instant::now(),
            gone: gone.clone(),
            socket: None,
            held: None,
        };
        if let Some(before) = self.wanted.insert(number, wanted) {
            before.gone.cancel();
        }
        (self.attempts, gone)
    }

    pub(super) fn connect(&mut self, number: Number, place: Place) {
        self.tell(&Event::DataTo(&place));
        let (attempt, gone) = self.want(number);
        let opened = self.opened.0.clone();
        let (proxy, control) = (self.options.carrier().cloned(), self.known);
        // What is over at once needs no looking after.
        let lasts = !matches!(self.pending.get(&number), Some(Pending::Transfer { small: true, .. }));
        tokio::spawn(async move {
            tokio::select! {
                connected = dial::data(&place, proxy.as_ref(), control, lasts) => {
                    let _ = opened.send(Opened::Connected(number, attempt, connected));
                }
                () = gone.cancelled() => {}
            }
        });
    }

    pub(super) fn listen(&mut self, number: Number) {
        let (attempt, gone) = self.want(number);
        let opened = self.opened.0.clone();
        let (peer, local) = (self.known.0.ip(), self.known.1.ip());
        let (address, closing) = (self.options.active_address.clone(), self.closing.clone());
        let listening = dial::listen(local, self.options.active_ports.as_ref());
        self.closing.spawn(async move {
            let announced = async {
                let listener = listening.map_err(|error| Error::Local(format!("cannot listen: {error}")))?;
                let here = listener.local_addr().map_err(|error| Error::local(&error))?;
                // What a router was asked for has to be given back, so that this is not broken off.
                let announced = address.announce(here, peer, &closing).await.map_err(Error::Local)?;
                Ok((listener, announced))
            };
            let listener = match announced.await {
                Ok((listener, announced)) => {
                    let _ = opened.send(Opened::Listening(number, attempt, Ok(announced)));
                    listener
                }
                Err(error) => {
                    let _ = opened.send(Opened::Listening(number, attempt, Err(error)));
                    return;
                }
            };
            tokio::select! {
                accepted = dial::accept(&listener, peer) => {
                    let accepted = accepted.map_err(|error| Error::local(&error));
                    let _ = opened.send(Opened::Connected(number, attempt, accepted));
                }
                () = gone.cancelled() => {}
            }
        });
    }

    pub(super) fn take_opened(&mut self, opened: Opened) {
        let now = Instant::now();
        let is_it = |wanted: &Wanted, attempt: u64| wanted.attempt == attempt;
        match opened {
            Opened::Listening(number, attempt, result) => {
                if self.wanted.get(&number).is_some_and(|wanted| is_it(wanted, attempt)) {
                    let result = result.map(|announced| self.announce(number, announced));
                    let result = result.map_err(|error| error.to_string());
                    self.session.handle_input(now, Input::Listening(number, result));
                }
            }
            Opened::Connected(number, attempt, result) => {
                let Some(wanted) = self.wanted.get_mut(&number).filter(|wanted| is_it(wanted, attempt))
                else {
                    return;
                };
                let result = match result {
                    Ok(socket) => {
                        wanted.socket = Some(socket);
                        let took = wanted.since.elapsed();
                        self.tell(&Event::DataOpen(took));
                        Ok(())
                    }
                    Err(error) => Err(error.to_string()),
                };
                self.session.handle_input(now, Input::Connected(number, result));
            }
        }
    }

    /// Keeps what leads there for as long as the transfer takes.
    fn announce(&mut self, number: Number, announced: Announced) -> SocketAddr {
        let Announced { place, held, trouble } = announced;
        if let Some(held) = &held {
            self.tell(&Event::Led(&held.mapping));
        }
        if let Some(trouble) = &trouble {
            self.tell(&Event::NotLed(place, trouble));
        }
        self.tell(&Event::DataFrom(place));
        if let Some(wanted) = self.wanted.get_mut(&number) {
            wanted.held = held;
        }
        place
    }

    pub(super) fn begin(&mut self, number: Number, protected: bool, in_blocks: bool) {
        let Some(Wanted { socket, gone, .. }) = self.wanted.get_mut(&number) else { return };
        let Some(socket) = socket.take() else { return };
        let gone = gone.clone();
        let secured = self.secured.clone().filter(|_| protected);
        if in_blocks {
            self.common.drop();
        }
        let waiting = match self.pending.get_mut(&number) {
            Some(Pending::Transfer { data, .. }) => data.take(),
            _ => None,
        };
        let data = Data::plain(socket, self.options.carrier().is_some(), in_blocks);
        let wants_end = self.session.features().software == Software::Vsftpd;
        let observer = self.options.observer.clone();
        let given = Given { data, secured, wants_end, gone, observer };
        // Who does not wait any more has called it off.
        if let Some(waiting) = waiting {
            let _ = waiting.send(given);
        }
    }

    /// Gives the data connection that small transfers have in common to the next of them.
    pub(super) fn pass_on(&mut self) {
        while let Some(mut data) = self.common.data.take() {
            let Some(number) = self.common.waiting.pop_front() else {
                self.common.data = Some(data);
                return;
            };
            let waiting = match self.pending.get_mut(&number) {
                Some(Pending::Transfer { data, .. }) => data.take(),
                _ => None,
            };
            let Some(waiting) = waiting else {
                // What comes next is of one that nobody waits for any more; the session has noticed, or will.
                return;
            };
            let (_, gone) = self.want(number);
            data.begin_next();
            let _ = waiting.send(Given { data, secured: None, wants_end: false, gone, observer: None });
        }
    }
}
