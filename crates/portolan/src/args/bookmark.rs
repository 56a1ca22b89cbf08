//! The command lines of bookmarks.

use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum BookmarkCommand {
    /// Keep a name for a URL.
    #[command(after_help = "\
Examples:
  portolan bookmark add work ftpes://anna@ftp.example.org/in/
  portolan ls work:
  portolan get work:reports/may.pdf     what lies beneath the URL
  portolan get work:/pub/README         from the root of the server
  portolan shell work

Passwords are not kept here: they come from ~/.netrc, --password-file or --password-command.")]
    Add {
        /// Letters, digits, `.`, `-` and `_`.
        name: String,

        /// What it stands for.
        url: String,
    },
    /// Print all bookmarks.
    List {
        /// One JSON object a line: name, url.
        #[arg(long)]
        json: bool,
    },
    /// Forget one.
    #[command(visible_alias = "rm")]
    Remove {
        /// Which.
        name: String,
    },
}
