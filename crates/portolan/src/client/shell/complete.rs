//! What Tab makes of an unfinished line: commands, options, names on the server, names here. It goes by the grammar of lines; nothing
//! is listed twice here.

use super::line::{Line, local};
use super::server::{Named, Server};
use super::session::resolve;
use crate::client::bookmarks;
use clap::{Arg, Command, CommandFactory, ValueHint};
use rustyline::completion::{Completer, Pair, escape};
use rustyline::{Context, Helper, Result, highlight::Highlighter, hint::Hinter, validate::Validator};
use std::sync::Arc;
use tokio::runtime::Handle;

/// Completes lines, in a thread beside the runtime.
pub(super) struct Completing {
    runtime: Handle,
    /// The server, and where one is there.
    pub(super) place: Option<(Arc<Server>, Vec<u8>)>,
}

impl Completing {
    /// With this runtime for what the server is asked.
    pub(super) fn new(runtime: Handle) -> Completing {
        Completing { runtime, place: None }
    }

    fn there(&self, folder: &str) -> Vec<Named> {
        let Some((server, own)) = &self.place else { return Vec::new() };
        self.runtime.block_on(server.names(&resolve(own, folder.as_bytes())))
    }
}

impl Helper for Completing {}
impl Highlighter for Completing {}
impl Validator for Completing {}
impl Hinter for Completing {
    type Hint = String;
}

impl Completer for Completing {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> Result<(usize, Vec<Pair>)> {
        let (words, start, word) = unfinished(&line[..at]);
        let mut found = match wanted(&words, &word) {
            Wanted::Words(words) => {
                let fitting = words.into_iter().filter(|own| own.starts_with(&word));
                fitting.map(|own| Pair { replacement: format!("{own} "), display: own }).collect()
            }
            Wanted::There => paths(&word, |folder| self.there(folder)),
            Wanted::Here => paths(&word, here),
        };
        found.sort_by(|a, b| a.display.cmp(&b.display));
        Ok((start, found))
    }
}

/// The words before the last one; where that begins, and what it says so far.
fn unfinished(line: &str) -> (Vec<String>, usize, String) {
    let (mut words, mut last, mut quote) = (Vec::new(), None::<(usize, String)>, None);
    let mut characters = line.char_indices();
    while let Some((at, character)) = characters.next() {
        if quote.is_none() && character.is_whitespace() {
            words.extend(last.take().map(|(_, word)| word));
            continue;
        }
        let (_, word) = last.get_or_insert((at, String::new()));
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None | Some('"'), '\\') => word.extend(characters.next().map(|(_, escaped)| escaped)),
            (_, character) => word.push(character),
        }
    }
    let (start, word) = last.unwrap_or((line.len(), String::new()));
    (words, start, word)
}

/// What a word can be.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Words(Vec<String>),
    There,
    Here,
}

fn wanted(words: &[String], word: &str) -> Wanted {
    let mut command = Line::command();
    let mut rest = words;
    if rest.first().is_some_and(|first| first.starts_with('!')) {
        return Wanted::Here;
    }
    if let [help] = rest
        && matches!(help.as_str(), "help" | "?")
    {
        rest = &[];
    }
    while let [first, more @ ..] = rest
        && let Some(inner) = command.find_subcommand(first)
    {
        (command, rest) = (inner.clone(), more);
    }
    if command.has_subcommands() {
        let mut names: Vec<String> = command.get_subcommands().map(|own| own.get_name().to_owned()).collect();
        if words.is_empty() {
            names.push("help".to_owned());
        }
        return Wanted::Words(if rest.is_empty() { names } else { Vec::new() });
    }
    argument(&command, rest, word)
}

/// What the next argument of a command can be.
fn argument(command: &Command, words: &[String], word: &str) -> Wanted {
    let options = || command.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set());
    let is = |arg: &Arg, text: &str| {
        let long = arg.get_long().is_some_and(|long| text.strip_prefix("--") == Some(long));
        let mut short = text.strip_prefix('-').into_iter().flat_map(str::chars);
        long || arg.get_short().is_some_and(|own| short.next() == Some(own) && short.next().is_none())
    };
    let (mut place, mut open, mut reverse) = (0, None, false);
    for text in words {
        if open.take().is_some() {
            continue;
        }
        let option = options().find(|arg| is(arg, text));
        reverse |= option.is_some_and(|option| option.get_id() == "reverse");
        open = option.filter(|option| option.get_action().takes_values());
        place += usize::from(option.is_none());
    }
    if open.is_none() && word.starts_with('-') {
        let long = options().filter_map(|option| option.get_long().map(|long| format!("--{long}")));
        return Wanted::Words(long.collect());
    }
    let many = |arg: &&Arg| arg.get_num_args().is_some_and(|number| number.max_values() > 1);
    let positional =
        || command.get_positionals().nth(place).or_else(|| command.get_positionals().last().filter(many));
    let Some(arg) = open.or_else(positional) else { return Wanted::Words(Vec::new()) };
    match arg.get_value_hint() {
        // Which of both is here depends on the direction.
        ValueHint::Unknown if command.get_name() == "mirror" && arg.is_positional() => {
            if (place == 0) == reverse { Wanted::Here } else { Wanted::There }
        }
        ValueHint::Unknown => Wanted::There,
        ValueHint::AnyPath => Wanted::Here,
        ValueHint::Url => Wanted::Words(bookmarks::names()),
        _ => Wanted::Words(Vec::new()),
    }
}

/// Names in a folder here that can be typed; nothing where they cannot be had.
fn here(folder: &str) -> Vec<Named> {
    let folder = if folder.is_empty() { "./" } else { folder };
    let Ok(folder) = local(folder);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok().filter(|name| !name.contains(char::is_control))?;
        Some((name, entry.path().is_dir()))
    });
    named.collect()
}

/// Paths that a word can become, by the names in its folder.
fn paths(word: &str, names: impl FnOnce(&str) -> Vec<Named>) -> Vec<Pair> {
    let (folder, begun) = word.split_at(word.rfind('/').map_or(0, |at| at + 1));
    let fits = |name: &str| name.starts_with(begun) && (!name.starts_with('.') || begun.starts_with('.'));
    let pair = |(name, is_folder): Named| {
        let typed =
            escape(format!("{folder}{name}"), Some('\\'), is_special, rustyline::completion::Quote::None);
        // What begins with a dash would be an option.
        let own = if typed.starts_with('-') { "./" } else { "" };
        let (mark, end) = if is_folder { ("/", "/") } else { ("", " ") };
        Pair { display: format!("{name}{mark}"), replacement: format!("{own}{typed}{end}") }
    };
    names(folder).into_iter().filter(|(name, _)| fits(name)).map(pair).collect()
}

/// True for what does not mean itself in a line.
fn is_special(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\\' | '"' | '\'' | '#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_far_as_they_go() {
        let own = |line| {
            let (words, start, word) = unfinished(line);
            (words.join("|"), start, word)
        };
        assert_eq!(own(""), (String::new(), 0, String::new()));
        assert_eq!(own("get a\\ b \"c d"), ("get|a b".to_owned(), 9, "c d".to_owned()));
        assert_eq!(own("get 'a"), ("get".to_owned(), 4, "a".to_owned()));
        assert_eq!(own("get a "), ("get|a".to_owned(), 6, String::new()));
        assert_eq!(own("get a\\"), ("get".to_owned(), 4, "a".to_owned()));
    }

    #[test]
    fn what_is_wanted_follows_from_the_grammar() {
        let wanted = |line: &str| {
            let (words, _, word) = unfinished(line);
            wanted(&words, &word)
        };
        for there in [
            "get ",
            "get a ",
            "cd x",
            "ls -l ",
            "put a -o ",
            "chmod 644 ",
            "mirror ",
            "mirror -R a ",
            "mv a b",
        ] {
            assert_eq!(wanted(there), Wanted::There, "{there}");
        }
        for here in
            ["put ", "put a ", "get a -o ", "lcd ", "lls -l ", "mirror a ", "mirror --reverse ", "!cat "]
        {
            assert_eq!(wanted(here), Wanted::Here, "{here}");
        }
        let words = |line: &str| match wanted(line) {
            Wanted::Words(words) => words,
            other => panic!("{line}: {other:?}"),
        };
        assert!(words("").contains(&"mirror".to_owned()) && words("help ").contains(&"get".to_owned()));
        assert!(words("rm --").contains(&"--recursive".to_owned()));
        assert_eq!(words("bookmark "), ["list", "add", "del"]);
        assert!(words("chmod ").is_empty() && words("mv a b ").is_empty() && words("quote ").is_empty());
    }

    #[test]
    fn names_are_written_so_that_they_are_read_again() {
        let names =
            |_: &str| vec![("a b#".to_owned(), false), ("-x".to_owned(), true), (".y".to_owned(), false)];
        let written = |word| paths(word, names).into_iter().map(|pair| pair.replacement).collect::<Vec<_>>();
        assert_eq!(written(""), ["a\\ b\\# ", "./-x/"]);
        assert_eq!(written("f/."), ["f/.y "]);
        assert_eq!(shlex::split("a\\ b\\#").unwrap(), ["a b#"]);
    }
}
