//! The ports of the range, as far as they are bound.
//!
//! A client in the clear opens its data connection before it says what it wants to transfer, or right after; so the
//! session that waits at a port takes the connection itself when it has to know, and most often it is there. That
//! spares the machinery of waiting. A task of the port's own waits where somebody has to: where the connection is not
//! there yet, and where a handshake is to begin as soon as it comes. And lest strangers fill the queue of a port, or
//! anybody be forgotten, all ports where places are held for long are looked at from time to time.

use super::{Shared, Stream};
use crate::proxied::{self, Proxies};
use crate::socket;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once, Weak};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How long connections to a port are waited for after somebody had to.
const WAITED_FOR: Duration = Duration::from_secs(10);

/// How often all ports are looked at where places are held, or rest.
const SWEEP: Duration = Duration::from_millis(250);

/// How often all others are looked at: nobody's connections are not kept for long.
const SWEEP_IDLE: Duration = Duration::from_secs(10);

/// A port that is bound.
#[derive(Debug)]
pub(super) struct Bound {
    port: u16,
    /// A runtime looks after it only while somebody has to wait.
    listener: TcpListener,
    waited_for: Notify,
    /// Once somebody has had to wait.
    served: Once,
    /// Whose it is, and where connections are waited for.
    shared: Weak<Shared>,
    proxies: Proxies,
    runtime: Handle,
    retired: AtomicBool,
}

impl Bound {
    pub(super) fn new(port: u16, listener: TcpListener, shared: &Arc<Shared>) -> Bound {
        let (proxies, runtime) = (shared.proxies.clone(), shared.runtime.clone());
        let (waited_for, served, shared) = (Notify::new(), Once::new(), Arc::downgrade(shared));
        let retired = AtomicBool::new(false);
        Bound { port, listener, waited_for, served, shared, proxies, runtime, retired }
    }

    /// What comes from a proxy says first whose it is, and is delivered then.
    fn sort(&self, socket: TcpStream, peer: SocketAddr) -> Option<(Stream, SocketAddr)> {
        let leave = match self.proxies.leave(peer) {
            None => return Some((Stream::bare(socket), socket::canonical(peer))),
            Some(leave) => {
                leave.map_err(|_| tracing::warn!(%peer, "too many connections from proxies")).ok()?
            }
        };
        let (shared, port) = (self.shared.clone(), self.port);
        self.runtime.spawn(async move {
            // Where the system has no room for it, it is closed.
            let Ok(socket) = tokio::net::TcpStream::from_std(socket) else { return };
            let Some((socket, route)) = proxied::hear(leave, socket, peer).await else { return };
            if let (Ok(socket), Some(shared)) = (socket.into_std(), shared.upgrade()) {
                let peer = route.map_or(peer, |route| route.peer);
                shared.deliver(Stream::bare(socket), socket::canonical(peer), port);
            }
        });
        None
    }

    /// Somebody has to wait for a connection.
    pub(super) fn wait_for(self: &Arc<Self>) {
        self.waited_for.notify_one();
        self.served.call_once(|| drop(self.runtime.spawn(Arc::clone(self).serve())));
    }

    /// The port is given up.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
        self.waited_for.notify_one();
    }

    fn is_over(&self) -> bool {
        self.shared.strong_count() == 0 || self.retired.load(Ordering::Relaxed)
    }

    /// The pool is gone.
    pub(super) fn end(&self) {
        self.waited_for.notify_one();
    }

    /// Takes a connection that is there already, and where it comes from.
    pub(super) fn accept(&self) -> Option<(Stream, SocketAddr)> {
        loop {
            // What keeps it from being taken is heard of where it is waited for.
            let (socket, peer) = socket::accept(&self.listener).ok()?;
            if let Some(sorted) = self.sort(socket, peer) {
                return Some(sorted);
            }
        }
    }

    /// Takes the connections that somebody waits for, until one comes when the pool is gone.
    async fn serve(self: Arc<Self>) {
        let (shared, port) = (&self.shared, self.port);
        loop {
            self.waited_for.notified().await;
            if self.is_over() {
                return;
            }
            let watched = self.listener.try_clone().and_then(tokio::net::TcpListener::from_std);
            let watched = match watched {
                Ok(watched) => watched,
                Err(error) => {
                    tracing::warn!(port, %error, "cannot wait for a data connection");
                    continue;
                }
            };
            let mut until = Instant::now() + WAITED_FOR;
            loop {
                let accepted = tokio::select! {
                    accepted = watched.accept() => accepted,
                    () = self.waited_for.notified() => {
                        if self.is_over() {
                            return;
                        }
                        until = Instant::now() + WAITED_FOR;
                        continue;
                    }
                    () = tokio::time::sleep_until(until) => break,
                };
                let Some(shared) = shared.upgrade() else { return };
                match accepted {
                    Ok((socket, peer)) => {
                        // Where the system has no room for it, it is closed.
                        if let Ok(socket) = socket.into_std()
                            && let Some((stream, peer)) = self.sort(socket, peer)
                        {
                            shared.deliver(stream, peer, port);
                        }
                    }
                    Err(error) => {
                        tracing::warn!(port, %error, "cannot take a data connection");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        }
    }
}

/// Looks at the ports where places are held for long, until the pool is gone. `held` tells of each place.
pub(super) async fn sweep(shared: Weak<Shared>, held: Arc<Notify>) {
    loop {
        let idle = tokio::time::timeout(SWEEP_IDLE, held.notified()).await.is_err();
        if idle {
            let Some(shared) = shared.upgrade() else { return };
            let ports = shared.state().bound_ports();
            for (family, port) in ports {
                shared.drain(family, port);
            }
            continue;
        }
        loop {
            tokio::time::sleep(SWEEP).await;
            let Some(shared) = shared.upgrade() else { return };
            let Some(ports) = shared.state().held_for(SWEEP, Instant::now()) else { break };
            for (peer, port) in ports {
                shared.drain(peer, port);
            }
        }
    }
}

impl Shared {
    /// Takes the connections that have come to a port by now, without waiting.
    pub(super) fn drain(self: &Arc<Self>, peer: IpAddr, port: u16) {
        if let Some(shared_port) = &self.shared_port {
            return shared_port.drain(self);
        }
        let bound = self.state().bound(peer, port);
        if let Some(bound) = bound {
            self.take_until(&bound, || false);
        }
    }

    /// Takes those connections until enough have come.
    pub(super) fn take_until(self: &Arc<Self>, bound: &Bound, enough: impl Fn() -> bool) {
        while !enough()
            && let Some((stream, peer)) = bound.accept()
        {
            self.deliver(stream, peer, bound.port);
        }
    }
}
