//! What is said to systemd, where it runs the server.

use portolan_server::Server;
use sd_notify::NotifyState;
use std::time::Duration;
use tokio::time::Interval;

/// Says something. Where nobody manages services, nobody hears it.
pub(super) fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager cannot be told");
    }
}

/// The configuration is being read; [`NotifyState::Ready`] says that it was.
pub(super) fn tell_reloading() {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        tell(&[NotifyState::Reloading, now]);
    }
}

/// Shows the service manager that the server does not hang, where it wants to know.
pub(super) struct Watchdog(Option<(Interval, Duration)>);

impl Watchdog {
    pub(super) fn new() -> Watchdog {
        let interval = sd_notify::watchdog_enabled().map(|limit| limit / 3).filter(|every| !every.is_zero());
        Watchdog(interval.map(|every| (tokio::time::interval(every), every)))
    }

    /// Waits until it is to be shown again.
    pub(super) async fn tick(&mut self) {
        match &mut self.0 {
            Some((interval, _)) => _ = interval.tick().await,
            None => std::future::pending().await,
        }
    }

    /// Shows it.
    pub(super) async fn show(&self, server: &Server) {
        let Some((_, every)) = &self.0 else { return };
        match tokio::time::timeout(*every, server.wait_until_alive()).await {
            Ok(()) => tell(&[NotifyState::Watchdog]),
            Err(_) => tracing::error!("a thread of sessions hangs"),
        }
    }
}
