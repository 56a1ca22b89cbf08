//! Seeing whose a protected connection is: by the TLS session that it resumes, else by its address.

use super::Shared;
use super::state::{Arrival, Candidate};
use super::visitors::Visit;
use crate::socket;
use crate::stream::{ConnectError, Stream, Whose};
use crate::tls::{Handshake, Identity, Purpose, Resume, Session, Tls};
use rustix::net::RecvFlags;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// How long a connection has for its handshake whose place is known. Longer than a session waits for it,
/// since some clients begin only when the transfer does.
const CANDIDATE_PATIENCE: Duration = Duration::from_secs(60);

/// How long each of the others has.
const STRANGER_PATIENCE: Duration = Duration::from_secs(10);

/// How long a connection waits that may be another server's. The client's own comes within that time, and comes first:
/// it connects as soon as it knows the port, and shows whose it is by resuming its TLS session.
const AFTER_CLIENT: Duration = Duration::from_secs(1);

/// What the log says of a connection that proved whose it is, and comes from another address than its session.
pub(super) const ELSEWHERE: &str = "data connection taken from another address by its TLS session";

/// A connection whose handshake runs.
#[derive(Debug)]
pub(super) struct Approach {
    socket: Arc<TcpStream>,
    pub(super) peer: SocketAddr,
    port: u16,
    /// The holder of the place that it may belong to by its address.
    holder: Option<u64>,
    /// The client had begun its handshake when the session said its transfer command.
    early: AtomicBool,
}

impl Approach {
    pub(super) fn new(
        socket: Arc<TcpStream>,
        peer: SocketAddr,
        port: u16,
        candidate: Option<&Candidate>,
    ) -> Approach {
        let holder = candidate.map(|candidate| candidate.id);
        Approach { socket, peer, port, holder, early: AtomicBool::new(false) }
    }

    /// A session that holds this port says its transfer command now.
    pub(super) fn note_engaged(&self, port: u16, holder: u64) {
        if self.port == port && self.holder.is_none_or(|own| own == holder) {
            self.early.fetch_or(self.has_bytes(), Ordering::Relaxed);
        }
    }

    /// True where a proxy is between this side and the peer.
    fn is_proxied(&self) -> bool {
        self.socket.peer_addr().is_ok_and(|next| socket::canonical(next) != self.peer)
    }

    /// True when something has come that was not read yet.
    fn has_bytes(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        matches!(rustix::net::recv(&*self.socket, &mut [0], flags), Ok((1, _)))
    }
}

impl Shared {
    /// Sees whose a connection is that is somebody's by its address.
    pub(super) async fn prove(self: Arc<Self>, approach: Arc<Approach>, tls: Arc<Tls>, candidate: Candidate) {
        let (peer, port) = (approach.peer, approach.port);
        let shaking = tls.accept(&approach.socket, Purpose::Data, candidate.guard.host);
        let shaken = tokio::select! {
            shaken = tokio::time::timeout(CANDIDATE_PATIENCE, shaking) => shaken,
            () = candidate.gone.cancelled() => return,
        };
        let error = match shaken {
            Ok(Ok((mut session, handshake))) => {
                self.send_tickets(&approach, &mut session, &handshake, candidate.guard.identity);
                let Some(session) = self.deliver_proved(&approach, session, &handshake, &tls) else {
                    if handshake.resumed != Some(candidate.guard.identity) {
                        // Its own place is as empty as before.
                        self.state().give_up(&candidate, port);
                    }
                    return;
                };
                match candidate.guard.admit(tls.resume(), &handshake, peer.ip()) {
                    Ok(whose) => {
                        if whose == Whose::Server && !candidate.is_kept_for(AFTER_CLIENT).await {
                            return;
                        }
                        let stream = Stream::protected(Arc::clone(&approach.socket), session);
                        return self.settle(Ok(stream), &candidate, port);
                    }
                    Err(error) => error,
                }
            }
            Ok(Err(error)) => ConnectError::NoHandshake(error),
            Err(late) => ConnectError::NoHandshake(late.into()),
        };
        tracing::info!(%peer, port, %error, "data connection refused");
        // Another connection may do better. What comes from elsewhere says nothing about the client's own.
        let own = candidate.guard.servers.is_none_or(|client| client == peer.ip());
        if !own {
            self.state().note_stranger(peer.ip(), port, Instant::now());
        }
        if self.state().give_up(&candidate, port) && own {
            self.settle(Err(error), &candidate, port);
        }
    }

    fn settle(self: &Arc<Self>, arrival: Arrival, candidate: &Candidate, port: u16) {
        let mut state = self.state();
        if let Some(place) = state.take(candidate.peer, port, candidate.id) {
            // It fails when the session ended this very moment.
            drop(place.send(arrival));
        }
        let _ = self.grant(&mut state, candidate.peer);
    }

    /// Sees whose a connection is that is nobody's by its address.
    pub(super) async fn prove_stranger(
        self: Arc<Self>,
        approach: Arc<Approach>,
        tls: Arc<Tls>,
        _visit: Visit,
    ) {
        let (peer, port) = (approach.peer, approach.port);
        let shaking = tls.accept(&approach.socket, Purpose::Data, None);
        let Ok(Ok((mut session, handshake))) = tokio::time::timeout(STRANGER_PATIENCE, shaking).await else {
            self.turn_away(&approach);
            return;
        };
        if let Some(identity) = handshake.resumed {
            self.send_tickets(&approach, &mut session, &handshake, identity);
        }
        if self.deliver_proved(&approach, session, &handshake, &tls).is_none() {
            tracing::info!(%peer, port, "{ELSEWHERE}");
        } else {
            self.turn_away(&approach);
        }
    }

    /// It is nobody's.
    fn turn_away(&self, approach: &Approach) {
        self.state().note_stranger(approach.peer.ip(), approach.port, Instant::now());
        let (peer, port) = (approach.peer, approach.port);
        tracing::info!(%peer, port, "data connection of a stranger closed");
    }

    /// Sends the tickets at once to a client that began its handshake before it could know that the
    /// transfer begins: those are the ones that read before they close an upload, and need what they
    /// find there for the next.
    fn send_tickets(
        &self,
        approach: &Approach,
        session: &mut Session,
        handshake: &Handshake,
        identity: Identity,
    ) {
        // Until they are sent, the session does not go on: before the transfer command is answered, no client uploads. One
        // that uploads already may close any moment, and what comes then would have its system throw away what is
        // still on its way.
        if approach.is_proxied() {
            // What goes by way of a proxy may come later than the answer to the command.
            return;
        }
        let state = self.state();
        let at_once = match state.engaged_at(identity) {
            None => true,
            Some(engaged) => {
                let knew = approach.early.load(Ordering::Relaxed) || handshake.began < engaged;
                knew && !session.has_more() && !approach.has_bytes()
            }
        };
        if at_once {
            // They are little, so that they fit; an error shows again with the data.
            let _ = session.try_flush(&approach.socket);
        }
    }

    /// Hands a connection to the session whose TLS session it resumes; gives its own back if there is
    /// none that waits here.
    fn deliver_proved(
        self: &Arc<Self>,
        approach: &Approach,
        session: Session,
        handshake: &Handshake,
        tls: &Tls,
    ) -> Option<Session> {
        let mut state = self.state();
        let identity = handshake.resumed.filter(|_| tls.resume() != Resume::Off);
        let Some((peer, place)) = identity.and_then(|identity| state.take_proved(identity, approach.port))
        else {
            return Some(session);
        };
        // It fails when the session ended this very moment.
        drop(place.send(Ok(Stream::protected(Arc::clone(&approach.socket), session))));
        let _ = self.grant(&mut state, peer);
        None
    }
}
