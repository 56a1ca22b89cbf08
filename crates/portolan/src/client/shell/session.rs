//! Where one is on a server. The server is not told: each command has a whole path, so that it does not matter by which
//! connection it goes.

use super::server::Server;
use crate::Exit;
use crate::client::place::Place;
use crate::client::report::at;
use portolan_client::{Url, join};
use portolan_wire::received::printable;
use std::sync::Arc;

pub(super) struct Session {
    pub(super) server: Arc<Server>,
    /// Where one is.
    pub(super) folder: Vec<u8>,
    /// Where one was before.
    before: Vec<u8>,
}

impl Session {
    /// Begins where a URL leads to.
    pub(super) async fn begin(server: Server, url: &Url) -> Result<Session, Exit> {
        let home = server.home.clone();
        let mut session = Session { server: Arc::new(server), folder: home.clone(), before: home };
        if !url.path.is_empty() {
            let path = resolve(&session.folder, &url.path);
            session.enter(path).await?;
            session.before.clone_from(&session.folder);
        }
        Ok(session)
    }

    /// Goes to another folder, if it is there.
    pub(super) async fn go(&mut self, to: Option<&str>) -> Result<(), Exit> {
        let path = match to {
            None => self.server.home.clone(),
            Some("-") => self.before.clone(),
            Some(to) => resolve(&self.folder, to.as_bytes()),
        };
        self.enter(path).await
    }

    async fn enter(&mut self, path: Vec<u8>) -> Result<(), Exit> {
        // Where one is after the login is where one may be.
        if !path.is_empty() {
            let entered =
                self.server.client.run(async |connection| connection.have_entered(&path).await).await;
            entered.map_err(|error| at(&printable(&path), &error))?;
        }
        self.before = std::mem::replace(&mut self.folder, path);
        Ok(())
    }

    /// Where one is, to be shown.
    pub(super) fn shown(&self) -> String {
        printable(&self.folder)
    }

    /// What somebody types means.
    pub(super) fn place(&self, text: &str) -> Place {
        let path = resolve(&self.folder, text.as_bytes());
        let shown = printable(&path);
        let is_directory = matches!(text.rsplit('/').next(), Some("" | "." | ".."));
        Place { path, is_directory, representation: None, shown }
    }

    /// The URL of where one is.
    pub(super) fn url(&self) -> Url {
        Url { path: self.folder.clone(), is_directory: true, ..self.server.url.clone() }
    }
}

/// A path from where one is. `..` takes back what was written before it, whatever the server would make of it.
pub(super) fn resolve(folder: &[u8], path: &[u8]) -> Vec<u8> {
    let whole = if path.starts_with(b"/") { path.to_vec() } else { join(folder, path) };
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in whole.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let root = if whole.starts_with(b"/") { &b"/"[..] } else { b"" };
    [root, &parts.join(&b'/')].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_begin_where_one_is() {
        let resolved = |folder: &str, path: &str| {
            String::from_utf8(resolve(folder.as_bytes(), path.as_bytes())).unwrap()
        };
        assert_eq!(resolved("/a", "b/c"), "/a/b/c");
        assert_eq!(resolved("/a/b", "../c/."), "/a/c");
        assert_eq!(resolved("/a", "../../.."), "/");
        assert_eq!(resolved("/a", "//b//c/"), "/b/c");
        assert_eq!(resolved("/", "b"), "/b");
        assert_eq!(resolved("/a", ""), "/a");
        // Where paths do not begin with a slash, they begin after the login.
        assert_eq!(resolved("", "b/c"), "b/c");
        assert_eq!(resolved("b", "../.."), "");
    }
}
