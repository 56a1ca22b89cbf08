//! Bars that show how far transfers are. Where standard error is no terminal, there are none.

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write;
use std::time::Duration;

/// All transfers of one command.
pub(super) struct Bars {
    all: MultiProgress,
}

/// One transfer.
pub(super) struct Bar(ProgressBar);

impl Bars {
    pub(super) fn new(quiet: bool) -> Bars {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        Bars { all: MultiProgress::with_draw_target(target) }
    }

    /// A bar for one more transfer.
    pub(super) fn add(&self, name: &str) -> Bar {
        let bar = self.all.add(ProgressBar::no_length());
        let style = ProgressStyle::with_template(
            "{prefix:30!} {bar:24} {bytes:>11} {binary_bytes_per_sec:>13} {eta:>4}",
        );
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(250));
        Bar(bar)
    }

    /// Prints a line above the bars; plainly where there are none.
    pub(super) fn say(&self, line: &str) {
        if self.all.is_hidden() {
            // Who reads no more has seen enough.
            let _ = writeln!(std::io::stdout(), "{line}");
        } else {
            let _ = self.all.println(line);
        }
    }
}

impl Bars {
    /// Prints a warning above the bars; plainly to standard error where there are none.
    pub(super) fn warn(&self, line: &str) {
        self.all.suspend(|| eprintln!("{line}"));
    }
}

impl Bar {
    pub(super) fn at(&self, bytes: u64, total: Option<u64>) {
        if let Some(total) = total
            && self.0.length() != Some(total)
        {
            self.0.set_length(total);
            // What was there before is no speed.
            self.0.set_position(bytes);
            self.0.reset_eta();
        }
        self.0.set_position(bytes);
    }

    /// How long it took, and how fast it was.
    pub(super) fn done(&self, bytes: u64) -> String {
        let time = self.0.elapsed().as_secs_f64();
        self.0.finish_and_clear();
        let speed = HumanBytes((bytes as f64 / time.max(0.001)) as u64);
        format!("{} in {time:.1} s, {speed}/s", HumanBytes(bytes))
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
