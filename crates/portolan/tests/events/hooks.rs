//! Hooks hear of each event at least once, whatever becomes of the server, of them, or of the way between.

use crate::{FOLDERS, serve, serve_in, upload};
use portolan_testkit::launch::{PATIENCE, Served, free_ports, isolate, must_run};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// A program that takes an event if there is a file `open`, and says so in a file `taken`.
const PROGRAM: &str = "#!/bin/sh\n[ -e FOLDER/open ] || exit 3\ncat >> FOLDER/taken\n";

fn hooked(to: &str) -> String {
    format!("{FOLDERS}[[hook]]\nname = \"it\"\non = [\"upload\", \"login-failed\"]\n{to}\n")
}

/// The events that were taken, once there are as many.
fn taken(folder: &Path, count: usize) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let text = fs::read_to_string(folder.join("taken")).unwrap_or_default();
        let all: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        if all.len() >= count {
            return all;
        }
        assert!(begun.elapsed() < PATIENCE, "{text}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn portolan(served: &Served, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.args(arguments).arg("-c").arg(served.folder.path().join("portolan.toml")).output().unwrap()
}

/// Changes the journal.
fn change(served: &Served, statement: &str) {
    let script = "import sqlite3,sys; c=sqlite3.connect(sys.argv[1],30); c.execute(sys.argv[2]); c.commit()";
    let journal = served.folder.path().join("state/events.db");
    must_run(Command::new("python3").args(["-c", script]).arg(journal).arg(statement));
}

#[test]
fn a_program_hears_of_what_it_wants_and_of_nothing_else() {
    let served =
        serve(&hooked("command = [\"/bin/sh\", \"FOLDER/program\"]"), &[("program", PROGRAM), ("open", "")]);
    let mut talk = served.talk();
    talk.ask("USER $(touch owned)");
    talk.ask("PASS `touch owned`");
    talk.log_in();
    upload(&mut talk, "a;touch owned", b"some");
    assert_eq!(talk.retrieve("a;touch owned"), b"some");
    let all = taken(served.folder.path(), 2);
    let find = |kind: &str| all.iter().find(|event| event["event"] == kind).unwrap();
    assert_eq!(find("login-failed")["user"], "$(touch owned)");
    let event = find("upload");
    assert_eq!(
        (&event["path"], &event["bytes"], &event["user"]),
        (&"/a;touch owned".into(), &4.into(), &"anonymous".into())
    );
    assert!(event["time"].as_str().unwrap().ends_with('Z') && event["id"].as_str().unwrap().len() == 32);
    assert!(event["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!(all.len(), 2);
    assert!(!fs::exists("owned").unwrap());
}

#[test]
fn what_was_answered_is_told_though_the_server_is_killed() {
    let text = hooked("command = [\"/bin/sh\", \"FOLDER/program\"]");
    let mut served = serve(&text, &[("program", PROGRAM)]);
    let mut talk = served.talk_logged_in();
    for number in 0..10 {
        upload(&mut talk, &format!("f{number}"), b"some");
    }
    must_run(Command::new("kill").args(["-9", &served.pid().to_string()]));
    assert!(!served.wait());
    let waiting = String::from_utf8(portolan(&served, &["hook", "waiting", "--json"]).stdout).unwrap();
    assert_eq!(waiting.lines().count(), 10, "{waiting}");
    assert!(waiting.contains(r#""path":"/f9""#) && waiting.contains(r#""hook":"it""#), "{waiting}");
    let folder = std::mem::replace(&mut served.folder, tempfile::tempdir().unwrap());
    fs::write(folder.path().join("open"), "").unwrap();
    // What was being told at that moment is told again when it is sure that nobody is at it.
    let served = serve_in(folder, &text);
    change(&served, "UPDATE portolan_events SET due = 0");
    let all = taken(served.folder.path(), 10);
    for number in 0..10 {
        assert!(all.iter().any(|event| event["path"] == format!("/f{number}")), "{number}");
    }
}

/// A web service that is kept in a file, like the program above.
const SERVICE: &str = r#"
import http.server, os, sys
class Service(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        good = os.path.exists("FOLDER/open") and self.headers["authorization"] == "Bearer word"
        if good:
            open("FOLDER/taken", "ab").write(body + b"\n")
        self.send_response(204 if good else 500)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Service).serve_forever()
"#;

struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_web_service_is_told_again_until_it_takes_it() {
    isolate();
    let port = free_ports(1);
    let to = format!("url = \"http://127.0.0.1:{port}/told\"\nauthorization = \"Bearer word\"");
    let served = serve(&hooked(&to), &[("service.py", SERVICE)]);
    let mut talk = served.talk_logged_in();
    upload(&mut talk, "early", b"some");
    assert!(served.wait_for_log("a hook was not told").contains("no answer"));
    let mut command = Command::new("python3");
    command.arg(served.folder.path().join("service.py")).arg(port.to_string());
    let _service = Service(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    while !served.wait_for_log("a hook was not told").contains("500") {}
    fs::write(served.folder.path().join("open"), "").unwrap();
    assert_eq!(taken(served.folder.path(), 1)[0]["path"], "/early");
    upload(&mut talk, "late", b"some");
    assert_eq!(taken(served.folder.path(), 2)[1]["path"], "/late");
    assert!(portolan(&served, &["hook", "waiting"]).stdout.is_empty());
}

#[test]
fn what_cannot_be_told_is_kept_for_somebody_to_look_at() {
    let served = serve(&hooked("command = [\"/bin/sh\", \"FOLDER/program\"]"), &[("program", PROGRAM)]);
    let mut talk = served.talk_logged_in();
    upload(&mut talk, "a", b"some");
    served.wait_for_log("a hook was not told");
    // The last try, without the hour that it takes to come to it.
    change(&served, "UPDATE portolan_events SET attempts = 11, due = 0");
    served.wait_for_log("a hook could not be told");
    let dead = String::from_utf8(portolan(&served, &["hook", "dead"]).stdout).unwrap();
    assert!(dead.contains("tried 12 times") && dead.contains("exit status: 3"), "{dead}");
    fs::write(served.folder.path().join("open"), "").unwrap();
    assert_eq!(portolan(&served, &["hook", "retry"]).stdout, b"1 are tried again\n");
    assert_eq!(taken(served.folder.path(), 1)[0]["path"], "/a");
    assert_eq!(portolan(&served, &["hook", "retry", "7"]).status.code(), Some(1));
    assert_eq!(portolan(&served, &["hook", "drop", "7"]).status.code(), Some(1));
}
