//! The FTP server: the accept loop, and the driver that gives a session of `portolan-proto` its
//! sockets and its storage.
//!
//! What this crate is not: it decides nothing about the protocol, and reads no configuration file.

mod digest;
mod driver;
mod effects;
mod listing;
mod moving;
pub mod needs;
mod options;
mod registry;
mod security;
mod speeds;
pub mod storage;
mod threads;
pub mod transfer;
mod tree;
mod twice;

use driver::Driver;
use portolan_accounts::bans;
use portolan_net::{Active, KeepAlive, Listener, Newcomer, OnePort, PassivePool, is_no_ipv6};
use portolan_proto::server::{Settings, replies};
use portolan_reach::Outside;
use registry::{Refusal, Registry};
use speeds::Speeds;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Weak};
use std::time::Duration;
use threads::{End, Threads};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tree::Trees;
use twice::Twice;

pub use options::{Listen, Options, SessionLimits};
pub use speeds::SpeedLimits;

/// How long sessions have to say goodbye after the grace time of a shutdown.
const GOODBYE: Duration = Duration::from_secs(5);

/// What all sessions of a server share.
struct Shared {
    options: Options,
    active: Active,
    registry: Registry,
    speeds: Speeds,
    trees: Trees,
    /// When the server stops, once it does: running transfers have until then.
    shutdown: watch::Sender<Option<Instant>>,
    sessions: TaskTracker,
    threads: Threads,
}

/// How sessions begin that come by one listener, and where their data connections come to.
struct Door {
    settings: Arc<Settings>,
    implicit_tls: bool,
    passive: PassivePool,
    /// What passive clients are told to connect to.
    outside: watch::Receiver<Outside>,
    /// Whether a router before this server gets in the way of that.
    twice: Twice,
}

/// A running server. Dropping it cuts off its sessions; [`Server::shutdown`] lets them end.
pub struct Server {
    shared: Arc<Shared>,
    places: Vec<Listen>,
    end: End,
}

impl Server {
    /// Listens on all addresses and serves whoever connects.
    ///
    /// # Errors
    /// When an address cannot be listened on. One of all IPv6 addresses is passed over where the
    /// system has no IPv6, as long as another one works.
    pub fn start(options: Options) -> io::Result<Server> {
        let listeners = bind(&options.listen, options.keep_alive)?;
        let place = |(listener, listen): &(Listener, Listen)| Listen {
            address: listener.address(),
            ..listen.clone()
        };
        let places: Vec<Listen> = listeners.iter().map(place).collect();
        let keep_alive = options.keep_alive;
        let passive = PassivePool::new(
            options.passive_ports.clone(),
            data_addresses(&places),
            options.tls.clone(),
            keep_alive,
        );
        let (threads, end) = Threads::start()?;
        let shared = Arc::new(Shared {
            active: Active::new(options.active_port, keep_alive),
            registry: Registry::new(options.sessions),
            speeds: Speeds::default(),
            trees: Trees::default(),
            shutdown: watch::Sender::new(None),
            sessions: TaskTracker::new(),
            threads,
            options,
        });
        tokio::spawn(bans::follow(Arc::downgrade(&shared.options.bans)));
        for (listener, listen) in listeners {
            let settings = Settings { tls: listen.tls, ..(*shared.options.settings).clone() };
            // Where TLS begins at once, the handshake is made before it shows what a connection is. Where certificates
            // of clients are asked for, control connections must not resume anything, and data connections have to
            // be able to: no one handshake serves both.
            let tls = shared.options.tls.as_ref();
            let tells = !listen.implicit_tls || tls.is_some_and(|tls| !tls.asks_for_certificates());
            let one_port = shared.options.one_port && tells;
            let port = if one_port {
                Port::Shared(OnePort::new(
                    listener,
                    shared.options.tls.clone(),
                    keep_alive,
                    listen.implicit_tls,
                ))
            } else {
                Port::Control(listener)
            };
            let passive = match &port {
                Port::Shared(port) => port.pool(),
                Port::Control(_) => passive.clone(),
            };
            let settings = Arc::new(settings);
            let door = Door {
                settings,
                implicit_tls: listen.implicit_tls,
                passive,
                outside: listen.outside,
                twice: Twice::default(),
            };
            let door = Arc::new(door);
            tokio::spawn(follow(Arc::downgrade(&door)));
            tokio::spawn(accept(port, door, Arc::clone(&shared)));
        }
        Ok(Server { shared, places, end })
    }

    /// Where it listens, with the real ports.
    pub fn places(&self) -> &[Listen] {
        &self.places
    }

    /// Stops: no new sessions, 421 for those that are idle, and `grace` for transfers that run.
    /// Returns when all sessions are over.
    pub async fn shutdown(&self, grace: Duration) {
        let until = Instant::now() + grace;
        self.shared.shutdown.send_replace(Some(until));
        self.shared.sessions.close();
        if tokio::time::timeout_at(until + GOODBYE, self.shared.sessions.wait()).await.is_err() {
            tracing::warn!(sessions = self.shared.sessions.len(), "sessions are cut off");
        }
    }

    /// Cuts off the sessions that there still are, and waits until they are gone, but not for long.
    pub async fn cut_off(self) {
        self.end.come().await;
    }
}

/// Tells the passive ports of a door what leads to them from outside.
async fn follow(door: Weak<Door>) {
    let Some(mut outside) = door.upgrade().map(|door| door.outside.clone()) else { return };
    loop {
        let ports: Vec<u16> = outside.borrow_and_update().ports.keys().copied().collect();
        let Some(strong) = door.upgrade() else { return };
        strong.passive.set_outward(ports.into_iter());
        drop(strong);
        if outside.changed().await.is_err() {
            return;
        }
    }
}

fn bind(places: &[Listen], keep_alive: KeepAlive) -> io::Result<Vec<(Listener, Listen)>> {
    let mut listeners = Vec::new();
    for place in places {
        let address = place.address;
        match Listener::bind(address, keep_alive) {
            Ok(listener) => listeners.push((listener, place.clone())),
            Err(error) if is_no_ipv6(address, &error) && places.len() > 1 => {
                tracing::warn!(%address, %error, "no IPv6 on this system");
            }
            Err(error) => return Err(io::Error::new(error.kind(), format!("{address}: {error}"))),
        }
    }
    Ok(listeners)
}

/// Where passive data connections may come to: where the control connections do, if that is one
/// address of the family, else everywhere.
fn data_addresses(places: &[Listen]) -> (Ipv4Addr, Ipv6Addr) {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for place in places {
        match place.address.ip() {
            IpAddr::V4(ip) => v4.push(ip),
            IpAddr::V6(ip) => v6.push(ip),
        }
    }
    v4.dedup();
    v6.dedup();
    let one_v4 = if let [one] = v4[..] { one } else { Ipv4Addr::UNSPECIFIED };
    let one_v6 = if let [one] = v6[..] { one } else { Ipv6Addr::UNSPECIFIED };
    (one_v4, one_v6)
}

/// Where control connections come to.
enum Port {
    Control(Listener),
    /// Data connections come there as well.
    Shared(OnePort),
}

async fn accept(mut port: Port, door: Arc<Door>, shared: Arc<Shared>) {
    let mut shutdown = shared.shutdown.subscribe();
    loop {
        let newcomer = tokio::select! {
            // The socket closes with this task, so that nobody waits in its queue.
            _ = shutdown.wait_for(Option::is_some) => break,
            accepted = async { match &mut port {
                Port::Control(listener) => listener.accept().await,
                Port::Shared(port) => port.accept().await,
            } } => accepted,
        };
        let banned = shared.options.bans.find(newcomer.peer.ip()).and_then(|ban| ban.left());
        let entered = match banned {
            Some(left) => Err(Refusal::Banned(left.as_secs())),
            None => shared.registry.enter(newcomer.peer),
        };
        match entered {
            Ok(entry) => seat(newcomer, entry, &door, &shared),
            Err(refusal) => turn_away(newcomer, refusal, &door),
        }
    }
    // Transfers that run may still get their data connections; nobody else is served.
    if let Port::Shared(mut port) = port {
        let turn_away = async {
            loop {
                drop(port.accept().await);
            }
        };
        tokio::select! {
            () = shared.sessions.wait() => {}
            () = turn_away => {}
        }
    }
}

/// Has somebody's session run on one of the threads for that.
fn seat(newcomer: Newcomer, entry: registry::Entry, door: &Arc<Door>, shared: &Arc<Shared>) {
    let (seat, door, own) = (shared.threads.seat(), Arc::clone(door), Arc::clone(shared));
    let runtime = seat.runtime();
    let session = async move {
        let (_seat, peer) = (seat, newcomer.peer);
        let (control, secured) = match newcomer.into_control() {
            Ok(control) => control,
            Err(error) => return tracing::debug!(%peer, %error, "connection gone before it was taken"),
        };
        let mut driver = Driver::new(control, secured, entry, &door, own);
        driver.run().await;
    };
    shared.sessions.spawn_on(session, &runtime);
}

/// Tells somebody that there is no room.
fn turn_away(newcomer: Newcomer, refusal: Refusal, door: &Door) {
    let peer = newcomer.peer;
    // Who is banned is in the log already.
    if !matches!(refusal, Refusal::Banned(_)) {
        tracing::info!(%peer, ?refusal, "session refused");
    }
    let Ok((control, _)) = newcomer.into_control() else { return };
    let reply = match refusal {
        Refusal::Server => replies::too_many_sessions(),
        Refusal::Address => replies::too_many_sessions_of_peer(),
        Refusal::Banned(seconds) => replies::banned(seconds),
    };
    // Who expects TLS could not read it.
    if !door.implicit_tls {
        control.write_last(&reply.encode());
    }
    control.finish();
}
