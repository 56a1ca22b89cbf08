//! Who is told what happens: the log, the transfer log, the metrics, hooks.
#![allow(clippy::unwrap_used)]

mod hooks;
mod log;
mod metrics;

use portolan_testkit::launch::{Served, Talk};
use std::fs;
use std::io::Write;
use tempfile::TempDir;

const FOLDERS: &str = r#"
state = "state"
[anonymous]
root = "root"
write = true
"#;

/// A server with a configuration file of this text, and files of these.
fn serve(text: &str, files: &[(&str, &str)]) -> Served {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("root")).unwrap();
    for (name, content) in files {
        let content = content.replace("FOLDER", &folder.path().display().to_string());
        fs::write(folder.path().join(name), content).unwrap();
    }
    serve_in(folder, text)
}

/// The same in a folder that is there.
fn serve_in(folder: TempDir, text: &str) -> Served {
    let text = text.replace("FOLDER", &folder.path().display().to_string());
    Served::configured(env!("CARGO_BIN_EXE_portolan"), folder, &format!("listen = [\"LISTEN\"]\n{text}"))
}

/// Uploads a file.
fn upload(talk: &mut Talk, name: &str, bytes: &[u8]) {
    talk.ask("TYPE I");
    let mut data = talk.open_data(&format!("STOR {name}"));
    data.write_all(bytes).unwrap();
    drop(data);
    assert!(talk.reply().starts_with("226"));
}
