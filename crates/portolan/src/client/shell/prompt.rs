//! Lines that are typed, with a history that is kept. What they mean is none of its business.

use super::complete::Completing;
use super::session::Session;
use crate::{Exit, state};
use portolan_client::Url;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};
use std::path::PathBuf;
use std::sync::Arc;

/// Lines that are kept.
const LINES_MAX: usize = 1000;

type Lines = Editor<Completing, FileHistory>;

/// What somebody did at the prompt.
pub(super) enum Typed {
    Line(String),
    /// Ctrl-C: never mind.
    Nothing,
    /// Ctrl-D.
    End,
}

pub(super) struct Prompt {
    /// Nothing only while it waits for a line.
    lines: Option<Lines>,
    history: Option<PathBuf>,
}

fn failed(error: impl std::fmt::Display) -> Exit {
    Exit { message: format!("the terminal: {error}"), code: 9 }
}

impl Prompt {
    /// With what was typed before.
    pub(super) fn new() -> Result<Prompt, Exit> {
        let config = Config::builder().completion_type(CompletionType::List).history_ignore_space(true);
        let config = config.max_history_size(LINES_MAX).map_err(failed)?.build();
        let mut lines = Lines::with_config(config).map_err(failed)?;
        lines.set_helper(Some(Completing::new(tokio::runtime::Handle::current())));
        let history = state::folder().map(|folder| folder.join("shell-history"));
        if let Some(file) = &history {
            // Without it one begins anew.
            let _ = file.parent().map(state::make);
            let _ = lines.load_history(file);
        }
        Ok(Prompt { lines: Some(lines), history })
    }

    /// The next line. Meanwhile connections live on: who closes them is heard.
    pub(super) async fn next(&mut self, session: Option<&Session>) -> Result<Typed, Exit> {
        let Some(mut lines) = self.lines.take() else { return Ok(Typed::End) };
        let text = match session {
            Some(session) => format!("{}:{}> ", session.server.url.host, session.shown()),
            None => "portolan> ".to_owned(),
        };
        if let Some(helper) = lines.helper_mut() {
            helper.place = session.map(|session| (Arc::clone(&session.server), session.folder.clone()));
        }
        let history = self.history.clone();
        let typed = tokio::task::spawn_blocking(move || {
            let typed = lines.readline(&text);
            if let Ok(line) = &typed
                && !has_password(line)
                && lines.add_history_entry(line.as_str()).is_ok_and(|added| added)
                && let Some(file) = history
            {
                // A disk that is full is no reason to stop.
                let _ = lines.append_history(&file);
            }
            if let Some(helper) = lines.helper_mut() {
                helper.place = None;
            }
            (lines, typed)
        });
        let (lines, typed) = typed.await.map_err(failed)?;
        self.lines = Some(lines);
        match typed {
            Ok(line) => Ok(Typed::Line(line)),
            Err(ReadlineError::Interrupted) => Ok(Typed::Nothing),
            Err(ReadlineError::Eof) => Ok(Typed::End),
            Err(error) => Err(failed(error)),
        }
    }
}

/// True for lines that nobody should find in a file: URLs with passwords, and commands of FTP that send one.
fn has_password(line: &str) -> bool {
    // A password can hold blanks: what stands between a colon and an @ may be one.
    let may_hold = |rest: &str| rest.split_once(':').is_some_and(|(_, rest)| rest.contains('@'));
    if line.split_once("://").map_or_else(|| may_hold(line), |(_, rest)| may_hold(rest)) {
        return true;
    }
    let mut words = line.split(|byte: char| byte.is_whitespace() || matches!(byte, '"' | '\'' | '='));
    words.any(|word| {
        let url = match word.contains("://") {
            // What is no URL may be half of one.
            true => Url::parse(word).map_or(true, |url| url.password.is_some()),
            // So it can be said to `open`.
            false => Url::parse(&format!("ftp://{word}")).is_ok_and(|url| url.password.is_some()),
        };
        url || ["PASS", "ACCT"].iter().any(|verb| word.eq_ignore_ascii_case(verb))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_kept() {
        for line in [
            "open ftp://anna:x@h/",
            "open 'ftps://anna:x@h'",
            "!curl --url=ftp://a:b@h",
            "quote pass x",
            "open a:b@h",
            "open 'ftp://a:b c@h'",
        ] {
            assert!(has_password(line), "{line}");
        }
        for line in ["open ftp://anna@h/", "get pass/word", "ls", "open h:21/a", "cd a@b"] {
            assert!(!has_password(line), "{line}");
        }
    }
}
