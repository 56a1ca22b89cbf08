//! What all clients find: a server, a tree, large files, names that are hard to say.

use portolan_testkit::launch::{Served, must_run};
use std::fs::{self, File};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

/// More than what fits into 32 bits.
pub(crate) const LARGE: u64 = (5 << 30) + 4711;

/// How much of a large file is left to be resumed.
pub(crate) const REST: u64 = 100_000;

/// A server, and a folder for the client.
pub(crate) struct Scene {
    pub(crate) served: Served,
    pub(crate) home: TempDir,
}

impl Scene {
    pub(crate) fn new() -> Scene {
        Scene::of(&[])
    }

    /// One with a server of these arguments.
    pub(crate) fn of(arguments: &[&str]) -> Scene {
        Scene {
            served: Served::start(env!("CARGO_BIN_EXE_portolan"), arguments),
            home: tempfile::tempdir().unwrap(),
        }
    }

    /// A file of the server.
    pub(crate) fn remote(&self, name: &str) -> PathBuf {
        self.served.root().join(name)
    }

    /// A file of the client.
    pub(crate) fn local(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The port as text.
    pub(crate) fn port(&self) -> String {
        self.served.port.to_string()
    }

    /// A command that runs in the client's folder, with that as its home.
    pub(crate) fn client(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.home.path()).env("HOME", self.home.path()).env("LC_ALL", "C.UTF-8");
        command
    }

    /// Both files must hold the same.
    pub(crate) fn must_be_same(&self, remote: &str, local: &str) {
        must_be_same(&self.remote(remote), &self.local(local));
    }

    /// Puts the real tree on the server, as `doc`.
    pub(crate) fn put_tree(&self) {
        must_run(Command::new("cp").arg("-a").arg(tree()).arg(self.remote("doc")));
    }
}

/// Both files must hold the same.
pub(crate) fn must_be_same(left: &Path, right: &Path) {
    must_run(Command::new("cmp").arg(left).arg(right));
}

/// Text without carriage returns, some thousand lines of it.
pub(crate) fn text() -> Vec<u8> {
    (0..5000).flat_map(|line| format!("line {line}\n").into_bytes()).collect()
}

/// Bytes of all kinds, some megabytes.
pub(crate) fn bytes() -> Vec<u8> {
    (0..3_000_001u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).skip(1).collect()
}

/// Makes a large file with nothing but its ends in it.
pub(crate) fn make_large(path: &Path) {
    let file = File::create(path).unwrap();
    file.write_all_at(b"beginning", 0).unwrap();
    let end: Vec<u8> = (0..2 * REST).map(|number| (number % 251) as u8).collect();
    file.write_all_at(&end, LARGE - 2 * REST).unwrap();
}

/// Makes a large file that breaks off before its end.
pub(crate) fn make_large_part(path: &Path) {
    make_large(path);
    File::options().write(true).open(path).unwrap().set_len(LARGE - REST).unwrap();
}

/// The file must be the large one. Its hole is not read, since that takes long.
pub(crate) fn must_be_large(path: &Path) {
    let file = File::open(path).unwrap();
    assert_eq!(file.metadata().unwrap().len(), LARGE);
    let mut end = vec![0; 2 * REST as usize];
    file.read_exact_at(&mut end, LARGE - 2 * REST).unwrap();
    assert!(end.iter().zip(0..).all(|(byte, number): (&u8, u64)| *byte == (number % 251) as u8));
    let mut beginning = [0; 9];
    file.read_exact_at(&mut beginning, 0).unwrap();
    assert_eq!(&beginning, b"beginning");
}

/// The machine's own documentation as a tree of plain files and folders: links are left out, since
/// most clients cannot make them.
pub(crate) fn tree() -> &'static Path {
    static TREE: OnceLock<TempDir> = OnceLock::new();
    let folder = TREE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        must_run(Command::new("cp").args(["-r", "--no-dereference", "/usr/share/doc"]).arg(folder.path()));
        let tree = folder.path().join("doc");
        must_run(Command::new("find").arg(&tree).args(["-type", "l", "-delete"]));
        must_run(Command::new("chmod").args(["-R", "u+rwX"]).arg(&tree));
        folder
    });
    Box::leak(folder.path().join("doc").into_boxed_path())
}

/// Names that are hard to say, as bytes.
pub(crate) fn hard_names() -> Vec<Vec<u8>> {
    [
        &b"two  spaces"[..],
        b" leading space",
        b"trailing space ",
        b"-rf",
        b"--help",
        b"double\"quote",
        b"single'quote",
        b"back\\slash",
        b"percent%41",
        b"hash#semi;colon&and",
        b"star*question?[bracket]",
        "ümlaut 日本 \u{1f600}".as_bytes(),
        b"latin-\xe4\xf6\xfc",
        b"byte-\xff-255",
        b".dot",
        b"...",
    ]
    .iter()
    .map(|name| name.to_vec())
    .collect()
}

/// The file of that name in a folder.
pub(crate) fn named(folder: &Path, name: &[u8]) -> PathBuf {
    folder.join(std::ffi::OsString::from_vec(name.to_vec()))
}

/// Puts a file of each hard name into a folder; it holds its own name.
pub(crate) fn put_hard_names(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for name in hard_names() {
        fs::write(named(folder, &name), &name).unwrap();
    }
}

/// A file of each hard name must be in the folder, and hold its own name.
pub(crate) fn must_have_hard_names(folder: &Path) {
    for name in hard_names() {
        let content =
            fs::read(named(folder, &name)).unwrap_or_else(|error| panic!("{}: {error}", name.escape_ascii()));
        assert_eq!(content, name);
    }
}

/// Takes out the names that are no UTF-8, for clients that cannot say names of two charsets.
pub(crate) fn remove_other_charsets(folder: &Path) {
    for name in hard_names() {
        if std::str::from_utf8(&name).is_err() {
            fs::remove_file(named(folder, &name)).unwrap();
        }
    }
}
