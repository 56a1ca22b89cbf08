//! TLS on the control connection, for the driver.

use crate::driver::Driver;
use portolan_events::What;
use portolan_net::Secured;
use portolan_net::tls::Handshake;
use portolan_proto::server::{Failure, Host, Outcome};
use std::io;
use tokio::time::timeout;

impl Driver {
    /// Makes ready for a handshake. What has come before the client could know of it is thrown away.
    pub(crate) fn prepare_tls(&mut self) -> Outcome {
        self.handshake = self.entry.begin_handshake().filter(|_| self.shared.options.tls.is_some());
        if self.handshake.is_none() {
            tracing::warn!(session = self.entry.id(), "no room for a TLS handshake");
            return Outcome::Failed(Failure::NoSecurity);
        }
        if self.control.forget_injected() {
            self.note_attack();
        }
        Outcome::Done
    }

    /// Does the handshake, unless it was made before it was known that this is a control connection.
    ///
    /// # Errors
    /// When the connection broke.
    pub(crate) async fn begin_tls(&mut self, host: Host) -> io::Result<Outcome> {
        let host = number_of(host);
        self.holdings.guard.host = host;
        if let Some(secured) = self.secured.take() {
            let Secured { identity, handshake } = *secured;
            self.holdings.guard.identity = identity;
            return Ok(self.note_secured(handshake).await);
        }
        // With implicit TLS nothing was prepared.
        let room = self.handshake.take().or_else(|| self.entry.begin_handshake());
        let (Some(_room), Some(tls)) = (room, self.shared.options.tls.clone()) else {
            return Ok(Outcome::Failed(Failure::NoSecurity));
        };
        let identity = self.holdings.guard.identity;
        let (id, peer) = (self.entry.id(), self.control.peer());
        let mut orders = self.shared.orders.subscribe();
        let shaken = timeout(self.handshake_limit, async {
            self.flush().await?;
            tokio::select! {
                shaken = self.control.protect(&tls, identity, host) => shaken,
                _ = orders.wait_for(|orders| orders.stop.is_some()) => Err(io::ErrorKind::Interrupted.into()),
            }
        });
        match shaken.await {
            Ok(Ok(handshake)) => Ok(self.note_secured(handshake).await),
            Ok(Err(error)) => {
                tracing::info!(session = id, %peer, %error, "no TLS");
                Ok(Outcome::Failed(Failure::NoHandshake))
            }
            Err(_) => {
                tracing::info!(session = id, %peer, "TLS handshake took too long");
                Ok(Outcome::Failed(Failure::NoHandshake))
            }
        }
    }

    async fn note_secured(&mut self, handshake: Handshake) -> Outcome {
        let (version, resumed) = (handshake.version, handshake.resumed.is_some());
        let name = handshake.name;
        self.note(What::Tls { version, resumed, name: name.clone() }).await;
        let certificate = handshake.certificate.is_some() && self.orders.rules.certificate_login;
        self.holdings.guard.certificate = handshake.certificate;
        Outcome::Secured { name: name.map(String::into_bytes), certificate }
    }

    /// Somebody put something behind `AUTH`.
    pub(crate) fn note_attack(&self) {
        let attacks = self.entry.count_attack();
        let (session, peer) = (self.entry.id(), self.control.peer());
        tracing::warn!(session, %peer, attacks, "attack: clear text behind AUTH was thrown away");
    }
}

/// The number of a virtual host.
fn number_of(host: Host) -> Option<usize> {
    match host {
        Host::Default => None,
        Host::Virtual(number) => Some(number),
    }
}
