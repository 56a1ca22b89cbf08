//! What is said to systemd, where it runs the server.

use portolan_server::Server;
use sd_notify::NotifyState;
use std::sync::Arc;

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

/// Shows that the server does not hang, as long as it is polled, where the service manager wants to know.
pub(super) async fn keep_watchdog_quiet(server: Arc<Server>) {
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) else { return };
    let every = limit / 3;
    let mut ticks = tokio::time::interval(every);
    loop {
        ticks.tick().await;
        match tokio::time::timeout(every, server.wait_until_alive()).await {
            Ok(()) => tell(&[NotifyState::Watchdog]),
            Err(_) => tracing::error!("a thread of sessions hangs"),
        }
    }
}
