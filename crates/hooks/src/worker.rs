//! The tasks that keep events and tell of them.

use crate::deliver::{PATIENCE, deliver};
use crate::journal::{Journal, Kept};
use crate::{Entry, Hook, Target};
use futures_util::future::join_all;
use portolan_helpers::Launcher;
use portolan_http::Http;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// Events that are kept together.
const TOGETHER: usize = 256;

/// Events of which a hook is told at the same time.
const AT_ONCE: i64 = 8;

/// How often one is tried. With the pauses between, that takes about an hour.
const TRIES: u32 = 12;

/// The longest that nobody looks at the journal: another process may have put something there.
const LOOK: Duration = Duration::from_secs(5);

/// How often it is tried to keep events, while those wait to whom they happened.
const KEEPING: u64 = 5;

/// Keeps events.
pub(crate) async fn keep(
    mut waiting: mpsc::Receiver<Entry>,
    journal: Arc<Journal>,
    news: Vec<(String, Arc<Notify>)>,
) {
    let mut entries = Vec::new();
    while waiting.recv_many(&mut entries, TOGETHER).await > 0 {
        for tried in 1..=KEEPING {
            let all = entries.iter().map(|entry: &Entry| (&entry.hooks[..], &*entry.body));
            let Err(error) = journal.keep(all).await else { break };
            if tried == KEEPING {
                tracing::error!(%error, events = entries.len(), "events are lost, and no hook hears of them");
            } else {
                tracing::warn!(%error, tried, "events cannot be kept yet");
                tokio::time::sleep(Duration::from_secs(tried)).await;
            }
        }
        for entry in entries.drain(..) {
            for (_, news) in news.iter().filter(|(name, _)| entry.hooks.contains(name)) {
                news.notify_one();
            }
            // Who waits for it may be gone.
            let _ = entry.kept.send(());
        }
    }
}

/// Tells a hook of what is there for it.
pub(crate) async fn tell(hook: Hook, journal: Arc<Journal>, news: Arc<Notify>, launcher: Launcher) {
    let http = match &hook.to {
        Target::Url { .. } => Http::new()
            .map_err(|error| tracing::error!(hook = hook.name, %error, "no web service is told"))
            .ok(),
        Target::Program(_) => None,
    };
    loop {
        let due = journal.due(&hook.name, AT_ONCE, PATIENCE * 2).await;
        let due = due.unwrap_or_else(|error| {
            tracing::error!(hook = hook.name, %error, "it is not known what is to be told");
            Vec::new()
        });
        if due.is_empty() {
            let next = journal.next(&hook.name).await.ok().flatten().unwrap_or(LOOK).min(LOOK);
            // What is due within the second is due by the clock of the journal only then.
            let _ = tokio::time::timeout(next.max(Duration::from_millis(200)), news.notified()).await;
            continue;
        }
        join_all(due.into_iter().map(|kept| try_once(&hook, &journal, &launcher, http.as_ref(), kept))).await;
    }
}

async fn try_once(hook: &Hook, journal: &Journal, launcher: &Launcher, http: Option<&Http>, kept: Kept) {
    let noted = match deliver(&hook.to, launcher, http, &kept.body).await {
        Ok(()) => journal.forget(kept.number).await.map(|_| ()),
        Err(problem) => {
            let tried = kept.attempts.saturating_add(1);
            let pause = (tried < TRIES).then(|| Duration::from_secs(1 << kept.attempts.min(12)));
            match pause {
                Some(pause) => tracing::warn!(
                    hook = hook.name,
                    number = kept.number,
                    problem,
                    again_in = pause.as_secs(),
                    "a hook was not told"
                ),
                None => tracing::error!(
                    hook = hook.name,
                    number = kept.number,
                    problem,
                    "a hook could not be told; see `portolan hook dead`"
                ),
            }
            journal.put_off(kept.number, pause, &problem).await
        }
    };
    if let Err(error) = noted {
        tracing::error!(hook = hook.name, %error, "a hook is told again of what it has taken");
    }
}
