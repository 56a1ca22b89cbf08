//! Events as numbers, in the form that Prometheus reads.

use crate::event::{Direction, What};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Command {
    verb: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reply {
    code: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Version {
    version: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    direction: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Moved {
    direction: &'static str,
    mode: &'static str,
    tls: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

/// What is counted. Nothing that a client chooses becomes a label, so that there is an end to them.
#[derive(Debug, Default)]
pub struct Metrics {
    sessions: Gauge,
    begun: Counter,
    refused: Family<Reason, Counter>,
    tls: Family<Version, Counter>,
    logins: Family<Outcome, Counter>,
    commands: Family<Command, Counter>,
    replies: Family<Reply, Counter>,
    transfers: Family<Moved, Counter>,
    bytes: Family<Of, Counter>,
    seconds: Family<Of, Counter<f64, std::sync::atomic::AtomicU64>>,
    bans: Counter,
}

impl Metrics {
    pub(crate) fn count(&self, what: &What) {
        match what {
            What::SessionBegin => {
                self.sessions.inc();
                self.begun.inc();
            }
            What::SessionEnd { .. } => _ = self.sessions.dec(),
            What::SessionRefused { reason } => _ = self.refused.get_or_create(&Reason { reason }).inc(),
            What::Tls { version, .. } => _ = self.tls.get_or_create(&Version { version }).inc(),
            What::Login => _ = self.logins.get_or_create(&Outcome { result: "ok" }).inc(),
            What::LoginFailed { .. } => _ = self.logins.get_or_create(&Outcome { result: "denied" }).inc(),
            What::Upload(transfer)
            | What::Download(transfer)
            | What::List(transfer)
            | What::TransferFailed { transfer, .. } => {
                let direction = match transfer.direction {
                    Direction::Upload => "upload",
                    Direction::Download => "download",
                    Direction::Listing => "listing",
                };
                let mode = if transfer.active { "active" } else { "passive" };
                let result = transfer.reason.unwrap_or("ok");
                let moved = Moved { direction, mode, tls: transfer.tls, result };
                self.transfers.get_or_create(&moved).inc();
                self.bytes.get_or_create(&Of { direction }).inc_by(transfer.bytes);
                self.seconds.get_or_create(&Of { direction }).inc_by(transfer.seconds);
            }
            What::Ban { .. } => _ = self.bans.inc(),
            What::Delete { .. }
            | What::Rename { .. }
            | What::MakeFolder { .. }
            | What::RemoveFolder { .. } => {}
        }
    }

    /// A command has come; `verb` is one of those that there are.
    pub fn count_command(&self, verb: &'static str) {
        self.commands.get_or_create(&Command { verb }).inc();
    }

    /// A reply is sent, whose bytes these are.
    pub fn count_reply(&self, bytes: &[u8]) {
        if let Some([first @ b'1'..=b'6', second, third]) = bytes.first_chunk()
            && second.is_ascii_digit()
            && third.is_ascii_digit()
        {
            let digit = |byte: &u8| u16::from(byte - b'0');
            let code = digit(first) * 100 + digit(second) * 10 + digit(third);
            self.replies.get_or_create(&Reply { code }).inc();
        }
    }

    /// The numbers as text, as OpenMetrics has it.
    pub fn text(&self) -> String {
        let mut registry = Registry::with_prefix("portolan");
        registry.register("sessions", "Sessions that there are", self.sessions.clone());
        registry.register("sessions_begun", "Sessions that have begun", self.begun.clone());
        registry.register("sessions_refused", "Connections that were not let in", self.refused.clone());
        registry.register("tls_sessions", "Control connections that TLS protects", self.tls.clone());
        registry.register("logins", "Logins by result", self.logins.clone());
        registry.register("commands", "Commands by verb", self.commands.clone());
        registry.register("replies", "Replies by code", self.replies.clone());
        let about = "Transfers by direction, mode, TLS, and what became of them";
        registry.register("transfers", about, self.transfers.clone());
        registry.register_with_unit("transfer", "Data that has moved", Unit::Bytes, self.bytes.clone());
        registry.register_with_unit("transfer", "Time that it took", Unit::Seconds, self.seconds.clone());
        registry.register("bans", "Addresses that were banned", self.bans.clone());
        let mut text = String::new();
        // A text takes everything.
        let _ = encode(&mut text, &registry);
        text
    }
}
