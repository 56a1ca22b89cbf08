//! What was written last, kept over restarts.

use super::Record;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

/// What is known of a record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Known {
    pub(super) v4: Option<Ipv4Addr>,
    pub(super) v6: Option<Ipv6Addr>,
    /// When that was written, in seconds of Unix.
    pub(super) written: u64,
    /// Nothing may be written before this time.
    pub(super) not_before: u64,
    /// Nothing may be written until the settings change: why.
    pub(super) stopped: Option<String>,
}

/// How it is kept.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    /// A fingerprint of the settings that it is about.
    settings: String,
    #[serde(flatten)]
    known: Known,
}

/// Where it is kept.
#[derive(Debug)]
pub(super) struct Memory {
    file: Option<PathBuf>,
    settings: String,
}

impl Memory {
    /// That of a record, in this folder; without one, nothing is kept.
    pub(super) fn new(folder: Option<&Path>, record: &Record) -> Memory {
        let settings = fingerprint(record);
        let file = folder.map(|folder| folder.join(format!("{}.json", record.name)));
        Memory { file, settings }
    }

    /// What to say of where it is kept.
    pub(super) fn place(&self) -> String {
        self.file.as_ref().map_or_else(String::new, |file| format!(", or when {} is removed", file.display()))
    }

    /// What is known: nothing, where the settings have changed.
    pub(super) fn load(&self) -> Known {
        let text = self.file.as_ref().and_then(|file| std::fs::read(file).ok()).unwrap_or_default();
        let kept: Kept = serde_json::from_slice(&text).unwrap_or_default();
        if kept.settings == self.settings { kept.known } else { Known::default() }
    }

    pub(super) fn store(&self, known: &Known) {
        if let Err(error) = self.try_store(known) {
            tracing::warn!(%error, "the state of dynamic DNS cannot be kept");
        }
    }

    fn try_store(&self, known: &Known) -> io::Result<()> {
        let Some((file, folder)) = self.file.as_ref().and_then(|file| Some((file, file.parent()?))) else {
            return Ok(());
        };
        std::fs::create_dir_all(folder)?;
        let kept = Kept { settings: self.settings.clone(), known: known.clone() };
        let mut whole = tempfile::NamedTempFile::new_in(folder)?;
        whole.write_all(&serde_json::to_vec(&kept)?)?;
        whole.persist(file)?;
        Ok(())
    }
}

/// Of all settings, the secret ones too: whoever mends a password wants another try.
fn fingerprint(record: &Record) -> String {
    struct Bytes(Sha256);
    impl Hasher for Bytes {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut bytes = Bytes(Sha256::new());
    record.hash(&mut bytes);
    bytes.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
