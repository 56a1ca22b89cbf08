//! The log and the transfer log.

use crate::{FOLDERS, serve, upload};
use std::fs;

/// What would end a line, a word, a string, or begin a colour.
const HOSTILE: &str = "a b\u{1b}[31m\"}\u{b}c'\u{85}d";

#[test]
fn t37_nothing_from_a_client_makes_a_line_of_its_own() {
    for format in ["text", "json"] {
        let more = format!("[log]\nformat = \"{format}\"\ntransfers = \"FOLDER/transfers\"\n");
        let served = serve(&format!("{FOLDERS}{more}"), &[]);
        let mut talk = served.talk();
        talk.ask(&format!("USER {HOSTILE}"));
        talk.ask("PASS wrong");
        talk.log_in();
        upload(&mut talk, HOSTILE, b"some");
        talk.ask(&format!("RNFR {HOSTILE}"));
        talk.ask(&format!("RNTO {HOSTILE}2"));
        talk.ask(&format!("DELE {HOSTILE}2"));
        talk.ask("QUIT");
        let mut lines = Vec::new();
        while !lines.iter().any(|line: &String| line.contains("session ends")) {
            lines.extend(served.log());
        }
        for line in &lines {
            assert!(!line.contains(['\u{1b}', '\u{b}', '\u{85}']), "{line:?}");
            if format == "json" {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                assert!(line["timestamp"].is_string() && line["message"].is_string(), "{line}");
            } else {
                assert!(line.starts_with("20") && line.contains("Z "), "{line:?}");
            }
        }
        let end = lines.iter().find(|line| line.contains("session ends")).unwrap();
        assert!(end.contains("anonymous"), "{end}");
        for said in ["login denied", "received", "renamed", "deleted"] {
            assert_eq!(lines.iter().filter(|line| line.contains(said)).count(), 1, "{said}: {lines:#?}");
        }
        let transfers = served.folder.path().join("transfers");
        let line = loop {
            // It is written a moment later.
            match fs::read_to_string(&transfers) {
                Ok(text) if text.ends_with('\n') => break text,
                _ => {}
            }
        };
        let fields: Vec<&str> = line.split_whitespace().collect();
        assert_eq!((fields.len(), line.lines().count()), (18, 1), "{line}");
        assert_eq!(fields[6..9], ["127.0.0.1", "4", "/a_b_[31m\"}_c'_d"]);
        assert_eq!(fields[9..], ["b", "_", "i", "a", "anonymous", "ftp", "0", "*", "c"]);
    }
}

#[test]
fn no_password_is_ever_in_the_log() {
    let served = serve_verbosely();
    let mut talk = served.talk();
    talk.ask("USER anna");
    talk.ask("PASS wr0ngSecret!");
    talk.ask("USER anna");
    assert!(talk.ask("PASS r1ghtSecret!").starts_with("230"));
    talk.ask("PASS lateSecret!");
    talk.ask("ACCT acctSecret!");
    talk.ask("QUIT");
    let mut lines = Vec::new();
    while !lines.iter().any(|line: &String| line.contains("session ends")) {
        lines.extend(served.log());
    }
    assert!(lines.iter().any(|line| line.contains("TRACE") || line.contains("DEBUG")), "{lines:#?}");
    for line in lines {
        assert!(!line.contains("Secret") && !line.contains("$argon2"), "{line}");
    }
}

/// A server that says all that it can say.
fn serve_verbosely() -> portolan_testkit::launch::Served {
    use portolan_testkit::launch::{Served, free_ports, isolate};
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("root")).unwrap();
    fs::write(folder.path().join("secret"), "r1ghtSecret!\n").unwrap();
    isolate();
    let (port, text) = (free_ports(1), "state = \"state\"\n[anonymous]\nroot = \"root\"\n");
    let file = folder.path().join("portolan.toml");
    fs::write(&file, format!("listen = [\"127.0.0.1:{port}\"]\n{text}")).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.args(["user", "add", "anna", "--folder"]).arg(folder.path().join("root"));
    command.arg("--password-file").arg(folder.path().join("secret")).arg("-c").arg(&file);
    portolan_testkit::launch::must_run(&mut command);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.args(["serve", "-c"]).arg(file).env("PORTOLAN_LOG", "trace");
    Served::launch(command, folder, port)
}
