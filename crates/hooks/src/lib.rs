//! Tells programs and web services what has happened, at least once.
//!
//! An event is in a journal on the disk before what has happened is answered: whoever has read 226 may trust that the hook
//! hears of it, whatever becomes of the server. It is tried again for about an hour, with pauses that grow; then it is put
//! aside as dead, for somebody to look at.
//!
//! What this crate is not: it does not know what the events mean.

mod deliver;
mod journal;
mod worker;

use portolan_events::{Event, Listener};
use portolan_helpers::Launcher;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc, oneshot};

pub use journal::{Journal, JournalError, Kept};

/// Who is to be told of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The name, by which events wait for it.
    pub name: String,
    /// Kinds of events.
    pub on: Vec<String>,
    /// Who is told.
    pub to: Target,
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A program with its arguments; it reads the event from its standard input, and succeeds when it has taken it.
    Program(Vec<String>),
    /// A web service, to which the event is posted; it answers with 2xx when it has taken it.
    Url {
        /// Where.
        url: String,
        /// What goes into the header `Authorization`.
        authorization: Option<String>,
    },
}

/// An event that is to be kept, and who waits for that.
pub(crate) struct Entry {
    hooks: Vec<String>,
    body: String,
    kept: oneshot::Sender<()>,
}

/// All hooks of a server.
pub struct Hooks {
    hooks: Vec<Hook>,
    entries: mpsc::Sender<Entry>,
}

/// Entries that wait to be kept.
const WAITING: usize = 1024;

impl Hooks {
    /// Begins to tell, as long as the runtime is there; what waits in the journal from before, too.
    pub fn start(hooks: Vec<Hook>, journal: Arc<Journal>, launcher: &Launcher) -> Hooks {
        let (entries, waiting) = mpsc::channel(WAITING);
        let news: Vec<(String, Arc<Notify>)> =
            hooks.iter().map(|hook| (hook.name.clone(), Arc::default())).collect();
        for (hook, (_, news)) in hooks.iter().zip(&news) {
            let (journal, launcher) = (Arc::clone(&journal), launcher.clone());
            tokio::spawn(worker::tell(hook.clone(), journal, Arc::clone(news), launcher));
        }
        tokio::spawn(worker::keep(waiting, journal, news));
        Hooks { hooks, entries }
    }
}

impl Listener for Hooks {
    fn wants(&self, kind: &str) -> bool {
        self.hooks.iter().any(|hook| hook.on.iter().any(|wanted| wanted == kind))
    }

    fn take(&self, event: Event) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let kind = event.what.kind();
            let hooks = self.hooks.iter().filter(|hook| hook.on.iter().any(|wanted| wanted == kind));
            let hooks = hooks.map(|hook| hook.name.clone()).collect();
            let body = match serde_json::to_string(&event) {
                Ok(body) => body,
                Err(error) => return tracing::error!(%error, kind, "an event cannot be written down"),
            };
            let (kept, is_kept) = oneshot::channel();
            if self.entries.send(Entry { hooks, body, kept }).await.is_ok() {
                let _ = is_kept.await;
            }
        })
    }
}
