//! Waiting until something is so.

use std::io;
use std::time::Duration;

/// How often it is looked, and how many times. Looks are counted and not seconds: where the whole machine stands
/// still for a while, what is waited for has had no time either.
const EVERY: Duration = Duration::from_millis(50);
const LOOKS: u32 = 600;

/// Waits until it is so; an error says what it did not come to. Half a minute at least.
pub(crate) fn wait_until(what: &str, so: impl Fn() -> io::Result<bool>) -> io::Result<()> {
    for _ in 0..LOOKS {
        if so()? {
            return Ok(());
        }
        std::thread::sleep(EVERY);
    }
    Err(io::Error::other(format!("it did not come to this: {what}")))
}
