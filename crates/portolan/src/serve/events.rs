//! Where it goes what happens.

use crate::{Exit, state};
use portolan_config::Config;
use portolan_events::{Events, Listener, Metrics, Xferlog};
use portolan_hooks::{Hooks, Journal};
use std::sync::Arc;
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

/// Begins to tell what the configuration says.
pub(super) async fn start(config: &Config) -> Result<Arc<Events>, Exit> {
    let listener = match (&config.hooks[..], &config.state) {
        ([], _) => None,
        (_, None) => {
            return Err(Exit::wrong("events for hooks have to be kept somewhere; write state = \"…\""));
        }
        (hooks, Some(folder)) => {
            let failed = |error: &dyn std::fmt::Display| Exit::failed(error.to_string());
            state::make(folder).map_err(|error| failed(&error))?;
            let journal = Journal::open(&state::journal(folder)).await.map_err(|error| failed(&error))?;
            Some(Arc::new(Hooks::start(hooks.to_vec(), Arc::new(journal))) as Arc<dyn Listener>)
        }
    };
    let xferlog = config.log.transfers.clone().map(Xferlog::new);
    let events = Arc::new(Events { metrics: Metrics::default(), xferlog, listener });
    if let Some(address) = config.metrics {
        let listener = portolan_net::listen(address)
            .map_err(|error| Exit::failed(format!("cannot serve metrics on {address}: {error}")))?;
        tokio::spawn(portolan_admin::serve_metrics(listener, Arc::clone(&events)));
    }
    Ok(events)
}
