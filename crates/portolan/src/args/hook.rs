//! The command lines of `portolan hook`.

use super::control::Which;
use super::people::Output;
use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum HookCommand {
    /// List events of which a hook is still to be told.
    Waiting {
        #[command(flatten)]
        server: Which,

        #[command(flatten)]
        output: Output,
    },
    /// List events of which a hook could not be told.
    Dead {
        #[command(flatten)]
        server: Which,

        #[command(flatten)]
        output: Output,
    },
    /// Try again to tell of events that were given up.
    Retry {
        /// The number of one; all of them without.
        number: Option<i64>,

        #[command(flatten)]
        server: Which,
    },
    /// Forget an event.
    Drop {
        /// Its number.
        number: i64,

        #[command(flatten)]
        server: Which,
    },
}
