//! Quotas and ratios.

use crate::{lftp, log_in, serve};
use portolan_testkit::launch::{Served, Talk, must_run};
use std::fs;
use std::io::Write;
use std::process::Command;

const PEOPLE: &str = r#"
state = "state"

[[group]]
name = "staff"
quota-bytes = "100 KB"
quota-files = 5
mount = [
    { at = "/", folder = "home/{user}", rights = "full" },
    { at = "/all", folder = "all", rights = "full" },
]

[[user]]
name = "anna"
password = "SECRET"
groups = ["staff"]

[[user]]
name = "otto"
password = "SECRET"
groups = ["staff"]

[[user]]
name = "nora"
password = "SECRET"
quota-bytes = "100 KB"
mount = [
    { at = "/", folder = "nest", rights = "full" },
    { at = "/inner", folder = "nest/inner", rights = "full" },
]

[[user]]
name = "rita"
password = "SECRET"
root = "root"
write = true
ratio = "1:3"
"#;

/// The reply to an upload.
fn upload(talk: &mut Talk, line: &str, bytes: usize) -> String {
    let mut data = talk.open_data(line);
    // The server may have had enough before the end.
    let _ = data.write_all(&vec![7; bytes]);
    drop(data);
    talk.reply()
}

/// Kills the server without a warning, and starts it anew.
fn killed(mut served: Served) -> Served {
    must_run(Command::new("kill").args(["-9", &served.pid().to_string()]));
    served.wait();
    let text = fs::read_to_string(served.folder.path().join("portolan.toml")).unwrap();
    let folder = std::mem::replace(&mut served.folder, tempfile::tempdir().unwrap());
    let text = text.lines().filter(|line| !line.starts_with("listen") && !line.starts_with("passive-ports"));
    let text = text.fold("listen = [\"LISTEN\"]\n".to_owned(), |text, line| text + line + "\n");
    Served::configured(env!("CARGO_BIN_EXE_portolan"), folder, &text)
}

fn used(talk: &mut Talk) -> String {
    let said = talk.ask("SITE QUOTA");
    said.lines().filter(|line| line.starts_with(' ')).map(str::trim).collect::<Vec<_>>().join("; ")
}

fn talk(served: &Served, user: &str) -> Talk {
    let mut talk = served.talk();
    assert!(log_in(&mut talk, user).starts_with("230"));
    talk.ask("TYPE I");
    talk
}

#[test]
fn t22_a_quota_is_for_ones_own_folders_and_is_exact() {
    let served = serve(&["all", "home", "root", "nest/inner"], PEOPLE);
    let mut anna = talk(&served, "anna");
    assert_eq!(used(&mut anna), "Bytes: 0 of 100000; Files: 0 of 5");
    assert!(upload(&mut anna, "STOR a", 60_000).starts_with("226"));
    assert!(upload(&mut anna, "STOR b", 40_001).starts_with("552 The quota of this account is used up"));
    assert!(anna.ask("DELE b").starts_with("250") || anna.ask("SIZE b").starts_with("550"));
    assert!(upload(&mut anna, "STOR b", 40_000).starts_with("226"));
    assert_eq!(used(&mut anna), "Bytes: 100000 of 100000; Files: 2 of 5");
    assert!(anna.ask("AVBL").starts_with("213 0"));
    for line in ["APPE a", "STOU"] {
        assert!(upload(&mut anna, line, 1).starts_with("552"), "{line}");
    }
    assert!(anna.ask("REST 60000").starts_with("350"));
    assert!(upload(&mut anna, "STOR a", 1).starts_with("552"));
    // What is replaced makes room for what replaces it.
    assert!(upload(&mut anna, "STOR a", 60_000).starts_with("226"));
    assert!(upload(&mut anna, "STOR a", 60_001).starts_with("552"));
    assert!(anna.ask("SIZE a").starts_with("213 60000"));
    // What everybody has is nobody's; and others have theirs.
    assert!(upload(&mut anna, "STOR /all/large", 200_000).starts_with("226"));
    assert!(upload(&mut talk(&served, "otto"), "STOR mine", 100_000).starts_with("226"));
    assert!(anna.ask("DELE b").starts_with("250"));
    // An upload that is cut off counts with what came of it.
    {
        let mut other = talk(&served, "anna");
        let mut data = other.open_data("STOR c");
        data.write_all(&[7; 10_000]).unwrap();
        while !used(&mut anna).starts_with("Bytes: 70000") {}
        other.send(b"ABOR\r\n");
        assert!(other.reply().starts_with("426"));
        assert!(other.reply().starts_with("226"));
        assert!(other.ask("SIZE c").starts_with("213 10000"));
    }
    assert_eq!(used(&mut anna), "Bytes: 70000 of 100000; Files: 2 of 5");
    for name in ["d", "e", "f"] {
        assert!(upload(&mut anna, &format!("STOR {name}"), 0).starts_with("226"));
    }
    anna.epsv();
    assert!(anna.ask("STOR g").starts_with("552"), "a sixth file");
    anna.ask("RNFR a");
    assert!(anna.ask("RNTO d").starts_with("250"));
    assert_eq!(used(&mut anna), "Bytes: 70000 of 100000; Files: 4 of 5");
}

#[test]
fn t22_a_folder_in_another_counts_with_that() {
    let served = serve(&["all", "home", "root", "nest/inner"], PEOPLE);
    let mut nora = talk(&served, "nora");
    assert!(upload(&mut nora, "STOR /inner/a", 60_000).starts_with("226"));
    assert!(upload(&mut nora, "STOR /inner/b", 40_001).starts_with("552"));
    assert!(upload(&mut nora, "STOR /b", 40_001).starts_with("552"));
    nora.ask("DELE /b");
    nora.ask("DELE /inner/b");
    assert_eq!(used(&mut nora), "Bytes: 60000 of 100000");
    assert!(upload(&mut nora, "STOR /b", 40_000).starts_with("226"));
    assert!(upload(&mut nora, "APPE /inner/a", 1).starts_with("552"));
}

#[test]
fn t22_many_uploads_at_once_never_have_more_together() {
    let served = serve(&["all", "home", "root", "nest/inner"], PEOPLE);
    let home = tempfile::tempdir().unwrap();
    for number in 0..20 {
        fs::write(home.path().join(format!("f{number}")), vec![7; 30_000]).unwrap();
    }
    let commands = format!("mirror -R -P 8 {} /", home.path().display());
    lftp(&served, "anna", &format!("set net:reconnect-interval-base 1; {commands}"));
    let there = served.folder.path().join("home/anna");
    let sizes: Vec<u64> =
        fs::read_dir(&there).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).collect();
    let total: u64 = sizes.iter().sum();
    assert!(sizes.len() <= 5 && (60_000..=100_000).contains(&total), "{sizes:?}");
    assert_eq!(
        used(&mut talk(&served, "anna")),
        format!("Bytes: {total} of 100000; Files: {} of 5", sizes.len())
    );
}

#[test]
fn who_uploads_may_download_in_proportion() {
    let served = serve(&["all", "home", "root", "nest/inner"], PEOPLE);
    fs::write(served.root().join("large"), vec![7; 300_000]).unwrap();
    let mut rita = talk(&served, "rita");
    rita.epsv();
    assert!(rita.ask("RETR large").starts_with("550 This account has to upload more"));
    assert!(upload(&mut rita, "STOR up", 100_000).starts_with("226"));
    // What was sent for nothing is no upload.
    {
        let mut data = rita.open_data("STOR broken");
        data.write_all(&[7; 50_000]).unwrap();
        rita.send(b"ABOR\r\n");
        assert!(rita.reply().starts_with("426"));
        assert!(rita.reply().starts_with("226"));
    }
    assert!(rita.ask("MODE B").starts_with("200"));
    let mut data = rita.open_data("STOR empty");
    data.write_all(&[0; 30_000]).unwrap();
    data.write_all(&[64, 0, 0]).unwrap();
    drop(data);
    assert!(rita.reply().starts_with("250"));
    assert!(rita.ask("MODE S").starts_with("200"));
    assert_eq!(used(&mut rita), "Uploaded: 100000 bytes; downloaded: 0; 300000 more may be downloaded");
    // Two at once do not get more than one would.
    let mut first = rita.open_data("RETR large");
    let mut other = talk(&served, "rita");
    other.epsv();
    assert!(other.ask("RETR up").starts_with("550"));
    std::io::Read::read_to_end(&mut first, &mut Vec::new()).unwrap();
    assert!(rita.reply().starts_with("226"));
    assert_eq!(used(&mut other), "Uploaded: 100000 bytes; downloaded: 300000; 0 more may be downloaded");
    // It is kept, whatever becomes of the server.
    let served = killed(served);
    let mut rita = talk(&served, "rita");
    rita.epsv();
    assert!(rita.ask("RETR up").starts_with("550"));
    assert!(upload(&mut rita, "STOR more", 50_000).starts_with("226"));
    assert_eq!(rita.retrieve("up").len(), 100_000);
}

#[test]
fn killed_in_the_middle_of_twenty_uploads_it_leaves_nothing_half_done() {
    let served = serve(
        &["all", "home", "root", "nest/inner"],
        &PEOPLE.replace("100 KB", "10 MB").replace("quota-files = 5", "quota-files = 50"),
    );
    let mut anna = talk(&served, "anna");
    let old = vec![1; 50_000];
    for number in 0..10 {
        let mut data = anna.open_data(&format!("STOR f{number}"));
        data.write_all(&old).unwrap();
        drop(data);
        assert!(anna.reply().starts_with("226"));
    }
    // Ten that replace a file, and ten that are new; they are well under way, and none of them is at its end.
    let mut uploads = Vec::new();
    for number in 0..20 {
        let mut one = talk(&served, "anna");
        let mut data = one.open_data(&format!("STOR f{number}"));
        data.write_all(&[2; 100_000]).unwrap();
        uploads.push((one, data));
    }
    while !used(&mut anna).starts_with("Bytes: 2500000 of") {}
    let served = killed(served);
    drop(uploads);
    let mut anna = talk(&served, "anna");
    let there = served.folder.path().join("home/anna");
    for number in 0..20 {
        let file = fs::read(there.join(format!("f{number}")));
        if number < 10 {
            assert_eq!(file.unwrap(), old, "{number}");
        } else {
            assert!(file.is_err(), "{number}: an upload that nobody has heard the end of");
        }
    }
    assert_eq!(used(&mut anna), "Bytes: 500000 of 10000000; Files: 10 of 50");
    // What was left of the uploads has gone as soon as somebody looked into the folder.
    let left = || {
        let names =
            fs::read_dir(&there).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with('.')).count()
    };
    assert_eq!(left(), 0);
}
