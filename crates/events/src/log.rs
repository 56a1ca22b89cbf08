//! Events as lines of the log. Names are escaped, so that nothing in them looks like another line or a colour.

use crate::event::{Direction, Transfer, What, Who};

/// What lines are about, by which they can be chosen.
const SESSION: &str = "portolan::session";
const TRANSFER: &str = "portolan::transfer";
const FILES: &str = "portolan::files";

pub(crate) fn write(who: &Who, what: &What) {
    let Who { session, peer, user } = who;
    let user = user.as_deref().map(|user| user.escape_debug().to_string());
    match what {
        What::SessionBegin => tracing::info!(target: SESSION, session, %peer, "session begins"),
        What::SessionEnd { reason: None } => {
            tracing::info!(target: SESSION, session, %peer, user, "session ends");
        }
        What::SessionEnd { reason } => {
            tracing::info!(target: SESSION, session, %peer, user, reason, "session breaks off");
        }
        What::SessionRefused { reason } => tracing::info!(target: SESSION, %peer, reason, "session refused"),
        What::Tls { version, resumed, name } => {
            tracing::info!(target: SESSION, session, %peer, version, resumed, name, "TLS begins");
        }
        What::Login => tracing::info!(target: SESSION, session, %peer, user, "logged in"),
        What::LoginFailed { reason } => {
            tracing::warn!(target: SESSION, session, %peer, user, reason, "login denied");
        }
        What::Upload(transfer) | What::Download(transfer) | What::List(transfer) => {
            let Transfer { path, bytes, seconds, tls, active, .. } = transfer;
            let (path, verb) = (path.escape_debug(), verb(transfer));
            tracing::info!(target: TRANSFER, session, user, %path, bytes, seconds, tls, active, "{verb}");
        }
        What::TransferFailed { transfer, .. } => {
            let Transfer { path, bytes, seconds, tls, active, reason, .. } = transfer;
            let (path, verb) = (path.escape_debug(), verb(transfer));
            tracing::info!(target: TRANSFER, session, user, %path, bytes, seconds, tls, active, reason, "not {verb}");
        }
        What::Delete { path } => {
            tracing::info!(target: FILES, session, user, path = %path.escape_debug(), "deleted");
        }
        What::Rename { from, to } => {
            let (from, to) = (from.escape_debug(), to.escape_debug());
            tracing::info!(target: FILES, session, user, %from, %to, "renamed");
        }
        What::MakeFolder { path } => {
            tracing::info!(target: FILES, session, user, path = %path.escape_debug(), "folder made");
        }
        What::RemoveFolder { path } => {
            tracing::info!(target: FILES, session, user, path = %path.escape_debug(), "folder removed");
        }
        What::Ban { address, seconds, times, reason } => {
            tracing::warn!(target: SESSION, %address, seconds, times, reason, "banned");
        }
    }
}

fn verb(transfer: &Transfer) -> &'static str {
    match transfer.direction {
        Direction::Upload => "received",
        Direction::Download => "sent",
        Direction::Listing => "listed",
    }
}
