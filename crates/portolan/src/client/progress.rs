//! How far transfers are: bars on a terminal, plain lines elsewhere, or one JSON object a line.

use super::report::code;
use crate::args::{Reach, Transfer};
use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use portolan_client::{Error, Receipt, Resumed};
use portolan_wire::received::printable;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Smaller files have no bar of their own: nobody could read it.
const WITH_BAR: u64 = 1 << 20;

/// How often events tell how far a transfer is.
const EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Nothing,
    Lines,
    Json,
}

/// Who is told of all transfers of one command.
pub(super) struct Tell {
    all: MultiProgress,
    form: Form,
}

/// One transfer.
pub(super) struct Running<'a> {
    tell: &'a Tell,
    name: String,
    bar: Option<ProgressBar>,
    begun: Instant,
    /// When how far it is was told last, in milliseconds from its beginning.
    told: AtomicU64,
}

impl Tell {
    pub(super) fn new(transfer: &Transfer, reach: &Reach) -> Tell {
        let form = match (transfer.json, reach.quiet) {
            (true, _) => Form::Json,
            (false, true) => Form::Nothing,
            (false, false) => Form::Lines,
        };
        let bars = form == Form::Lines && !reach.verbose;
        let target = if bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Tell { all: MultiProgress::with_draw_target(target), form }
    }

    /// One more transfer, of so many bytes as far as that is known.
    pub(super) fn begin(&self, name: &[u8], size: Option<u64>) -> Running<'_> {
        self.event(|| json!({ "event": "begin", "name": text(name), "size": size }));
        let bar = size.is_none_or(|size| size >= WITH_BAR).then(|| self.bar(&printable(name)));
        let (name, begun) = (text(name), Instant::now());
        Running { tell: self, name, bar, begun, told: AtomicU64::new(0) }
    }

    /// A bar for all of them.
    pub(super) fn total(&self) -> Running<'_> {
        let (bar, begun) = (Some(self.bar("all")), Instant::now());
        Running { tell: self, name: String::new(), bar, begun, told: AtomicU64::new(u64::MAX) }
    }

    fn bar(&self, name: &str) -> ProgressBar {
        let bar = self.all.add(ProgressBar::no_length());
        let style = ProgressStyle::with_template(
            "{prefix:30!} {bar:24} {bytes:>11} {binary_bytes_per_sec:>13} {eta:>4}",
        );
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(250));
        bar
    }

    /// Prints a line above the bars; plainly where there are none.
    pub(super) fn line(&self, line: &str) {
        match self.form {
            // Who reads no more has seen enough.
            Form::Lines if self.all.is_hidden() => drop(writeln!(std::io::stdout(), "{line}")),
            Form::Lines => drop(self.all.println(line)),
            Form::Nothing | Form::Json => {}
        }
    }

    /// Prints an event, where those are wanted.
    pub(super) fn event(&self, event: impl FnOnce() -> Value) {
        if self.form == Form::Json {
            // Who reads no more has seen enough.
            let _ = writeln!(std::io::stdout(), "{}", event());
        }
    }
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

impl Running<'_> {
    pub(super) fn at(&self, bytes: u64, total: Option<u64>) {
        if let Some(bar) = &self.bar {
            if let Some(total) = total
                && bar.length() != Some(total)
            {
                bar.set_length(total);
                // What was there before is no speed.
                bar.set_position(bytes);
                bar.reset_eta();
            }
            bar.set_position(bytes);
        }
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let told = self.told.load(Ordering::Relaxed);
        if now.saturating_sub(told) >= EVERY.as_millis() as u64 {
            self.told.store(now, Ordering::Relaxed);
            let event = || json!({ "event": "progress", "name": self.name, "bytes": bytes, "size": total });
            self.tell.event(event);
        }
    }

    /// It is done: says how long it took, and how fast it was.
    pub(super) fn done(self, receipt: &Receipt) {
        let (bytes, seconds) = (receipt.bytes, self.begun.elapsed().as_secs_f64());
        self.tell.event(|| {
            let left: Vec<String> = receipt.left.iter().map(ToString::to_string).collect();
            json!({
                "event": "done",
                "name": self.name,
                "bytes": bytes,
                "seconds": seconds,
                "way": receipt.way.map(portolan_client::Way::name),
                "left": left,
                "tls_resumed": receipt.tls.map(|tls| tls == Resumed::Yes),
            })
        });
        let speed = HumanBytes((bytes as f64 / seconds.max(0.001)) as u64);
        let line = format!(
            "{}: {} in {seconds:.1} s, {speed}/s",
            printable(self.name.as_bytes()),
            HumanBytes(bytes)
        );
        let tell = self.tell;
        drop(self);
        tell.line(&line);
    }

    /// It is done, as one of many.
    pub(super) fn done_as_one(self, bytes: Option<u64>) {
        self.tell.event(|| {
            let seconds = self.begun.elapsed().as_secs_f64();
            json!({ "event": "done", "name": self.name, "bytes": bytes, "seconds": seconds })
        });
    }

    /// It failed. Somebody else says so to people.
    pub(super) fn failed(self, error: &Error) {
        self.tell.event(|| {
            json!({ "event": "failed", "name": self.name, "error": error.to_string(), "code": code(error) })
        });
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
