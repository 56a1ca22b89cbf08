//! A server that runs, and what it is told meanwhile.

use super::confine::Confined;
use super::handover::{self, Handed};
use super::lock::Keeper;
use super::manager;
use super::overrides::Overrides;
use super::watch::{self, Change};
use super::{events, reach, watch::watch};
use crate::{Exit, banner, state};
use portolan_admin::{Answer, Asked, Command, Locked, Reply, Status};
use portolan_config::{Around, Config};
use portolan_server::{Lock, Server};
use sd_notify::NotifyState;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Commands and changes that wait.
const WAITING: usize = 16;

/// The longest that it takes to answer what was asked last.
const LAST_ANSWER: Duration = Duration::from_secs(1);

/// A server that runs.
struct Running {
    overrides: Overrides,
    /// The configuration that it was started with.
    started: Config,
    /// What running transfers get when it stops.
    grace: Duration,
    around: Around,
    server: Arc<Server>,
    lock: Keeper,
    /// Until when people may leave by themselves, before it stops.
    drain: Option<Instant>,
    confined: Confined,
    begun: Instant,
}

/// How it goes on after a command.
enum Next {
    Serve,
    Stop,
    HandedOver,
}

/// Serves until somebody ends it.
pub(super) async fn serve(
    overrides: Overrides,
    config: Config,
    handed: Handed,
    confined: Confined,
) -> Result<(), Exit> {
    let cannot = |error: std::io::Error| Exit::failed(format!("cannot listen on {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(cannot)?;
    let mut user = signal(SignalKind::user_defined2()).map_err(cannot)?;
    let mut banner = banner::Banner::of(&config);
    let acme = config.tls.acme.clone().zip(config.acme_folder());
    let pinholes = match (config.pinholes, config.data_ports()) {
        (true, Some(ports)) => Some(reach::start_pinholes(&config, ports, &confined).await?),
        _ => None,
    };
    let store = config.store().map_err(|error| Exit::failed(error.to_string()))?.map(Arc::new);
    let made = config.options(store.clone(), reach::nonce(&config));
    let (mut options, certificates, reach) = made.map_err(|error| Exit::failed(error.to_string()))?;
    options.pinholes = pinholes;
    let is_successor = handed.is_successor();
    let events = events::start(&config, &confined.launcher).await?;
    options.events = Arc::clone(&events);
    // What another server needs when this one is over.
    let mut services = Vec::new();
    services.extend(events::serve_metrics(&config, events, is_successor).await?);
    let (mut handed, lock) = (handed, Keeper::of(&config));
    let inherited = std::mem::take(&mut handed.sockets);
    let (within, pam) = (confined.within.clone(), confined.pam.clone());
    let around = Around { store: store.clone(), within, pam };
    let server = Server::start(options, config.rules(&around), inherited).map_err(cannot)?;
    let server = Arc::new(server);
    server.set_lock(lock.kept());
    if let Some(certificates) = certificates {
        banner.set_fingerprint(certificates.fingerprint());
        let obtained = certificates.to_obtain();
        tokio::spawn(portolan_certs::watch(certificates));
        if let Some((acme, folder)) = acme {
            let launcher = confined.launcher.clone();
            let start = move || acme.clone().start(folder.clone(), launcher.clone());
            let renewal = if is_successor { None } else { Some(start().await.map_err(cannot)?) };
            services.push(tokio::spawn(async move {
                let renewal = match renewal {
                    Some(renewal) => renewal,
                    None => events::once_it_is_free(start).await,
                };
                renewal.run(obtained).await;
            }));
        }
    }
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    reach.start(&stop, &tasks);
    let (changes, mut changed) = mpsc::channel(WAITING);
    tokio::spawn(watch(overrides.file().map(PathBuf::from), store, changes));
    // Until here the server of before can go on as if nothing had been.
    let (mut commands, answering) = take_commands(&config, is_successor).await;
    // Who reads it may give commands at once; nobody may read it.
    let _ = std::io::stdout().write_all(banner.text(server.places()).as_bytes());
    handed.say_ready();
    manager::tell(&[NotifyState::Ready]);
    tokio::spawn(manager::keep_watchdog_quiet(Arc::clone(&server)));
    let grace = config.grace;
    let (drain, begun) = (None, Instant::now());
    let mut running =
        Running { overrides, started: config, grace, around, server, lock, drain, confined, begun };
    let next = loop {
        let next = tokio::select! {
            _ = interrupt.recv() => Next::Stop,
            _ = terminate.recv() => Next::Stop,
            _ = hang_up.recv() => running.reload_and_say(),
            _ = user.recv() => running.restart_and_say().await,
            Some(change) = changed.recv() => running.take_change(&change),
            Some(asked) = commands.recv() => running.take_command(asked).await,
            () = running.drained() => Next::Stop,
        };
        if !matches!(next, Next::Serve) {
            break next;
        }
    };
    drop(commands);
    // Who gave the last command is told what came of it.
    let _ = tokio::time::timeout(LAST_ANSWER, answering).await;
    services.iter().for_each(JoinHandle::abort);
    let server = Arc::clone(&running.server);
    let shutdown = async {
        if let Next::HandedOver = next {
            // What routers forward is the new server's. What changes still counts for who is here.
            let over = server.wait_until_empty();
            tokio::pin!(over);
            loop {
                tokio::select! {
                    () = &mut over => return,
                    _ = hang_up.recv() => { running.reload_and_say(); }
                    Some(change) = changed.recv() => { running.take_change(&change); }
                }
            }
        }
        tracing::info!(grace = running.grace.as_secs(), "stopping; a second signal stops at once");
        manager::tell(&[NotifyState::Stopping]);
        server.shutdown(running.grace).await;
        stop.cancel();
        tasks.close();
        tasks.wait().await;
    };
    let done = tokio::select! {
        () = shutdown => Ok(()),
        _ = interrupt.recv() => Err(Exit::failed("stopped at once")),
        _ = terminate.recv() => Err(Exit::failed("stopped at once")),
    };
    server.cut_off().await;
    done
}

/// Commands that come by the socket in the state folder, if there is one.
async fn take_commands(config: &Config, is_successor: bool) -> (mpsc::Receiver<Asked>, JoinHandle<()>) {
    let (sender, commands) = mpsc::channel(WAITING);
    let nothing = tokio::spawn(async {});
    let Some(path) = config.state.as_deref().map(state::socket) else { return (commands, nothing) };
    if let Err(error) = path.parent().map_or(Ok(()), state::make) {
        tracing::warn!(%error, folder = %path.display(), "no commands are taken: the state folder cannot be made");
        return (commands, nothing);
    }
    match portolan_admin::bind(&path, is_successor).await {
        Ok(socket) => return (commands, tokio::spawn(socket.serve(sender))),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => tracing::warn!(
            socket = %path.display(),
            "another server takes commands there, this one takes none; give it a `state` of its own"
        ),
        Err(error) => tracing::warn!(socket = %path.display(), %error, "no commands are taken"),
    }
    (commands, nothing)
}

impl Running {
    /// Reads the configuration again; keys that have changed and count only after a new start. What is wrong leaves
    /// everything as it was.
    fn reload(&mut self) -> Result<Vec<&'static str>, String> {
        let config = self.overrides.configuration().map_err(|exit| {
            let confined = exit.message.contains("Permission denied");
            let hint = "(a file that it did not name when it started is to be seen after `portolan restart`)";
            if confined { format!("{} {hint}", exit.message) } else { exit.message }
        })?;
        if !config.has_hosts_of(&self.started) {
            return Err("the virtual hosts are others than before, and that needs a new start".to_owned());
        }
        let mut rules = config.rules(&self.around);
        rules.secrets.extend(self.started.hidden());
        self.server.change(rules);
        self.grace = config.grace;
        Ok(config.keys_for_a_start(&self.started))
    }

    fn reload_and_say(&mut self) -> Next {
        manager::tell_reloading();
        match self.reload() {
            Ok(keys) if keys.is_empty() => tracing::info!("the configuration is read again"),
            Ok(keys) => tracing::warn!(
                "the configuration is read again; what has changed of these counts after `portolan restart`: {}",
                keys.join(", ")
            ),
            Err(problem) => tracing::error!("the configuration stays as it was: {problem}"),
        }
        manager::tell(&[NotifyState::Ready]);
        Next::Serve
    }

    fn take_change(&mut self, change: &Change) -> Next {
        match change {
            watch::Change::File => self.reload_and_say(),
            watch::Change::Accounts => {
                tracing::info!("accounts have changed");
                self.server.look_again();
                Next::Serve
            }
        }
    }

    /// Starts a server that goes on in place of this one.
    async fn restart(&self) -> Result<u32, String> {
        if self.started.pinholes {
            return Err(
                "with pinholes there can be one server only; stop this one and start it again".to_owned()
            );
        }
        if self.overrides.asks() {
            return Err("a password would have to be typed in; use --password-file".to_owned());
        }
        if std::process::id() == 1 {
            return Err(
                "this is the first process here, and all end with it; restart the container".to_owned()
            );
        }
        handover::hand_over(&self.server, &self.confined).await
    }

    async fn restart_and_say(&self) -> Next {
        match self.restart().await {
            Ok(pid) => {
                tracing::info!(pid, "another server goes on; what runs here is done to its end");
                manager::tell(&[NotifyState::MainPid(pid)]);
                Next::HandedOver
            }
            Err(problem) => {
                tracing::error!("not restarted: {problem}");
                Next::Serve
            }
        }
    }

    async fn take_command(&mut self, asked: Asked) -> Next {
        let Asked { command, answer } = asked;
        let (reply, next) = self.run(command).await;
        // Who asked may be gone.
        let _ = answer.send(reply);
        next
    }

    async fn run(&mut self, command: Command) -> (Answer, Next) {
        let mut next = Next::Serve;
        let answer = match command {
            Command::Status => Ok(Reply::Status(self.status())),
            Command::Reload => self.reload().map(|keys| {
                tracing::info!("the configuration is read again");
                Reply::Reloaded { after_restart: keys.into_iter().map(str::to_owned).collect() }
            }),
            Command::Lock(locked) => self.set_lock(&locked),
            Command::Unlock => self.unlock(),
            Command::Drain { seconds } => {
                tracing::info!(seconds, "nobody new is taken in; the server stops when everybody has left");
                let reason = "The server is about to stop".to_owned();
                self.server.set_lock(Some(Lock { reason, until: None }));
                self.drain = Instant::now().checked_add(Duration::from_secs(seconds));
                Ok(Reply::Done {})
            }
            Command::Restart => match self.restart().await {
                Ok(pid) => {
                    manager::tell(&[NotifyState::MainPid(pid)]);
                    next = Next::HandedOver;
                    Ok(Reply::Restarted { pid })
                }
                Err(problem) => Err(problem),
            },
        };
        (answer, next)
    }

    fn set_lock(&self, locked: &Locked) -> Answer {
        let lock = self.lock.keep(locked).map_err(|error| format!("the lock cannot be kept: {error}"))?;
        tracing::warn!(reason = lock.reason, seconds = locked.seconds, "locked: nobody new is taken in");
        self.server.set_lock(Some(lock));
        Ok(Reply::Done {})
    }

    fn unlock(&mut self) -> Answer {
        self.lock.forget().map_err(|error| format!("the lock cannot be removed: {error}"))?;
        tracing::info!("unlocked");
        self.drain = None;
        self.server.set_lock(None);
        Ok(Reply::Done {})
    }

    fn status(&self) -> Status {
        let locked = |lock: Lock| Locked {
            reason: lock.reason,
            seconds: lock.until.map(|until| until.saturating_duration_since(Instant::now()).as_secs()),
        };
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            seconds: self.begun.elapsed().as_secs(),
            listen: self.server.places().iter().map(|place| place.address.to_string()).collect(),
            sessions: self.server.sessions(),
            locked: self.server.lock().map(locked),
        }
    }

    /// Waits until everybody has left who was to leave, or has had the time for it.
    async fn drained(&self) {
        match self.drain {
            Some(until) => _ = tokio::time::timeout_at(until, self.server.wait_until_empty()).await,
            None => std::future::pending().await,
        }
    }
}
