//! Names for URLs, in a file of lines `NAME URL` that people may write themselves. Passwords are not among them.
//!
//! `NAME:PATH` is what lies beneath one. What has `://` in it is a URL and never a bookmark; what begins with a name and a colon is
//! never a file of this side, which can be written `./NAME:…`.

use crate::{Exit, state};
use portolan_client::{Url, join};
use portolan_wire::received::printable;
use serde_json::json;
use std::fmt::Write as _;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Names that are not taken: they would look like the schemes of URLs.
const SCHEMES: [&str; 3] = ["ftp", "ftps", "ftpes"];

fn file() -> Result<PathBuf, Exit> {
    let folder = state::written().ok_or_else(|| Exit {
        message: "there is no folder for bookmarks; set XDG_CONFIG_HOME".to_owned(),
        code: 9,
    })?;
    let file = folder.join("bookmarks");
    // People keep such files elsewhere, and a link here.
    Ok(file.canonicalize().unwrap_or(file))
}

fn failed(file: &Path, error: impl std::fmt::Display) -> Exit {
    Exit { message: format!("{}: {error}", file.display()), code: 9 }
}

/// What is in the file; nothing where there is none.
fn text(file: &Path) -> Result<String, Exit> {
    match std::fs::read_to_string(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        read => read.map_err(|error| failed(file, error)),
    }
}

/// The name and the URL of a line. Comments begin with `#`.
fn entry(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let (name, url) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (!name.is_empty() && !name.starts_with('#')).then(|| (name, url.trim_start()))
}

fn find<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().filter_map(entry).find(|(own, _)| *own == name).map(|(_, url)| url)
}

/// All names.
pub(super) fn names() -> Vec<String> {
    let text = file().and_then(|file| text(&file)).unwrap_or_default();
    text.lines().filter_map(entry).map(|(name, _)| name.to_owned()).collect()
}

fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    text.starts_with(|first: char| first.is_ascii_alphanumeric()) && text.bytes().all(fits)
}

/// The name and the path of what is written as a bookmark.
fn parts(text: &str) -> Option<(&str, &str)> {
    let parts = text.split_once(':').filter(|(name, _)| is_name(name));
    parts.filter(|_| !text.contains("://"))
}

/// True for what is on a server, true or not.
pub(super) fn is_remote(text: &str) -> bool {
    text.contains("://") || parts(text).is_some()
}

fn parse(text: &str) -> Result<Url, Exit> {
    Url::parse(text).map_err(|error| Exit::wrong(error.to_string()))
}

/// A URL that may be kept.
fn kept(text: &str) -> Result<Url, Exit> {
    let url = parse(text)?;
    if url.password.is_some() {
        return Err(Exit::wrong(format!(
            "a password is not kept in a bookmark; write it into ~/.netrc, or use --password-command: {url}"
        )));
    }
    Ok(url)
}

/// What a bookmark stands for, if there is one of that name.
fn stands_for(name: &str) -> Result<Option<Url>, Exit> {
    // Where there is no home there are no bookmarks.
    let Ok(file) = file() else { return Ok(None) };
    let wrong =
        |exit: Exit| Exit { message: format!("{}: {name}: {}", file.display(), exit.message), ..exit };
    find(&text(&file)?, name).map(kept).transpose().map_err(wrong)
}

/// What is meant where a URL is expected.
pub(crate) fn url(text: &str) -> Result<Url, Exit> {
    let Some((name, path)) = parts(text) else { return parse(text) };
    match stands_for(name)? {
        Some(url) => beneath(url, path),
        None => Err(Exit::wrong(format!(
            "there is no bookmark `{name}`; a URL begins with ftp://, ftpes:// or ftps://"
        ))),
    }
}

/// What is meant where a shell begins: the colon of a bookmark may be missing, and what is no bookmark is a host.
pub(crate) fn start(text: &str) -> Result<Url, Exit> {
    if text.contains("://") {
        return parse(text);
    }
    let (name, path) = parts(text).unwrap_or((text, ""));
    match stands_for(name)? {
        Some(url) => beneath(url, path),
        None => parse(&format!("ftp://{text}")),
    }
}

/// What lies beneath a URL; a path that begins with a slash begins at the root. Paths are written as in URLs.
fn beneath(url: Url, path: &str) -> Result<Url, Exit> {
    if path.is_empty() {
        return Ok(url);
    }
    let below = parse(&format!("ftp://{}/{path}", url.host))?;
    let path = if below.path.starts_with(b"/") { below.path } else { join(&url.path, &below.path) };
    let representation = below.representation.or(url.representation);
    Ok(Url { path, is_directory: below.is_directory, representation, ..url })
}

/// Keeps a name for a URL.
pub(super) fn add(name: &str, url: &str) -> Result<(), Exit> {
    if !is_name(name) || SCHEMES.iter().any(|scheme| name.eq_ignore_ascii_case(scheme)) {
        return Err(Exit::wrong(format!(
            "`{name}` cannot be a name: it has letters, digits, `.`, `-` and `_`, begins with a letter or a digit, and is not \
             ftp, ftps or ftpes"
        )));
    }
    kept(url)?;
    let file = file()?;
    let mut text = text(&file)?;
    if let Some(there) = find(&text, name) {
        return Err(Exit::failed(format!(
            "`{name}` is {} already; remove that first",
            printable(there.as_bytes())
        )));
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    // It cannot fail.
    let _ = writeln!(text, "{name} {url}");
    write(&file, &text)
}

/// Forgets one; the other lines stay as they are.
pub(super) fn remove(name: &str) -> Result<(), Exit> {
    let file = file()?;
    let text = text(&file)?;
    if find(&text, name).is_none() {
        return Err(Exit::failed(format!("there is no bookmark `{name}`")));
    }
    let others = text.split_inclusive('\n').filter(|line| entry(line).is_none_or(|(own, _)| own != name));
    write(&file, &others.collect::<String>())
}

/// Writes the file as a whole, so that nobody finds half of it.
fn write(file: &Path, text: &str) -> Result<(), Exit> {
    let new = file.with_extension("new");
    let written = file.parent().map_or(Ok(()), state::make).and_then(|()| std::fs::write(&new, text));
    written.and_then(|()| std::fs::rename(&new, file)).map_err(|error| failed(file, error))
}

/// Prints all of them.
pub(super) fn list(json: bool) -> Result<(), Exit> {
    let text = text(&file()?)?;
    let mut out = std::io::stdout().lock();
    for (name, url) in text.lines().filter_map(entry) {
        let line = if json {
            json!({ "name": name, "url": url }).to_string()
        } else {
            format!("{:<16} {}", printable(name.as_bytes()), printable(url.as_bytes()))
        };
        // Who reads no more has seen enough.
        let _ = writeln!(out, "{line}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bookmarks_look_like_nothing_else() {
        assert_eq!(parts("work:"), Some(("work", "")));
        assert_eq!(parts("work:a/b:c"), Some(("work", "a/b:c")));
        for other in ["ftp://host/a", "work", "./work:a", "/a:b", "a/b:c", "a b:c", ":a", "-a:b"] {
            assert_eq!(parts(other), None, "{other}");
        }
    }

    #[test]
    fn paths_lie_beneath_the_url_or_begin_at_the_root() {
        let beneath = |url: &str, path| beneath(Url::parse(url).unwrap(), path).map_err(|exit| exit.message);
        let shown = |url, path| beneath(url, path).unwrap().to_string();
        assert_eq!(shown("ftps://anna@h:9/in/", "a/b"), "ftps://anna@h:9/in/a/b");
        assert_eq!(shown("ftp://h", "a%20b/"), "ftp://h/a%20b/");
        assert_eq!(shown("ftp://h/%2Fsrv", "x"), "ftp://h/%2Fsrv/x");
        assert_eq!(shown("ftp://h/in", "/pub"), "ftp://h/%2Fpub");
        assert_eq!(shown("ftp://h/in/", ""), "ftp://h/in/");
        assert!(beneath("ftp://h/in", "a%0d").is_err());
    }

    #[test]
    fn lines_are_read_as_people_write_them() {
        let text = "# mine\n\n  work \t ftp://h/a b \nempty\n#work ftp://other\n";
        assert_eq!(find(text, "work"), Some("ftp://h/a b"));
        assert_eq!(find(text, "empty"), Some(""));
        assert_eq!(find(text, "#"), None);
    }
}
