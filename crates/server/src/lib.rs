//! The FTP server: the accept loop, and the driver that gives a session of `portolan-proto` its
//! sockets and its storage.
//!
//! What this crate is not: it decides nothing about the protocol, and reads no configuration file.

mod digest;
mod driver;
mod effects;
mod listing;
mod login;
mod moving;
pub mod needs;
mod options;
mod orders;
mod ratio;
mod registry;
mod security;
mod speeds;
pub mod storage;
mod threads;
pub mod transfer;
mod tree;
mod twice;
mod usage;

use driver::Driver;
use orders::{Orders, Stop};
use portolan_accounts::bans::{self, household};
use portolan_events::{What, Who};
use portolan_net::{
    Active, Direction, KeepAlive, Listener, Newcomer, OnePort, PassivePool, Proxies, is_no_ipv6,
};
use portolan_proto::server::{TlsPolicy, replies};
use portolan_reach::Outside;
use registry::{Refusal, Registry};
use speeds::{Speeds, Whose};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use threads::{End, Threads};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tree::Trees;
use twice::Twice;

pub use options::{Listen, Options, Rules, SessionLimits, TransferLimits};
pub use orders::Lock;
pub use speeds::SpeedLimits;

/// How long sessions have to say goodbye after the grace time of a shutdown.
const GOODBYE: Duration = Duration::from_secs(5);

/// Longer than any transfer takes.
const ENDLESS: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What all sessions of a server share.
struct Shared {
    options: Options,
    active: Active,
    registry: Registry,
    speeds: Speeds,
    trees: Trees,
    orders: watch::Sender<Arc<Orders>>,
    sessions: TaskTracker,
    threads: Threads,
}

impl Shared {
    /// Notes a fault of an address, which may be one too many.
    async fn note_fault(&self, who: Who, fault: &str) {
        if let Some(ban) = self.options.bans.note(who.peer.ip(), fault).await {
            let (address, times, reason) = (ban.address, ban.times, fault.to_owned());
            let seconds = ban.left().unwrap_or_default().as_secs();
            self.options.events.note(who, What::Ban { address, seconds, times, reason }).await;
        }
    }
}

/// How sessions begin that come by one listener, and where their data connections come to.
struct Door {
    implicit_tls: bool,
    /// What TLS is needed for.
    tls: TlsPolicy,
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
    /// The sockets of those, until the server stops.
    sockets: Mutex<Vec<OwnedFd>>,
    /// The loops that accept, until they do no more.
    accepting: TaskTracker,
    end: Mutex<Option<End>>,
}

impl Server {
    /// Listens on all addresses and serves whoever connects. Where a socket of `inherited` listens on an address
    /// already, it is used.
    ///
    /// # Errors
    /// When an address cannot be listened on. One of all IPv6 addresses is passed over where the
    /// system has no IPv6, as long as another one works.
    pub fn start(options: Options, rules: Rules, inherited: Vec<TcpListener>) -> io::Result<Server> {
        let listeners = bind(&options.listen, inherited, options.keep_alive, &options.proxies)?;
        let sockets = listeners.iter().map(|(listener, _)| listener.as_fd().try_clone_to_owned());
        let sockets = Mutex::new(sockets.collect::<io::Result<_>>()?);
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
            options.proxies.clone(),
        );
        let (threads, end) = Threads::start()?;
        let shared = Arc::new(Shared {
            active: Active::new(options.active_port, keep_alive),
            registry: Registry::default(),
            speeds: Speeds::default(),
            trees: Trees::default(),
            orders: watch::Sender::new(Arc::new(Orders {
                rules: Arc::new(rules),
                edition: 0,
                lock: None,
                stop: None,
            })),
            sessions: TaskTracker::new(),
            threads,
            options,
        });
        tokio::spawn(bans::follow(Arc::downgrade(&shared.options.bans)));
        let accepting = TaskTracker::new();
        accepting.close();
        for (listener, listen) in listeners {
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
            let door = Door {
                tls: listen.tls,
                implicit_tls: listen.implicit_tls,
                passive,
                outside: listen.outside,
                twice: Twice::default(),
            };
            let door = Arc::new(door);
            tokio::spawn(follow(Arc::downgrade(&door)));
            tokio::spawn(accept(port, door, Arc::clone(&shared), accepting.token()));
        }
        Ok(Server { shared, places, sockets, accepting, end: Mutex::new(Some(end)) })
    }

    /// Where it listens, with the real ports.
    pub fn places(&self) -> &[Listen] {
        &self.places
    }

    fn order(&self, change: impl FnOnce(&mut Orders)) {
        self.shared.orders.send_modify(|orders| change(Arc::make_mut(orders)));
    }

    /// Puts other rules to use, for sessions that there are, too. Their hosts have to be the same.
    pub fn change(&self, rules: Rules) {
        self.shared.options.bans.set_rules(rules.bans.clone());
        for (direction, own, each) in [
            (Direction::Upload, rules.speed.up.0, rules.speed_of_address.up.0),
            (Direction::Download, rules.speed.down.0, rules.speed_of_address.down.0),
        ] {
            self.shared.speeds.change(Whose::Server, direction, own);
            for address in self.shared.speeds.addresses() {
                self.shared.speeds.change(Whose::Address(household(address)), direction, each);
            }
        }
        self.order(|orders| {
            orders.rules = Arc::new(rules);
            orders.edition += 1;
        });
    }

    /// Accounts have changed: sessions look up theirs again.
    pub fn look_again(&self) {
        self.order(|orders| orders.edition += 1);
    }

    /// Takes nobody new in, or does so again.
    pub fn set_lock(&self, lock: Option<Lock>) {
        self.order(|orders| orders.lock = lock);
    }

    /// What keeps it from taking somebody new in, if anything does.
    pub fn lock(&self) -> Option<Lock> {
        self.shared.orders.borrow().lock.clone().filter(Lock::is_on)
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.shared.sessions.len()
    }

    /// Waits until there are none.
    pub async fn wait_until_empty(&self) {
        self.shared.sessions.close();
        self.shared.sessions.wait().await;
    }

    /// The sockets that it listens on, for another process.
    ///
    /// # Errors
    /// When the system has no room for more descriptors.
    pub fn sockets(&self) -> io::Result<Vec<OwnedFd>> {
        let sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.iter().map(OwnedFd::try_clone).collect()
    }

    /// Waits until each thread that has sessions has done something for us: it does not hang.
    pub async fn wait_until_alive(&self) {
        self.shared.threads.are_alive().await;
    }

    /// Stops: no new sessions, 421 for those that are idle, and `grace` for transfers that run.
    /// Returns when all sessions are over.
    pub async fn shutdown(&self, grace: Duration) {
        self.stop(Stop { until: Instant::now() + grace, succeeded: false }).await;
    }

    /// Stops when another process has the [sockets](Self::sockets): who connects after this returns is that one's.
    /// Sessions that are idle get 421, and transfers that run go on to their end.
    pub async fn give_way(&self) {
        self.tell_to_stop(Stop { until: Instant::now() + ENDLESS, succeeded: true });
        self.accepting.wait().await;
    }

    fn tell_to_stop(&self, stop: Stop) {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.order(|orders| orders.stop = Some(stop));
    }

    async fn stop(&self, stop: Stop) {
        let until = stop.until;
        self.tell_to_stop(stop);
        self.shared.sessions.close();
        if tokio::time::timeout_at(until + GOODBYE, self.shared.sessions.wait()).await.is_err() {
            tracing::warn!(sessions = self.shared.sessions.len(), "sessions are cut off");
        }
    }

    /// Cuts off the sessions that there still are, and waits until they are gone, but not for long.
    pub async fn cut_off(&self) {
        let end = self.end.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(end) = end {
            end.come().await;
        }
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

fn bind(
    places: &[Listen],
    mut inherited: Vec<TcpListener>,
    keep_alive: KeepAlive,
    proxies: &Proxies,
) -> io::Result<Vec<(Listener, Listen)>> {
    let mut listeners = Vec::new();
    for place in places {
        let address = place.address;
        let is_it = |socket: &TcpListener| socket.local_addr().is_ok_and(|own| own == address);
        let there = inherited.iter().position(is_it).map(|number| inherited.swap_remove(number));
        let listener = match there {
            Some(socket) => Listener::of(socket, keep_alive, proxies.clone()),
            None => Listener::bind(address, keep_alive, proxies.clone()),
        };
        match listener {
            Ok(listener) => listeners.push((listener, place.clone())),
            Err(error) if is_no_ipv6(address, &error) && places.len() > 1 => {
                tracing::warn!(%address, %error, "no IPv6 on this system");
            }
            Err(error) => return Err(io::Error::new(error.kind(), format!("{address}: {error}"))),
        }
    }
    for socket in inherited {
        let address = socket.local_addr()?;
        tracing::warn!(%address, "a socket was handed over that the configuration does not name; it is closed");
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

async fn accept(mut port: Port, door: Arc<Door>, shared: Arc<Shared>, accepting: TaskTrackerToken) {
    let mut orders = shared.orders.subscribe();
    loop {
        let newcomer = tokio::select! {
            biased;
            // The socket closes with this task, so that nobody waits in its queue.
            _ = orders.wait_for(|orders| orders.stop.is_some()) => break,
            accepted = async { match &mut port {
                Port::Control(listener) => listener.accept().await,
                Port::Shared(port) => port.accept().await,
            } } => accepted,
        };
        match admit(newcomer.peer, &shared) {
            Ok(entry) => seat(newcomer, entry, &door, &shared),
            Err(refusal) => turn_away(newcomer, refusal, &door, &shared),
        }
    }
    drop(accepting);
    // Whom a proxy is still saying is told that it is over.
    if let Port::Control(listener) = &mut port {
        let last = async {
            while let Some(newcomer) = listener.last().await {
                if let Ok(entry) = admit(newcomer.peer, &shared) {
                    seat(newcomer, entry, &door, &shared);
                }
            }
        };
        let _ = tokio::time::timeout(GOODBYE, last).await;
    }
    // Transfers that run may still get their data connections, unless another process takes what comes; nobody else is
    // served.
    let succeeded = orders.borrow().stop.is_some_and(|stop| stop.succeeded);
    if succeeded {
        door.passive.retire();
        // Who came by the shared port just before, and nobody else can serve.
        if let Port::Shared(port) = &mut port {
            while let Some(newcomer) = port.left_over() {
                if let Ok(entry) = admit(newcomer.peer, &shared) {
                    seat(newcomer, entry, &door, &shared);
                }
            }
        }
    }
    if let Port::Shared(mut port) = port
        && !succeeded
    {
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

/// Lets somebody have a session, or says why not.
fn admit(peer: SocketAddr, shared: &Shared) -> Result<registry::Entry, Refusal> {
    if let Some(left) = shared.options.bans.find(peer.ip()).and_then(|ban| ban.left()) {
        return Err(Refusal::Banned(left.as_secs()));
    }
    let orders = Arc::clone(&shared.orders.borrow());
    let access = &orders.rules.access;
    if access.refuses(peer.ip()).is_some() {
        return Err(Refusal::Elsewhere);
    }
    if let Some(minutes) = login::closed_for(&access.hours) {
        let (reason, time) =
            ("The server is closed at this hour", Duration::from_secs(u64::from(minutes) * 60));
        return Err(Refusal::Locked(Lock { reason: reason.to_owned(), until: Some(Instant::now() + time) }));
    }
    match orders.lock.as_ref().filter(|lock| lock.is_on()) {
        Some(lock) => Err(Refusal::Locked(lock.clone())),
        None => shared.registry.enter(peer, orders.rules.sessions),
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
fn turn_away(newcomer: Newcomer, refusal: Refusal, door: &Door, shared: &Shared) {
    let who = Who { session: 0, peer: newcomer.peer, user: None };
    shared.options.events.tell(&who, &What::SessionRefused { reason: refusal.reason() });
    let Ok((control, _)) = newcomer.into_control() else { return };
    let reply = match refusal {
        Refusal::Server => replies::too_many_sessions(),
        Refusal::Address => replies::too_many_sessions_of_peer(),
        Refusal::Banned(seconds) => replies::banned(seconds),
        Refusal::Elsewhere => replies::not_from_there(),
        Refusal::Locked(lock) => {
            let left = lock.until.map(|until| until.saturating_duration_since(Instant::now()).as_secs());
            replies::locked(&lock.reason, left)
        }
    };
    // Who expects TLS could not read it.
    if !door.implicit_tls {
        control.write_last(&reply.encode());
    }
    control.finish();
}
