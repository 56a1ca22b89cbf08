//! Folders that users see, and what they may do in them.

use crate::{lftp, log_in, prepared, serve};
use std::fs;
use std::process::Command;

const STAFF: &str = r#"
[[group]]
name = "staff"
tls = "offer"
[[group.mount]]
at = "/public"
folder = "public"
rights = "read-only"
[[group.mount]]
at = "/drop"
folder = "drop"
rights = "upload-only"

[[user]]
name = "anna"
password = "SECRET"
groups = ["staff"]
root = "home/{user}"
write = true

[[user]]
name = "otto"
password = "SECRET"
groups = ["staff"]
fxp = true
"#;

#[test]
fn users_see_their_own_folder_and_those_of_their_groups() {
    let served = serve(&["home", "public/sub", "drop"], STAFF);
    let folder = served.folder.path();
    fs::write(folder.join("public/sub/news"), "news").unwrap();
    fs::write(folder.join("local"), "mine").unwrap();
    let put = |place: &str| format!("put -O {place} {}", folder.join("local").display());

    let said = lftp(&served, "anna", &format!("{}; cls -1 /; cat /public/sub/news", put("/")));
    for line in ["local\n", "public/\n", "drop/\n", "news"] {
        assert!(said.contains(line), "{line:?}: {said}");
    }
    assert_eq!(fs::read(folder.join("home/anna/local")).unwrap(), b"mine");

    let refused = lftp(&served, "anna", &put("/public"));
    assert!(refused.contains("may not write files"), "{refused}");
    assert!(!folder.join("public/local").exists());

    let dropped = lftp(&served, "anna", &format!("{}; cls /drop; cat /drop/local", put("/drop")));
    assert_eq!(fs::read(folder.join("drop/local")).unwrap(), b"mine");
    assert!(dropped.contains("may not see what is") && dropped.contains("may not read files"), "{dropped}");

    // Otto has no folder of his own: the root only leads to those of his group.
    let said = lftp(&served, "otto", &format!("cls -1 /; {}; mkdir /new", put("/")));
    assert!(said.contains("public/\n") && said.contains("drop/\n") && !said.contains("local\n"), "{said}");
    assert!(said.contains("may not write files") && said.contains("may not make directories"), "{said}");
}

#[test]
fn what_is_mounted_covers_what_lies_beneath_and_cannot_be_moved() {
    let served = serve(&["home/anna/public", "public", "drop"], STAFF);
    let folder = served.folder.path();
    fs::write(folder.join("home/anna/public/hidden"), "x").unwrap();
    fs::write(folder.join("public/shown"), "x").unwrap();
    let mut talk = served.talk();
    assert!(log_in(&mut talk, "anna").starts_with("230"));
    talk.ask("TYPE I");
    assert!(talk.ask("SIZE /public/shown").starts_with("213"));
    assert!(talk.ask("SIZE /public/hidden").starts_with("550"));
    for command in ["RMD /public", "RMDA /public", "DELE /drop"] {
        assert!(talk.ask(command).starts_with("550"), "{command}");
    }
    talk.ask("RNFR /public");
    assert!(talk.ask("RNTO /other").starts_with("550"));
    // From one mount to another there is no way but by copying.
    fs::write(folder.join("home/anna/a"), "x").unwrap();
    talk.ask("RNFR /a");
    assert!(talk.ask("RNTO /drop/a").starts_with("550 That cannot be moved there"));
    assert!(folder.join("home/anna/a").exists());
}

#[test]
fn the_fact_perm_says_what_may_be_done() {
    let served = serve(&["home/anna/own", "public", "drop"], STAFF);
    fs::write(served.folder.path().join("public/x"), "x").unwrap();
    let mut talk = served.talk();
    log_in(&mut talk, "anna");
    for (path, perm) in
        [("/own", "perm=cdeflmp;"), ("/public", "perm=el;"), ("/public/x", "perm=r;"), ("/drop", "perm=cem;")]
    {
        let reply = talk.ask(&format!("MLST {path}"));
        assert!(reply.contains(perm), "{path}: {reply}");
    }
}

#[test]
fn the_program_says_what_counts_and_which_rule_decides() {
    let (folder, text) = prepared(&["home", "public", "drop"], STAFF);
    let file = folder.path().join("portolan.toml");
    fs::write(&file, text.replace("LISTEN", "127.0.0.1:2121")).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
        let output = command.arg("user").args(arguments).arg("-c").arg(&file).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), output.status.code())
    };
    let (shown, _) = run(&["show", "anna", "--effective"]);
    for words in [
        &["/", "home/anna (full)", "own"][..],
        &["/public", "public (read-only)", "group staff"],
        &["tls", "offer", "group staff"],
        &["fxp", "false", "default"],
    ] {
        let line = shown.lines().find(|line| line.split_whitespace().next() == Some(words[0]));
        let line = line.unwrap_or_else(|| panic!("{words:?}: {shown}"));
        assert!(words.iter().all(|word| line.contains(word)), "{words:?}: {line}");
    }
    let (json, _) = run(&["show", "otto", "--json", "--effective"]);
    assert!(json.contains(r#""fxp":{"origin":"own","value":"true"}"#), "{json}");
    assert_eq!(run(&["can", "anna", "STOR", "/x"]).1, Some(0));
    let (said, code) = run(&["can", "anna", "STOR", "/public/x"]);
    assert!(
        code == Some(1)
            && said.contains(
                "no: STOR needs write in /public; the mount at /public (group staff) gives read-only"
            ),
        "{said}"
    );
    let (listed, _) = run(&["list"]);
    assert_eq!(listed.split_whitespace().collect::<Vec<_>>(), ["anna", "staff", "otto", "staff"]);
    assert_eq!(run(&["show", "nobody"]).1, Some(1));
}
