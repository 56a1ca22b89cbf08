//! The tables `[log]` and `[[hook]]`: who is told what happens.

use crate::file::Check;
use crate::reference::table;
use portolan_events::KINDS;
use portolan_hooks::{Hook, Target};
use serde::Deserialize;
use std::path::PathBuf;
use toml::Spanned;

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Log {
    /// True when each line of the log is a JSON object.
    pub json: bool,
    /// The file that transfers are written to.
    pub transfers: Option<PathBuf>,
}

table! {
    /// `[log]`: what is logged, and how.
    #[derive(Default)]
    pub(crate) struct LogTable {
        /// The form of the log: `text`, or `json`.
        format: Option<Format>,
        /// The file for the transfer log, as xferlog(5) has it.
        transfers: Option<Spanned<PathBuf>>,
    }
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Format {
    Text,
    Json,
}

impl LogTable {
    pub(crate) fn convert(self, check: &Check<'_>) -> Log {
        Log {
            json: self.format == Some(Format::Json),
            transfers: self.transfers.map(|path| check.path(&path)),
        }
    }
}

table! {
    /// `[[hook]]`: who is told what happens.
    pub(crate) struct HookTable {
        /// What the hook is called; by default by what it tells.
        name: Option<Spanned<String>>,
        /// The kinds of events that it hears of.
        on: Spanned<Vec<Spanned<String>>>,
        /// The program that is told, and its arguments.
        command: Option<Spanned<Vec<String>>>,
        /// The web service that is told.
        url: Option<Spanned<String>>,
        /// What goes into the header Authorization.
        authorization: Option<String>,
    }
}

/// The hooks that tables mean; what is wrong is noted.
pub(crate) fn hooks(tables: Vec<Spanned<HookTable>>, check: &mut Check<'_>) -> Vec<Hook> {
    let mut hooks: Vec<Hook> = Vec::new();
    for item in tables {
        let place = Spanned::new(item.span(), ());
        let HookTable { name, on, command, url, authorization } = item.into_inner();
        for kind in on.get_ref().iter().filter(|kind| !KINDS.contains(&kind.get_ref().as_str())) {
            let known = KINDS.join(", ");
            check.wrong(kind, format!("`{}` is no event; there are {known}", kind.get_ref()));
        }
        if on.get_ref().is_empty() {
            check.wrong(&on, "of nothing nobody is told; write on = [\"upload\"]".to_owned());
        }
        let to = match (command, url) {
            (Some(command), None) if command.get_ref().is_empty() => {
                check
                    .wrong(&command, "a command has a program; write command = [\"/path/of/it\"]".to_owned());
                continue;
            }
            (Some(command), None) => Target::Program(command.into_inner()),
            (None, Some(url)) => {
                if !["http://", "https://"].iter().any(|scheme| url.get_ref().starts_with(scheme)) {
                    check.wrong(&url, "this is no URL; write https://…".to_owned());
                }
                Target::Url { url: url.into_inner(), authorization }
            }
            (Some(_), Some(_)) => {
                check.wrong(&place, "a hook has a command or a URL; leave one of them out".to_owned());
                continue;
            }
            (None, None) => {
                check.wrong(
                    &place,
                    "a hook needs somebody to tell; write command = [\"…\"] or url = \"…\"".to_owned(),
                );
                continue;
            }
        };
        let own = match &to {
            Target::Program(program) => program.first().cloned().unwrap_or_default(),
            Target::Url { url, .. } => url.clone(),
        };
        let place = name.as_ref().map_or(place, |name| Spanned::new(name.span(), ()));
        let name = name.map_or(own, Spanned::into_inner);
        if hooks.iter().any(|other| other.name == name) {
            check.wrong(&place, format!("there is a hook `{name}` already; write another name = \"…\""));
        }
        hooks.push(Hook { name, on: on.into_inner().into_iter().map(Spanned::into_inner).collect(), to });
    }
    hooks
}
