//! The files that are moved, in memory.

mod folder;
mod same;

use crate::link;
pub(crate) use folder::Folder;
use rand::Rng;
pub(crate) use same::must_be_in;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// One mebibyte.
pub(crate) const MIB: u64 = 1 << 20;

/// Small files: how many there are, and their size.
pub(crate) const SMALL: (usize, usize) = (5_000, 4 << 10);

/// Entries of the long folder.
pub(crate) const ENTRIES: usize = 100_000;

/// A folder that servers serve, and what they need beside it.
#[derive(Debug)]
pub(crate) struct Files {
    folder: PathBuf,
}

impl Files {
    /// Makes them. They are gone with the namespace that they are in.
    pub(crate) fn new() -> io::Result<Files> {
        let folder = PathBuf::from("/run/bench");
        let root = folder.join("above/root");
        fs::create_dir_all(&root)?;
        for path in [&folder, &folder.join("above")] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        }
        for name in ["small", "up", "long"] {
            fs::create_dir(root.join(name))?;
        }
        let mut noise = vec![0; MIB as usize];
        rand::rng().fill_bytes(&mut noise);
        write(&root.join("2G"), &noise, 2 << 10)?;
        write(&root.join("1G"), &noise, 1 << 10)?;
        write(&root.join("10M"), &noise, 10)?;
        for number in 0..SMALL.0 {
            fs::write(root.join("small").join(small(number)), &noise[..SMALL.1])?;
        }
        for number in 0..ENTRIES {
            File::create(root.join("long").join(format!("entry-{number:06}.txt")))?;
        }
        for path in [root.clone(), root.join("up")] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o777))?;
        }
        certificate(&folder)?;
        Ok(Files { folder })
    }

    /// What is served.
    pub(crate) fn root(&self) -> PathBuf {
        self.above().join("root")
    }

    /// The folder above it: some servers let nobody write to what they show as `/`.
    pub(crate) fn above(&self) -> PathBuf {
        self.folder.join("above")
    }

    /// A new folder for what a server needs itself.
    pub(crate) fn scratch(&self) -> io::Result<PathBuf> {
        let scratch = tempfile::Builder::new().prefix("server-").tempdir_in(&self.folder)?.keep();
        fs::set_permissions(&scratch, fs::Permissions::from_mode(0o755))?;
        Ok(scratch)
    }

    /// The certificate chain, and the key: ECDSA on P-256.
    pub(crate) fn certificate(&self) -> (PathBuf, PathBuf) {
        (self.folder.join("cert.pem"), self.folder.join("key.pem"))
    }

    /// Has the system take memory for an upload of `size` bytes, and give it back. Where this machine is a guest, its
    /// host gives it memory when it is first touched, and takes back what was free for some seconds; whoever happens
    /// to touch it first would be charged for that.
    pub(crate) fn warm(&self, size: u64) -> io::Result<()> {
        let path = self.folder.join("warm");
        write(&path, &vec![1; MIB as usize], (size / MIB) as usize)?;
        fs::remove_file(path)
    }

    /// Where uploads go.
    pub(crate) fn uploads(&self) -> PathBuf {
        self.root().join("up")
    }

    /// Takes away what was uploaded.
    pub(crate) fn clear(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.uploads())? {
            let entry = entry?;
            // Clients make folders where nobody expects them.
            match entry.file_type()?.is_dir() {
                true => fs::remove_dir_all(entry.path())?,
                false => fs::remove_file(entry.path())?,
            }
        }
        Ok(())
    }

    /// A folder of a client; it is gone when this is dropped.
    pub(crate) fn of_client(&self) -> io::Result<TempDir> {
        tempfile::Builder::new().prefix("client-").tempdir_in(&self.folder)
    }
}

/// The name of a small file.
pub(crate) fn small(number: usize) -> String {
    format!("file-{number:05}.bin")
}

fn write(path: &Path, piece: &[u8], count: usize) -> io::Result<()> {
    let mut file = File::create(path)?;
    (0..count).try_for_each(|_| file.write_all(piece))
}

fn certificate(folder: &Path) -> io::Result<()> {
    let names = ["localhost", &Ipv4Addr::LOCALHOST.to_string(), &link::NEAR.to_string()];
    let certified = rcgen::generate_simple_self_signed(names.map(str::to_owned)).map_err(io::Error::other)?;
    fs::write(folder.join("cert.pem"), certified.cert.pem())?;
    fs::write(folder.join("key.pem"), certified.signing_key.serialize_pem())
}
