//! A control port where TLS begins at once, on control and data connections alike.
//!
//! The handshake is made before it shows what the connection is for. One that resumes the TLS session of a session
//! that waits is that session's data, or the control connection of another session of the same client; which of the
//! two, bytes and order decide, as they do in the clear. One that resumes nothing can be data only where no
//! other comes into question. What the client did to get here says nothing about what it may do: a session that
//! begins so logs in like any other.

use super::line::Line;
use super::sort::Hello;
use super::{Arrived, Secured, Suspicion};
use crate::passive::Shared;
use crate::passive::held::{Holding, Verdict};

use crate::socket;
use crate::tls::{Identity, Purpose, Session, Tls};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long a handshake may take while somebody waits for it. Longer than on control connections, since some clients
/// begin it on a data connection only when the transfer does.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it may take where nobody does.
const CONTROL_PATIENCE: Duration = Duration::from_secs(10);

impl Shared {
    /// Sees what a connection is. Gives a control connection back.
    pub(super) async fn sort_implicit(
        self: &Arc<Self>,
        arrived: Arrived,
        suspicion: Suspicion,
        tls: &Tls,
    ) -> Option<Arrived> {
        match suspicion {
            // Data in the clear: only control connections shake hands.
            Suspicion::Either { holding, guarded: false } => {
                let kind = self.find_out(Line::Raw(&arrived.socket), holding, Hello::Control).await;
                self.conclude(arrived, &kind)
            }
            Suspicion::Either { holding, guarded: true } => self.sort_of_peer(arrived, holding, tls).await,
            Suspicion::Stranger(came) => {
                let from = socket::canonical(arrived.peer).ip();
                let port = self.shared_port.as_ref()?.port;
                let Some(visit) = self.state().admit_stranger(from, port) else { return Some(arrived) };
                let shaking = shake_hands(&arrived.socket, tls);
                let shaken = tokio::time::timeout(CONTROL_PATIENCE, shaking).await;
                drop(visit);
                let (session, secured) = shaken.ok()?.ok()?;
                let holding = self.state().hold_proved(secured.identity, came);
                match holding {
                    Some(holding) => self.sort_shaken(arrived, holding, session, secured).await,
                    None => Some(Arrived { tls: Some((session, secured)), ..arrived }),
                }
            }
        }
    }

    /// The same for one that comes from where somebody waits for data that has to be protected.
    async fn sort_of_peer(
        self: &Arc<Self>,
        arrived: Arrived,
        mut holding: Holding,
        tls: &Tls,
    ) -> Option<Arrived> {
        let (peer, port) = (holding.peer, holding.port);
        let visit = self.state().admit_suspect(peer);
        if visit.is_none() {
            tracing::warn!(%peer, port, "connection closed: too many shake hands at the same time");
            self.state().forget_held(&holding);
            self.call_held(peer, port);
            return None;
        }
        let shaken = tokio::select! {
            shaken = shake_hands(&arrived.socket, tls) => shaken,
            () = patience(&mut holding.verdict) => Err(io::ErrorKind::TimedOut.into()),
        };
        drop(visit);
        match shaken {
            Ok((session, secured)) => {
                let holding = self.state().note_resumed(holding, secured.handshake.resumed);
                if holding.peer != peer {
                    self.call_held(peer, port);
                }
                self.sort_shaken(arrived, holding, session, secured).await
            }
            Err(error) => {
                tracing::info!(%peer, port, %error, "no TLS");
                if matches!(*holding.verdict.borrow(), Verdict::Over { .. }) {
                    self.note_closed(&holding);
                    return None;
                }
                let mut state = self.state();
                state.fail_held(&holding, error);
                let _ = self.grant(&mut state, peer);
                drop(state);
                self.call_held(peer, port);
                None
            }
        }
    }

    /// The same for one whose handshake is done.
    async fn sort_shaken(
        self: &Arc<Self>,
        arrived: Arrived,
        holding: Holding,
        mut session: Session,
        secured: Secured,
    ) -> Option<Arrived> {
        // Who begins before the transfer does reads what it finds before it closes an upload, and needs the
        // tickets for the next one; others may close without reading.
        let engaged = self.state().engaged(holding.peer, holding.port);
        if engaged.is_none_or(|engaged| secured.handshake.began < engaged.at) {
            // They are little, so that they fit; an error shows again with the data.
            let _ = session.try_flush(&arrived.socket);
        }
        // Else that is done as soon as it is known what it says.
        if !session.has_early() {
            self.call_held(holding.peer, holding.port);
        }
        let line = Line::Protected(&arrived.socket, &mut session);
        let kind = self.find_out(line, holding, Hello::Nothing).await;
        self.conclude(Arrived { tls: Some((session, secured)), ..arrived }, &kind)
    }
}

/// Makes a handshake before it is known what for. A session that resumes another's TLS session goes by the same
/// identity: only the same client can.
async fn shake_hands(socket: &TcpStream, tls: &Tls) -> io::Result<(Session, Secured)> {
    let own = Identity::random();
    let (session, handshake) = tls.accept(socket, Purpose::Either(own), None).await?;
    let identity = handshake.resumed.unwrap_or(own);
    Ok((session, Secured { identity, handshake }))
}

/// Waits as long as a handshake may take on a connection that is held.
async fn patience(verdict: &mut watch::Receiver<Verdict>) {
    let mut until = Instant::now() + PATIENCE;
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(until) => return,
            Ok(()) = verdict.changed() => match *verdict.borrow_and_update() {
                Verdict::Wait(_) => {}
                Verdict::Closed => return,
                _ => until = until.min(Instant::now() + CONTROL_PATIENCE),
            },
        }
    }
}
