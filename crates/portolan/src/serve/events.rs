//! Where it goes what happens.

use crate::{Exit, state};
use portolan_config::Config;
use portolan_events::{Events, Listener, Metrics, Xferlog};
use portolan_helpers::Launcher;
use portolan_hooks::{Hooks, Journal};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tracing_subscriber::EnvFilter;

/// Begins to log.
pub(super) fn start_log(config: &Config) {
    let filter = EnvFilter::try_from_env("PORTOLAN_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if config.log.json {
        log.json().flatten_event(true).with_current_span(false).with_span_list(false).init();
    } else {
        log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init();
    }
}

/// How often a successor tries to get what the server of before still has.
const EVERY: Duration = Duration::from_millis(300);

/// Takes what a server of before still has, once it has it no more.
pub(super) async fn once_it_is_free<T, E, F>(mut take: impl FnMut() -> F) -> T
where
    E: std::fmt::Display,
    F: Future<Output = Result<T, E>>,
{
    loop {
        match take().await {
            Ok(taken) => return taken,
            Err(error) => tracing::debug!(%error, "the server of before still has it"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Serves the metrics, if the configuration says so.
pub(super) async fn serve_metrics(
    config: &Config,
    events: Arc<Events>,
    is_successor: bool,
) -> Result<Option<JoinHandle<()>>, Exit> {
    let Some(address) = config.metrics else { return Ok(None) };
    if is_successor {
        let take = move || std::future::ready(portolan_net::listen(address));
        return Ok(Some(tokio::spawn(async move {
            portolan_admin::serve_metrics(once_it_is_free(take).await, events).await;
        })));
    }
    let listener = portolan_net::listen(address)
        .map_err(|error| Exit::failed(format!("cannot serve metrics on {address}: {error}")))?;
    Ok(Some(tokio::spawn(portolan_admin::serve_metrics(listener, events))))
}

/// Begins to tell what the configuration says.
pub(super) async fn start(config: &Config, launcher: &Launcher) -> Result<Arc<Events>, Exit> {
    let listener = match (&config.hooks[..], &config.state) {
        ([], _) => None,
        (_, None) => {
            return Err(Exit::wrong("events for hooks have to be kept somewhere; write state = \"…\""));
        }
        (hooks, Some(folder)) => {
            let failed = |error: &dyn std::fmt::Display| Exit::failed(error.to_string());
            state::make(folder).map_err(|error| failed(&error))?;
            let journal = Journal::open(&state::journal(folder)).await.map_err(|error| failed(&error))?;
            Some(Arc::new(Hooks::start(hooks.to_vec(), Arc::new(journal), launcher)) as Arc<dyn Listener>)
        }
    };
    let xferlog = config.log.transfers.clone().map(Xferlog::new);
    Ok(Arc::new(Events { metrics: Metrics::default(), xferlog, listener }))
}
