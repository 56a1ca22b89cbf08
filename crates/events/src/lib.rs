//! What happens on a server: one catalogue, which the log, the transfer log, the metrics and the hooks read.
//!
//! What this crate is not: it makes nothing happen, and knows nobody to whom it happens. Whatever comes from a client is
//! text here that may have anything in it; each reader writes it so that it cannot be taken for something else.

mod event;
mod log;
mod metrics;
mod xferlog;

pub use event::{Direction, Event, KINDS, Transfer, What, Who, text};
pub use metrics::Metrics;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
pub use xferlog::Xferlog;

/// Somebody who wants to be told before what has happened is answered.
pub trait Listener: Send + Sync {
    /// True for an event that it wants.
    fn wants(&self, kind: &str) -> bool;
    /// Takes an event; what it is done with may take longer.
    fn take(&self, event: Event) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Where events go.
#[derive(Default)]
pub struct Events {
    /// The metrics.
    pub metrics: Metrics,
    /// The transfer log, where there is one.
    pub xferlog: Option<Xferlog>,
    /// Who else is told.
    pub listener: Option<Arc<dyn Listener>>,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Events {
    /// Something has happened, of which no hook hears.
    pub fn tell(&self, who: &Who, what: &What) {
        log::write(who, what);
        self.metrics.count(what);
        if let Some(xferlog) = &self.xferlog {
            xferlog.write(who, what);
        }
    }

    /// Something has happened.
    pub async fn note(&self, who: Who, what: What) {
        self.tell(&who, &what);
        if let Some(listener) = self.listener.as_ref().filter(|listener| listener.wants(what.kind())) {
            listener.take(Event::new(who, what)).await;
        }
    }
}
