//! Paths on servers whose own have no slashes, like `DISK:[FOLDER.SUB]FILE.TXT;1` of VMS and `'USER.DATA.SET'` of MVS.
//!
//! A path of this side is walked there: to where one is after the login, then by one name after the other to its folder, from
//! where the last name does. What is in it in the server's own syntax is sent as it is. Each step is waited for, since
//! what is meant for one folder must not happen in another. A path from the root is sent as it is, unless it begins in that syntax:
//! some have another tree there whose paths have slashes.

use crate::connection::Connection;
use crate::error::{Error, Result};
use portolan_proto::client::Software;
use portolan_wire::Verb;
use tokio::sync::MutexGuard;

/// Where one is, from where one is after the login; nothing while that is not known.
pub(crate) type Folder = Option<Vec<u8>>;

/// What a path is called where one is. Nobody goes elsewhere while this is held, until the command with it has been posted.
pub(crate) struct There<'a> {
    name: &'a [u8],
    /// It is known that paths of this server have no slashes.
    without_slashes: bool,
    /// The folder that was walked to, if one has to be.
    folder: Option<Vec<u8>>,
    _at: Option<MutexGuard<'a, Folder>>,
}

impl<'a> There<'a> {
    fn as_it_is(name: &'a [u8]) -> There<'a> {
        There { name, without_slashes: false, folder: None, _at: None }
    }

    /// What a command says.
    pub(crate) fn name(&self) -> &'a [u8] {
        self.name
    }

    /// What another path is called there.
    pub(crate) fn beside<'b>(&self, path: &'b [u8]) -> Result<&'b [u8]> {
        let elsewhere = || Err(Error::Strange("on this server names change only within a folder".to_owned()));
        match (&self.folder, is_absolute(path)) {
            // Both are sent as they are, or there is nothing special about this server's.
            (None, true) => Ok(path),
            (None, false) if !is_absolute(self.name) || !self.without_slashes => Ok(path),
            (Some(folder), false) => match parts(path) {
                (own, name) if own == *folder => Ok(name),
                _ => elsewhere(),
            },
            (None, false) | (Some(_), true) => elsewhere(),
        }
    }
}

/// The folder of a path, without slashes at its ends, and the name in it.
fn parts(path: &[u8]) -> (Vec<u8>, &[u8]) {
    let at = path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    (steps(&path[..at]).join(&b'/'), &path[at..])
}

fn steps(path: &[u8]) -> Vec<&[u8]> {
    path.split(|byte| *byte == b'/').filter(|step| !step.is_empty()).collect()
}

/// True for a name in the syntax of such a server.
fn is_foreign(name: &[u8]) -> bool {
    name.starts_with(b"'") || name.contains(&b'[')
}

/// True for what means the same wherever one is.
fn is_absolute(path: &[u8]) -> bool {
    path.starts_with(b"/")
        && !steps(path).first().is_some_and(|step| is_foreign(step) || step.contains(&b':'))
}

/// True when the argument of a verb is a path and nothing else.
fn takes_path(verb: Verb) -> bool {
    use Verb::*;
    matches!(
        verb,
        Appe | Dele | Hash | Mdtm | Mkd | Mlst | Retr | Rmd | Rnfr | Rnto | Size | Stor | Xcrc | Xsha256
    )
}

impl Connection {
    /// True when paths of this server have no slashes, by what it says of where one is after the login. It is asked only if
    /// it could be one of those: most say that theirs have (RFC 3659 §6), or what they are.
    pub(crate) async fn is_without_slashes(&self) -> Result<bool> {
        if !self.may_be_without_slashes() {
            return Ok(false);
        }
        let found = self.without_slashes.get_or_try_init(|| async {
            match self.home().await {
                Ok(home) => Ok(is_foreign(home) && !home.contains(&b'/')),
                // It does not say.
                Err(error) if error.code().is_some() || matches!(error, Error::Strange(_)) => Ok(false),
                Err(error) => Err(error),
            }
        });
        found.await.copied()
    }

    fn may_be_without_slashes(&self) -> bool {
        let features = self.features();
        features.software == Software::Unknown && !features.offers("TVFS")
    }

    /// Goes to the folder of a path, where that is needed.
    pub(crate) async fn there<'a>(&'a self, path: &'a [u8]) -> Result<There<'a>> {
        if is_absolute(path) || !self.may_be_without_slashes() {
            let without_slashes = self.without_slashes.get() == Some(&true);
            return Ok(There { without_slashes, ..There::as_it_is(path) });
        }
        let mut at = self.folder.lock().await;
        // A name alone means the same everywhere, as long as nobody went anywhere.
        let shows_nothing = !path.contains(&b'/') && !self.without_slashes.initialized();
        if shows_nothing || !self.is_without_slashes().await? {
            return Ok(There { _at: Some(at), ..There::as_it_is(path) });
        }
        let (folder, name) = parts(path);
        self.walk(&mut at, &folder).await?;
        Ok(There { name, without_slashes: true, folder: Some(folder), _at: Some(at) })
    }

    /// The same for what a verb says.
    pub(crate) async fn there_for<'a>(
        &'a self,
        verb: Verb,
        argument: Option<&'a [u8]>,
    ) -> Result<Option<There<'a>>> {
        if matches!(verb, Verb::Cwd | Verb::Cdup | Verb::Rein) {
            // Whoever says so knows where that leads.
            *self.folder.lock().await = None;
        }
        match argument {
            Some(path) if takes_path(verb) => self.there(path).await.map(Some),
            Some(argument) => Ok(Some(There::as_it_is(argument))),
            None => Ok(None),
        }
    }

    /// Goes to a folder, where that is needed to see what is in it.
    pub(crate) async fn enter<'a>(&'a self, path: &[u8]) -> Result<Option<MutexGuard<'a, Folder>>> {
        if is_absolute(path) || !self.may_be_without_slashes() {
            return Ok(None);
        }
        let mut at = self.folder.lock().await;
        let shows_nothing = path.is_empty() && !self.without_slashes.initialized();
        if shows_nothing || !self.is_without_slashes().await? {
            return Ok(None);
        }
        self.walk(&mut at, &steps(path).join(&b'/')).await?;
        Ok(Some(at))
    }

    async fn walk(&self, at: &mut Folder, folder: &[u8]) -> Result<()> {
        if at.as_deref() == Some(folder) {
            return Ok(());
        }
        // If it ends on the way, nobody knows where.
        let before = at.take();
        // Nobody has gone anywhere yet.
        let home =
            if before.is_some_and(|before| before.is_empty()) { None } else { Some(self.home().await?) };
        for step in home.into_iter().chain(steps(folder)) {
            let asked = self.post(&self.gate(), Verb::Cwd, Some(step))?;
            self.expect(asked).await?;
        }
        *at = Some(folder.to_vec());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_from_a_root_with_slashes_are_left_alone() {
        for path in ["/u/anna/f", "/QSYS.LIB/X", "/"] {
            assert!(is_absolute(path.as_bytes()), "{path}");
        }
        for path in ["a/b", "/DISK:[X]/F", "/'USER.X'/F", "/[.SUB]/F", "/DISK:/F"] {
            assert!(!is_absolute(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn paths_are_folders_and_names() {
        for (path, folder, name) in [
            ("a", "", "a"),
            ("a/b", "a", "b"),
            ("a//b/c", "a/b", "c"),
            ("/DISK:[X]/FILE.TXT;1", "DISK:[X]", "FILE.TXT;1"),
        ] {
            assert_eq!(parts(path.as_bytes()), (folder.as_bytes().to_vec(), name.as_bytes()), "{path}");
        }
    }
}
