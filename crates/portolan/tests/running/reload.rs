//! Another configuration.

use crate::{portolan, refused, rewrite, serve, signal};
use std::fs;
use std::io::{Read, Write};

const FOLDERS: &str = r#"
welcome = "first"
[anonymous]
root = "root"
write = true
"#;

#[test]
fn what_has_changed_counts_for_sessions_that_there_are() {
    let served = serve(FOLDERS);
    let mut talk = served.talk_logged_in();
    drop(talk.open_data("STOR a"));
    assert!(talk.reply().starts_with("226"));
    rewrite(&served, "write = true", "");
    rewrite(&served, "first", "second");
    signal(served.pid(), "HUP");
    served.wait_for_log("the configuration is read again");
    // The session hears of it a moment later.
    while !talk.ask("DELE nothing").starts_with("550 This account may not") {}
    talk.epsv();
    assert!(talk.ask("STOR b").starts_with("550 This account may not"));
    let mut new = portolan_testkit::launch::Talk::new(
        portolan_testkit::launch::connect(talk.stream().peer_addr().unwrap(), None).unwrap(),
    );
    assert!(new.reply().contains("second"));
}

#[test]
fn a_file_that_is_wrong_leaves_everything_as_it_was() {
    let served = serve(FOLDERS);
    let mut talk = served.talk_logged_in();
    rewrite(&served, "welcome", "wellcome");
    let line = served.wait_for_log("the configuration stays as it was");
    assert!(line.contains("the configuration is wrong"), "{line}");
    served.wait_for_log("portolan.toml:4:1: unknown field `wellcome`");
    drop(talk.open_data("STOR a"));
    assert!(talk.reply().starts_with("226"));
    served.talk_logged_in();
}

#[test]
fn it_is_said_what_counts_after_a_new_start_only() {
    let served = serve(FOLDERS);
    rewrite(&served, "passive-ports", "keep-alive = 30\npassive-ports");
    let said = portolan(&served, &["reload"]);
    assert_eq!(
        said.trim(),
        "read again; what has changed of these counts after `portolan restart`: keep-alive"
    );
    rewrite(&served, "keep-alive = 30", "");
    assert_eq!(portolan(&served, &["reload"]).trim(), "read again");
    rewrite(&served, "[anonymous]", "[[host]]\nnames = [\"b.example\"]\n[anonymous]");
    assert!(refused(&served, &["reload"]).contains("the virtual hosts are others than before"));
}

#[test]
fn who_is_removed_from_the_store_is_out_and_what_they_send_too() {
    let served = serve("state = \"state\"\n[anonymous]\nroot = \"root\"");
    let folder = served.folder.path();
    fs::write(folder.join("secret"), "secret\n").unwrap();
    fs::create_dir(folder.join("home")).unwrap();
    let (secret, home) = (folder.join("secret"), folder.join("home"));
    let (secret, home) = (secret.to_str().unwrap(), home.to_str().unwrap());
    let add = ["user", "add", "anna", "--password-file", secret, "--folder", home, "--rights", "full"];
    portolan(&served, &add);
    let mut others = served.talk_logged_in();
    let mut talk = served.talk();
    talk.ask("USER anna");
    assert!(talk.ask("PASS secret").starts_with("230"));
    // The first time, the server cannot tell a change from what was there.
    served.wait_for_log("accounts have changed");
    portolan(&served, &["user", "set", "anna", "--mount", &format!("/={home}:read-only")]);
    served.wait_for_log("accounts have changed");
    while !talk.ask("MKD a").starts_with("550") {
        talk.ask("RMD a");
    }
    portolan(&served, &["user", "set", "anna", "--mount", &format!("/={home}:full")]);
    served.wait_for_log("accounts have changed");
    while !talk.ask("MKD b").starts_with("257") {}
    let mut data = talk.open_data("STOR large");
    data.write_all(b"some").unwrap();
    portolan(&served, &["user", "set", "anna", "enabled=false"]);
    assert!(talk.reply().starts_with("426"));
    assert!(talk.reply().starts_with("421 This account may not be used any more"));
    assert_eq!(talk.reply(), "");
    assert_eq!(data.read(&mut [0; 10]).map_or(0, |count| count), 0);
    assert!(others.ask("NOOP").starts_with("200"), "nobody else is concerned");
}

#[test]
fn a_speed_that_has_changed_counts_for_a_transfer_that_runs() {
    let served = serve("[anonymous]\nroot = \"root\"\nspeed-down = \"10 KB/s\"");
    fs::write(served.root().join("large"), vec![7; 4 << 20]).unwrap();
    let mut talk = served.talk_logged_in();
    talk.ask("TYPE I");
    let mut data = talk.open_data("RETR large");
    data.read_exact(&mut [0; 1000]).unwrap();
    rewrite(&served, "10 KB/s", "unlimited");
    portolan(&served, &["reload"]);
    let mut rest = Vec::new();
    // At the old speed it would take seven minutes, and nobody waits for so long.
    data.read_to_end(&mut rest).unwrap();
    assert_eq!(rest.len(), (4 << 20) - 1000);
    assert!(talk.reply().starts_with("226"));
}
