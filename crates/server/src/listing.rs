//! Listings, made as they are sent: memory does not grow with the directory.

use crate::storage::failure;
use portolan_proto::server::{Failure, Listing};
use portolan_vfs::{Entries, Error, Result, Vfs};
use portolan_wire::facts::write_facts;
use portolan_wire::list::{Options, write_long, write_name};
use portolan_wire::{Entry, Timestamp, VirtualPath, pattern};
use std::time::SystemTime;

/// Bytes of a line, about.
const LINE: usize = 96;

/// Directories that a recursive listing has still to visit, at the most; more are left out.
const PENDING_MAX: usize = 100_000;

/// Writes a listing, piece by piece.
pub(crate) struct Lister {
    listing: Listing,
    now: Timestamp,
    /// What is listed now, and its path.
    current: Option<(VirtualPath, Box<dyn Entries>)>,
    /// The one entry, when no directory is listed.
    single: Option<Entry>,
    filter: Option<Vec<u8>>,
    pending: Vec<VirtualPath>,
    heading: Option<VirtualPath>,
    top: VirtualPath,
}

impl Lister {
    /// Finds out what `path` means: a directory, a file, or a pattern in a directory.
    ///
    /// # Errors
    /// When there is nothing of that name.
    pub(crate) async fn open(
        tree: &dyn Vfs,
        path: &VirtualPath,
        listing: Listing,
    ) -> std::result::Result<Lister, Failure> {
        let mut lister = Lister {
            now: now(),
            current: None,
            single: None,
            filter: None,
            pending: Vec::new(),
            heading: None,
            top: path.clone(),
            listing,
        };
        match tree.describe(path, true).await {
            Ok(entry) if entry.is_directory() && !lister.options().directory => {
                lister.current = Some((path.clone(), tree.list(path).await.map_err(failure)?));
            }
            Ok(_) if matches!(lister.listing, Listing::Facts(_)) => return Err(Failure::NotListable),
            Ok(entry) => lister.single = Some(entry),
            // A pattern may be longer than a name can be.
            Err(Error::NotFound | Error::BadName) if pattern::is_pattern(path.name()) => {
                let directory = path.parent();
                lister.filter = Some(path.name().to_vec());
                lister.current = Some((directory.clone(), tree.list(&directory).await.map_err(failure)?));
                lister.top = directory;
            }
            // A link that leads nowhere is listed as what it is.
            Err(error) => lister.single = Some(tree.describe(path, false).await.map_err(|_| failure(error))?),
        }
        Ok(lister)
    }

    /// True when it lists a directory.
    pub(crate) fn is_directory(&self) -> bool {
        self.current.is_some()
    }

    fn options(&self) -> Options {
        match &self.listing {
            Listing::Long(options) | Listing::Names { options, .. } => *options,
            Listing::Facts(_) => Options::default(),
        }
    }

    /// The next lines, each with CRLF; none is the end.
    ///
    /// # Errors
    /// When the directory cannot be read any more.
    pub(crate) async fn next_text(&mut self, tree: &dyn Vfs) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        if let Some(entry) = self.single.take() {
            self.write_single(&entry, &mut text);
            return Ok(text);
        }
        loop {
            let Some((path, entries)) = &mut self.current else { return Ok(text) };
            let mut batch = entries.next_batch().await?;
            if batch.is_empty() {
                self.current = None;
                self.next_directory(tree).await;
                continue;
            }
            let directory = path.clone();
            text.reserve(batch.len() * LINE);
            if let Some(heading) = self.heading.take() {
                text.extend_from_slice(b"\r\n");
                write_name(heading.as_bytes(), &mut text);
                text.extend_from_slice(b":\r\n");
            }
            if let Some(filter) = &self.filter {
                batch.retain(|entry| pattern::matches(filter, &entry.name));
            }
            self.options().sort(&mut batch);
            for entry in &batch {
                self.write(entry, &directory, &mut text);
            }
            if self.options().recursive {
                let children = batch.iter().filter(|entry| entry.is_directory());
                let room = PENDING_MAX.saturating_sub(self.pending.len());
                self.pending.extend(children.filter_map(|entry| directory.child(&entry.name)).take(room));
            }
            if !text.is_empty() {
                return Ok(text);
            }
        }
    }

    /// Goes on to the next directory of a recursive listing. One that cannot be opened is passed over.
    async fn next_directory(&mut self, tree: &dyn Vfs) {
        while let Some(path) = self.pending.pop() {
            if let Ok(entries) = tree.list(&path).await {
                self.heading = Some(path.clone());
                self.current = Some((path, entries));
                return;
            }
        }
    }

    fn write_single(&self, entry: &Entry, text: &mut Vec<u8>) {
        match &self.listing {
            Listing::Names { prefix, options } if !options.long => {
                let given: &[u8] = match prefix.strip_suffix(b"/") {
                    None => b".",
                    Some(b"") => b"/",
                    Some(name) => name,
                };
                write_name(given, text);
                text.extend_from_slice(b"\r\n");
            }
            Listing::Long(_) | Listing::Names { .. } | Listing::Facts(_) => {
                self.write(entry, &self.top.parent(), text);
            }
        }
    }

    fn write(&self, entry: &Entry, directory: &VirtualPath, text: &mut Vec<u8>) {
        match &self.listing {
            Listing::Facts(facts) => {
                // A name that would end its line cannot be written, nor be asked for.
                if entry.name.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
                    return;
                }
                write_facts(entry, *facts, text);
                text.extend_from_slice(&entry.name);
            }
            Listing::Names { options, prefix } if !options.long => {
                write_name(prefix, text);
                self.write_below_top(directory, text);
                write_name(&entry.name, text);
            }
            Listing::Long(_) | Listing::Names { .. } => {
                write_long(entry, &entry.name, self.options().form, self.now, text);
            }
        }
        text.extend_from_slice(b"\r\n");
    }

    /// The way from the listed directory down to where a recursive listing is.
    fn write_below_top(&self, directory: &VirtualPath, text: &mut Vec<u8>) {
        for component in directory.components().skip(self.top.components().count()) {
            write_name(component, text);
            text.push(b'/');
        }
    }
}

fn now() -> Timestamp {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs());
    Timestamp::from_unix(i64::try_from(seconds).unwrap_or(0), 0)
}
