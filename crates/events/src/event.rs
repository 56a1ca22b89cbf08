//! The catalogue.

use jiff::Timestamp;
use serde::Serialize;
use std::net::{IpAddr, SocketAddr};

/// Something that has happened.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// Which one it is; nobody has seen that before.
    pub id: String,
    /// When.
    pub time: Timestamp,
    /// To whom.
    #[serde(flatten)]
    pub who: Who,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

impl Event {
    /// It has happened now.
    pub fn new(who: Who, what: What) -> Event {
        Event { id: format!("{:032x}", rand::random::<u128>()), time: Timestamp::now(), who, what }
    }
}

/// To whom something happens.
#[derive(Debug, Clone, Serialize)]
pub struct Who {
    /// The number of the session, counted from the start of the server; 0 where there is none.
    pub session: u64,
    /// Where the client connects from.
    pub peer: SocketAddr,
    /// The user that it is about, logged in or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// Which way data goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// To the server.
    Upload,
    /// From the server.
    Download,
    /// From the server, about files.
    Listing,
}

/// Data that has moved, or was to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Transfer {
    /// Which way.
    #[serde(skip)]
    pub direction: Direction,
    /// The file or folder.
    pub path: String,
    /// Bytes that have moved.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// What protected it: the version of TLS, or `no`.
    pub tls: &'static str,
    /// True when the server opened the data connection.
    pub active: bool,
    /// True when the bytes moved as they are.
    pub binary: bool,
    /// Why it broke off, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// Somebody connects.
    SessionBegin,
    /// They are gone.
    SessionEnd {
        /// Why, if it was no ordinary end.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Somebody connects, and is not let in.
    SessionRefused {
        /// Why.
        reason: &'static str,
    },
    /// TLS protects the control connection now.
    Tls {
        /// Its version.
        version: &'static str,
        /// True when a session from before goes on.
        resumed: bool,
        /// The host that the client asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// Somebody is logged in.
    Login,
    /// Somebody is not.
    LoginFailed {
        /// Why.
        reason: String,
    },
    /// A file has come.
    Upload(Transfer),
    /// A file was sent.
    Download(Transfer),
    /// A listing was sent.
    List(Transfer),
    /// One of those broke off.
    TransferFailed {
        /// Which way it went.
        direction: Direction,
        /// How far it came.
        #[serde(flatten)]
        transfer: Transfer,
    },
    /// A file was deleted.
    Delete {
        /// The file.
        path: String,
    },
    /// Something has another name.
    Rename {
        /// The old one.
        from: String,
        /// The new one.
        to: String,
    },
    /// A folder was made.
    MakeFolder {
        /// The folder.
        path: String,
    },
    /// A folder was removed, with what was in it.
    RemoveFolder {
        /// The folder.
        path: String,
    },
    /// An address may not connect any more.
    Ban {
        /// The address.
        address: IpAddr,
        /// For how many seconds.
        seconds: u64,
        /// The how many-th time it is.
        times: u32,
        /// Why.
        reason: String,
    },
}

/// The names of all kinds of events that hooks hear of. Who is not let in costs others nothing, not even a line in a
/// journal.
pub const KINDS: &[&str] = &[
    "session-begin",
    "session-end",
    "tls",
    "login",
    "login-failed",
    "upload",
    "download",
    "list",
    "transfer-failed",
    "delete",
    "rename",
    "make-folder",
    "remove-folder",
    "ban",
];

impl What {
    /// The name of its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            What::SessionBegin => "session-begin",
            What::SessionEnd { .. } => "session-end",
            What::SessionRefused { .. } => "session-refused",
            What::Tls { .. } => "tls",
            What::Login => "login",
            What::LoginFailed { .. } => "login-failed",
            What::Upload(_) => "upload",
            What::Download(_) => "download",
            What::List(_) => "list",
            What::TransferFailed { .. } => "transfer-failed",
            What::Delete { .. } => "delete",
            What::Rename { .. } => "rename",
            What::MakeFolder { .. } => "make-folder",
            What::RemoveFolder { .. } => "remove-folder",
            What::Ban { .. } => "ban",
        }
    }

    /// What has become of a transfer.
    pub fn of(transfer: Transfer) -> What {
        match (transfer.reason, transfer.direction) {
            (Some(_), direction) => What::TransferFailed { direction, transfer },
            (None, Direction::Upload) => What::Upload(transfer),
            (None, Direction::Download) => What::Download(transfer),
            (None, Direction::Listing) => What::List(transfer),
        }
    }
}

/// Bytes that a client sent, as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_its_kind_in_it_and_all_that_is_known() {
        let transfer = Transfer {
            direction: Direction::Upload,
            path: "/a\n\u{1b}[31m\"".to_owned(),
            bytes: 5,
            seconds: 0.5,
            tls: "no",
            active: false,
            binary: true,
            reason: None,
        };
        let who = Who { session: 3, peer: "192.0.2.9:4000".parse().unwrap(), user: Some("anna".to_owned()) };
        for (transfer, kind) in [
            (transfer.clone(), "upload"),
            (Transfer { reason: Some("aborted"), ..transfer.clone() }, "transfer-failed"),
        ] {
            let what = What::of(transfer);
            assert_eq!(what.kind(), kind);
            assert!(KINDS.contains(&kind));
            let json = serde_json::to_value(Event::new(who.clone(), what)).unwrap();
            assert_eq!(
                (&json["event"], &json["session"], &json["user"]),
                (&kind.into(), &3.into(), &"anna".into())
            );
            assert_eq!((&json["path"], &json["bytes"]), (&"/a\n\u{1b}[31m\"".into(), &5.into()));
            assert_eq!(json["reason"].is_null(), kind == "upload");
        }
    }
}
