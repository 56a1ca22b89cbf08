//! Users and groups in the store, by the command line.

use crate::{SECRET, lftp, log_in};
use portolan_testkit::launch::Served;
use portolan_testkit::postgres::Postgres;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

/// The program with these arguments and this configuration, where no other state is.
fn portolan(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.args(arguments).arg("-c").arg(folder.join("portolan.toml"));
    command.env_remove("STATE_DIRECTORY").env("XDG_STATE_HOME", folder).output().unwrap()
}

pub(crate) fn must(folder: &Path, arguments: &[&str]) -> String {
    let output = portolan(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = portolan(folder, arguments);
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// The same commands, wherever the store is.
fn by_command_line(more: &str) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    for name in ["public", "home"] {
        fs::create_dir(at(name)).unwrap();
    }
    fs::write(at("public/news"), "news").unwrap();
    let text = format!("listen = [\"LISTEN\"]\nstate = \"state\"\n{more}");
    fs::write(at("portolan.toml"), text.replace("LISTEN", "127.0.0.1:2121")).unwrap();
    fs::write(at("secret"), "secret\n").unwrap();
    fs::write(at("other"), "other\n").unwrap();
    let run = |arguments: &[&str]| must(folder.path(), arguments);
    let secret = at("secret");

    run(&[
        "group",
        "add",
        "staff",
        "--mount",
        &format!("/public={}:read-only", at("public")),
        "--set",
        "sessions=5",
    ]);
    let home = at("home/{user}");
    run(&[
        "user",
        "add",
        "anna",
        "--group",
        "staff",
        "--folder",
        &home,
        "--rights",
        "full",
        "--password-file",
        &secret,
    ]);
    let again =
        refused(folder.path(), &["user", "add", "anna", "--folder", &home, "--password-file", &secret]);
    assert!(again.contains("there is a user `anna` already"), "{again}");
    for (arguments, said) in [
        (&["user", "add", "otto", "--password-file", &secret][..], "would see no folder"),
        (&["user", "add", "otto", "--group", "nobody", "--password-file", &secret], "no group `nobody`"),
        (&["user", "add", "otto", "--folder", "/nowhere", "--password-file", &secret], "is no directory"),
        (
            &["user", "add", "otto", "--folder", &at(""), "--password-file", &secret],
            "has secrets of the server",
        ),
        (&["user", "set", "anna", "speed=1"], "`speed` is no setting"),
        (&["user", "set", "anna", "speed-up=fast"], "is no speed"),
        (&["user", "set", "otto", "fxp=true"], "there is no user `otto`"),
        (&["user", "remove", "otto"], "there is no user `otto`"),
    ] {
        let complaint = refused(folder.path(), arguments);
        assert!(complaint.contains(said), "{arguments:?}: {complaint}");
    }
    run(&["user", "set", "anna", "transfers=3", "--set", "fxp=true"]);
    let shown = run(&["user", "show", "anna", "--effective"]);
    for words in
        [["transfers", "3", "own"], ["sessions", "5", "group staff"], ["speed-up", "unlimited", "default"]]
    {
        let line = shown.lines().find(|line| line.split_whitespace().next() == Some(words[0])).unwrap();
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
    }
    assert_eq!(run(&["user", "list", "--json"]).trim(), r#"{"groups":["staff"],"name":"anna"}"#);
    let said = portolan(folder.path(), &["user", "can", "anna", "STOR", "/public/x"]);
    assert_eq!(said.status.code(), Some(1));

    let served = Served::configured(env!("CARGO_BIN_EXE_portolan"), folder, &text);
    let folder = served.folder.path();
    let said = lftp(&served, "anna", "cat /public/news; mkdir /own; cls -1 /");
    assert!(said.contains("news") && said.contains("own/"), "{said}");

    // What is changed counts from the next login on.
    must(folder, &["user", "passwd", "anna", "--password-file", &folder.join("other").display().to_string()]);
    let mut talk = served.talk();
    assert!(log_in(&mut talk, "anna").starts_with("530"));
    talk.ask("USER anna");
    assert!(talk.ask("PASS other").starts_with("230"));
    must(folder, &["user", "set", "anna", "enabled=false"]);
    let mut talk = served.talk();
    talk.ask("USER anna");
    assert!(talk.ask("PASS other").starts_with("530"));
    must(folder, &["user", "remove", "anna"]);
    assert_eq!(must(folder, &["user", "list"]), "");
    served
}

#[test]
fn users_are_kept_in_a_file() {
    let served = by_command_line("");
    let file = served.folder.path().join("state/accounts.db");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn users_are_kept_in_postgresql() {
    let postgres = Postgres::start();
    let served = by_command_line(&format!("accounts = \"{}\"\n", postgres.url()));
    assert!(!served.folder.path().join("state/accounts.db").exists());
}

#[test]
fn who_is_in_the_file_comes_before_who_is_in_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let written = format!("[[user]]\nname = \"anna\"\npassword = \"{}\"\nroot = \".\"\n", *SECRET);
    fs::write(folder.path().join("portolan.toml"), written).unwrap();
    fs::write(folder.path().join("secret"), "secret").unwrap();
    let secret = folder.path().join("secret").display().to_string();
    let complaint =
        refused(folder.path(), &["user", "add", "anna", "--folder", "/tmp", "--password-file", &secret]);
    assert!(complaint.contains("is in the configuration file"), "{complaint}");
}

#[test]
fn users_of_another_server_are_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    for name in ["anna", "otto"] {
        fs::create_dir(at(name)).unwrap();
    }
    fs::write(at("portolan.toml"), "listen = [\"127.0.0.1:2121\"]\nstate = \"state\"\n").unwrap();
    let md5 = "$1$saltsalt$9xy1btjgzLYfb7hivXtC//";
    let users = format!(
        "anna:{md5}:1:1::{}:/bin/false\notto:{md5}:1:1::{}:/bin/false\nempty::1:1::/:/x\nlost:{md5}:1:1::/nowhere:/x\n",
        at("anna"),
        at("otto")
    );
    fs::write(at("ftpd.passwd"), users).unwrap();
    fs::write(at("ftpd.group"), "staff:x:1:otto\n").unwrap();
    must(folder.path(), &["group", "add", "staff", "--set", "sessions=5"]);
    let arguments =
        ["user", "import", "proftpd", &at("ftpd.passwd"), "--groups", &at("ftpd.group"), "--rights", "full"];

    let tried = portolan(folder.path(), &[&arguments[..], &["--dry-run"]].concat());
    assert!(String::from_utf8_lossy(&tried.stderr).contains("2 taken over, 2 left out (not really)"));
    assert_eq!(must(folder.path(), &["user", "list"]), "");

    let done = portolan(folder.path(), &arguments);
    let (said, complaints) =
        (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
    assert_eq!(done.status.code(), Some(1));
    assert!(said.starts_with("anna: the hash of the password is weak"), "{said}");
    assert!(
        complaints.contains("line 3: the password of empty") && complaints.contains("lost: /nowhere"),
        "{complaints}"
    );
    assert_eq!(
        must(folder.path(), &["user", "list", "--json"]).lines().last().unwrap(),
        r#"{"groups":["staff"],"name":"otto"}"#
    );

    let text = "listen = [\"LISTEN\"]\nstate = \"state\"\n";
    let served = Served::configured(env!("CARGO_BIN_EXE_portolan"), folder, text);
    let said = lftp(&served, "anna", "mkdir /own; cls -1 /");
    assert!(said.contains("own/"), "{said}");
    served.wait_for_log("the password is hashed anew");
}
