//! What is done with files and directories by a command or two, without data.

use crate::connection::{Asked, Connection};
use crate::download::Download;
use crate::error::{Error, Result};
use portolan_proto::client::Order;
use portolan_wire::parameters::Representation;
use portolan_wire::received::printable;
use portolan_wire::{Received, Timestamp, Verb};
use std::sync::MutexGuard;

/// What a server says of one file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its length in bytes.
    pub size: Option<u64>,
    /// When it was changed.
    pub modified: Option<Timestamp>,
}

impl Connection {
    /// Where one is after the login. It is asked for once.
    ///
    /// # Errors
    /// When the server does not say.
    pub async fn home(&self) -> Result<&[u8]> {
        let home = self
            .home
            .get_or_try_init(|| async {
                let asked = self.post(&self.gate(), Verb::Pwd, None)?;
                let reply = self.expect(asked).await?;
                let text = reply.lines.first().map_or(&[][..], Vec::as_slice);
                let path = quoted(text);
                let path =
                    path.and_then(|path| self.charset.map_or(Some(path.clone()), |own| own.name(&path)));
                path.ok_or_else(|| Error::Strange(format!("no path in \"{}\"", printable(text))))
            })
            .await?;
        Ok(home)
    }

    /// The path from the root of the server, where its paths have one.
    pub(crate) async fn resolve(&self, path: &[u8]) -> Result<Vec<u8>> {
        let home = self.home().await?;
        if path.starts_with(b"/") || !home.starts_with(b"/") {
            return Ok(path.to_vec());
        }
        Ok(join(home, path))
    }

    /// What the server says of a file, by `SIZE` and `MDTM`. What it does not say is left out.
    ///
    /// # Errors
    /// When the connection is over.
    pub async fn facts(&self, path: &[u8]) -> Result<Facts> {
        // In text types, where it is answered at all, the size is another.
        let there = self.there(path).await?;
        let (kind, size, modified) = {
            let (gate, name) = (self.gate(), there.name());
            let kind = self.post(&gate, Verb::Type, Some(b"I"))?;
            (kind, self.post(&gate, Verb::Size, Some(name))?, self.post(&gate, Verb::Mdtm, Some(name))?)
        };
        drop(there);
        let (_, size, modified) = tokio::join!(self.answer(kind), self.answer(size), self.answer(modified));
        let (size, modified) = (size?, modified?);
        Ok(Facts { size: size_in(&size), modified: time_in(&modified) })
    }

    /// When a file was changed, by `MDTM`; nothing where the server does not say.
    ///
    /// # Errors
    /// When the connection is over.
    pub async fn modified(&self, path: &[u8]) -> Result<Option<Timestamp>> {
        Ok(time_in(&self.ask(Verb::Mdtm, Some(path)).await?))
    }

    /// Begins to download one of many small files, and asks when it was changed along with it, if that is wanted and not
    /// known. Others may be on their way, if it is asked for `ahead`.
    pub(crate) async fn download_small(
        &self,
        path: &[u8],
        facts: Facts,
        with_time: bool,
        ahead: bool,
    ) -> Result<(Facts, Download)> {
        let there = self.there(path).await?;
        let order = self.order(Verb::Retr, Some(there.name()), Representation::Image, 0)?;
        let (modified, begun) = {
            let gate = self.gate();
            let modified = match facts.modified {
                None if with_time => Some(self.post(&gate, Verb::Mdtm, Some(there.name()))?),
                _ => None,
            };
            (modified, self.begin(&gate, Order { small: ahead, ..order })?)
        };
        drop(there);
        let Some(modified) = modified else { return Ok((facts, self.follow(begun).await?)) };
        let (modified, download) = tokio::join!(self.answer(modified), self.follow(begun));
        let modified = time_in(&modified?);
        Ok((Facts { modified, ..facts }, download?))
    }

    /// Makes a directory.
    ///
    /// # Errors
    /// When the server does not.
    pub async fn make_directory(&self, path: &[u8]) -> Result<()> {
        self.demand(Verb::Mkd, Some(path)).await.map(|_| ())
    }

    /// Deletes a file.
    ///
    /// # Errors
    /// When the server does not.
    pub async fn delete(&self, path: &[u8]) -> Result<()> {
        self.demand(Verb::Dele, Some(path)).await.map(|_| ())
    }

    /// Deletes an empty directory.
    ///
    /// # Errors
    /// When the server does not.
    pub async fn delete_directory(&self, path: &[u8]) -> Result<()> {
        self.demand(Verb::Rmd, Some(path)).await.map(|_| ())
    }

    /// Gives something another name; within its folder only, where paths of the server have no slashes.
    ///
    /// # Errors
    /// When the server does not.
    pub async fn rename(&self, from: &[u8], to: &[u8]) -> Result<()> {
        if to.contains(&b'/') {
            // Else that would not show by a name alone.
            self.is_without_slashes().await?;
        }
        let there = self.there(from).await?;
        let (from, to) = (there.name(), there.beside(to)?);
        let (first, second) = {
            let gate = self.gate();
            (self.post(&gate, Verb::Rnfr, Some(from))?, self.post(&gate, Verb::Rnto, Some(to))?)
        };
        drop(there);
        let (first, second) = tokio::join!(self.expect(first), self.expect(second));
        first?;
        second.map(|_| ())
    }

    /// Says whether there is a directory that one may be in; one is where one was then.
    ///
    /// # Errors
    /// When there is none.
    pub async fn have_entered(&self, path: &[u8]) -> Result<()> {
        if self.enter(path).await?.is_some() {
            return Ok(());
        }
        let home = self.home().await?;
        let path = self.resolve(path).await?;
        let mut at = self.folder.lock().await;
        *at = None;
        let (there, back) = {
            let gate = self.gate();
            (self.post(&gate, Verb::Cwd, Some(&path))?, self.post(&gate, Verb::Cwd, Some(home))?)
        };
        drop(at);
        let (there, back) = tokio::join!(self.expect(there), self.answer(back));
        there?;
        back.map(|_| ())
    }

    /// Sets permission bits, by `SITE CHMOD`.
    ///
    /// # Errors
    /// When the server does not.
    pub async fn set_mode(&self, path: &[u8], mode: u32) -> Result<()> {
        let there = self.there(path).await?;
        let argument = [format!("CHMOD {mode:03o} ").as_bytes(), there.name()].concat();
        let asked = self.post(&self.gate(), Verb::Site, Some(&argument))?;
        drop(there);
        self.expect(asked).await.map(|_| ())
    }

    /// Sets when a file was changed last, by `MFMT`, or `MDTM` with a time as some servers have it. False when it can do
    /// neither.
    ///
    /// # Errors
    /// When the connection is over.
    pub async fn set_modified(&self, path: &[u8], time: Timestamp) -> Result<bool> {
        let there = self.there(path).await?;
        let asked = self.post_modified(&self.gate(), there.name(), time)?;
        drop(there);
        let Some(asked) = asked else { return Ok(false) };
        let reply = self.answer(asked).await?;
        // The name of a file that is not there could begin like a time; only 213 or 253 says that it was done.
        Ok(matches!(reply.number, 213 | 253))
    }

    /// Asks for that by a name, where the server can do it.
    pub(crate) fn post_modified(
        &self,
        gate: &MutexGuard<'_, ()>,
        name: &[u8],
        time: Timestamp,
    ) -> Result<Option<Asked>> {
        let verb = if self.features().offers("MFMT") {
            Verb::Mfmt
        } else if self.features().offers("MDTM") {
            Verb::Mdtm
        } else {
            return Ok(None);
        };
        let seconds = time.to_fact();
        let argument = [&seconds.as_bytes()[..14], b" ", name].concat();
        self.post(gate, verb, Some(&argument)).map(Some)
    }
}

/// What 213 says.
fn value(reply: &Received) -> Option<Vec<u8>> {
    let line = reply.lines.first().filter(|_| reply.number == 213)?;
    Some(line.trim_ascii().to_vec())
}

/// The size in the answer to `SIZE`, if there is one.
pub(crate) fn size_in(reply: &Received) -> Option<u64> {
    std::str::from_utf8(&value(reply)?).ok()?.parse().ok()
}

/// The time in the answer to `MDTM`, if there is one.
fn time_in(reply: &Received) -> Option<Timestamp> {
    Timestamp::parse(&value(reply)?)
}

/// A path beneath another, on a server.
pub fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    match folder {
        b"" => name.to_vec(),
        folder if folder.ends_with(b"/") => [folder, name].concat(),
        folder => [folder, b"/", name].concat(),
    }
}

/// The text between quotation marks, where a doubled one is one (RFC 959, appendix II).
fn quoted(text: &[u8]) -> Option<Vec<u8>> {
    let start = text.iter().position(|byte| *byte == b'"')? + 1;
    let (mut found, mut rest) = (Vec::new(), text[start..].iter().peekable());
    while let Some(byte) = rest.next() {
        match byte {
            b'"' if rest.peek() == Some(&&b'"') => {
                rest.next();
                found.push(b'"');
            }
            b'"' => return Some(found),
            byte => found.push(*byte),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_in_257() {
        assert_eq!(quoted(b"\"/a/b\" is the current directory"), Some(b"/a/b".to_vec()));
        assert_eq!(quoted(b"\"/say \"\"hello\"\"\" created"), Some(b"/say \"hello\"".to_vec()));
        assert_eq!(quoted(b"/a/b"), None);
        assert_eq!(quoted(b"\"/a"), None);
    }
}
