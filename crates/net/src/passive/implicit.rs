//! One port where TLS begins at once, on control and data connections alike.
//!
//! A handshake is made before it is known what it is for. One that resumes the TLS session of a session that waits
//! is that session's data, unless the same client opens another session in the same way: so that, as in the clear,
//! what came last before the transfer command, and the first bytes of an upload, decide.

use super::Shared;
use super::held::Holding;
use super::one_port::{Arrived, HANDSHAKE, Kind, Secured, Suspicion, first_byte, has_ended};
use crate::socket;
use crate::stream::Stream;
use crate::tls::{Identity, Purpose, Resume, Session, Tls};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long a handshake may take. Longer than on control connections alone, since some clients begin it on a data
/// connection only when the transfer does.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it may take where nobody waits for data.
const STRANGER_PATIENCE: Duration = Duration::from_secs(10);

impl Shared {
    /// Sees what a connection is. Gives a control connection back.
    pub(super) async fn find_out_implicit(
        self: &Arc<Self>,
        socket: TcpStream,
        peer: SocketAddr,
        port: u16,
        suspicion: Suspicion,
        tls: &Tls,
    ) -> Option<Arrived> {
        let from = socket::canonical(peer).ip();
        let holding = match suspicion {
            Suspicion::Control => return Some(Arrived::new(socket, peer)),
            // Data in the clear: only a control connection shakes hands.
            Suspicion::Either { holding, guarded: false } => {
                let id = holding.id;
                let kind = tokio::select! {
                    biased;
                    first = first_byte(&socket) => {
                        if matches!(first, Ok(Some(HANDSHAKE))) {
                            self.state().forget_held(from, port, id);
                            return Some(Arrived::new(socket, peer));
                        }
                        self.find_out(&socket, from, port, holding, false).await
                    }
                    kind = self.find_out(&socket, from, port, held_again(&holding), false) => kind,
                };
                match kind {
                    Kind::Data => self.deliver(socket, socket::canonical(peer), port),
                    Kind::Control if !has_ended(&socket) => return Some(Arrived::new(socket, peer)),
                    Kind::Control | Kind::Closed => {}
                }
                return None;
            }
            Suspicion::Either { holding, guarded: true } => Some(holding),
            Suspicion::Stranger => None,
        };
        let room =
            self.shared_port.as_ref().and_then(|port| Arc::clone(&port.handshakes).try_acquire_owned().ok());
        if room.is_none() {
            if let Some(holding) = &holding {
                self.state().forget_held(from, port, holding.id);
            }
            return Some(Arrived::new(socket, peer));
        }
        let identity = Identity::random();
        let patience = if holding.is_some() { PATIENCE } else { STRANGER_PATIENCE };
        let shaking = tls.accept(&socket, Purpose::Either(identity), None);
        let Ok(Ok((mut session, handshake))) = tokio::time::timeout(patience, shaking).await else {
            if let Some(holding) = &holding {
                self.state().forget_held(from, port, holding.id);
            }
            return None;
        };
        drop(room);
        let identity = handshake.resumed.unwrap_or(identity);
        let secured = Secured { identity, handshake };
        match holding {
            Some(holding) => self.find_out_shaken(socket, peer, port, holding, (session, secured), tls).await,
            // Of a client with several addresses, perhaps.
            None => {
                let taken = self.state().take_proved_elsewhere(identity, port, from);
                let _ = session.try_flush(&socket);
                match taken {
                    Some((holder, place)) => {
                        tracing::info!(%peer, port, "data connection taken from another address by its TLS session");
                        drop(place.send(Ok(Stream::protected(Arc::new(socket), session))));
                        let _ = self.grant(&mut self.state(), holder);
                        None
                    }
                    None => Some(Arrived { socket, peer, tls: Some((session, secured)) }),
                }
            }
        }
    }

    /// The same, once the handshake is made and somebody of this peer waits.
    async fn find_out_shaken(
        self: &Arc<Self>,
        socket: TcpStream,
        peer: SocketAddr,
        port: u16,
        holding: Holding,
        (mut session, secured): (Session, Secured),
        tls: &Tls,
    ) -> Option<Arrived> {
        let from = socket::canonical(peer).ip();
        let (guard, id) = (self.state().guard(from, port), holding.id);
        let is_own = guard.as_ref().is_some_and(|guard| secured.handshake.resumed == Some(guard.identity));
        let early = {
            let mut state = self.state();
            if is_own {
                state.note_own(from, port, id);
            }
            state.engaged(from, port).is_none()
        };
        if early || !is_own {
            // Who begins before the transfer does reads what it finds.
            let _ = session.try_flush(&socket);
        }
        let may_be_data = is_own || tls.resume() != Resume::Require;
        let kind = if may_be_data {
            self.find_out(&socket, from, port, holding, false).await
        } else {
            self.state().forget_held(from, port, id);
            Kind::Control
        };
        match kind {
            Kind::Data => {
                let mut state = self.state();
                if let Some(place) = state.take_settled(from, port) {
                    let admitted = match guard {
                        Some(guard) => guard.admit(tls.resume(), &secured.handshake),
                        None => Ok(()),
                    };
                    // It fails when the session ended this very moment.
                    drop(place.send(admitted.map(|()| Stream::protected(Arc::new(socket), session))));
                }
                let _ = self.grant(&mut state, from);
                None
            }
            Kind::Control if !has_ended(&socket) => {
                Some(Arrived { socket, peer, tls: Some((session, secured)) })
            }
            Kind::Control | Kind::Closed => None,
        }
    }
}

/// The same connection, looked at a second time.
fn held_again(holding: &Holding) -> Holding {
    Holding { id: holding.id, verdict: holding.verdict.clone() }
}
