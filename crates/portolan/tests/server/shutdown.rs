//! How the program ends.

use crate::serve;
use std::fs;
use std::io::{Read, Write};

#[test]
fn a_signal_ends_idle_sessions_with_421_and_lets_transfers_finish() {
    for signal in ["TERM", "INT"] {
        let mut served = serve(&[]);
        fs::write(served.root().join("large"), vec![7; 64 << 20]).unwrap();
        let mut idle = served.talk_logged_in();
        let mut new = served.talk();
        let mut busy = served.talk_logged_in();
        busy.ask("TYPE I");
        let mut data = busy.open_data("RETR large");
        data.read_exact(&mut [0; 1000]).unwrap();
        let pid = served.pid().to_string();
        assert!(std::process::Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        assert!(idle.reply().starts_with("421"));
        assert_eq!(idle.reply(), "");
        assert!(new.reply().starts_with("421"));
        let mut rest = Vec::new();
        data.read_to_end(&mut rest).unwrap();
        assert_eq!(rest.len(), (64 << 20) - 1000);
        assert!(busy.reply().starts_with("226"));
        assert!(busy.reply().starts_with("421"));
        assert!(served.wait(), "the exit code is 0");
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut served = serve(&[]);
    let mut busy = served.talk_logged_in();
    busy.ask("TYPE I");
    let mut data = busy.open_data("STOR up");
    data.write_all(b"x").unwrap();
    let pid = served.pid().to_string();
    let kill =
        || assert!(std::process::Command::new("kill").args(["-s", "INT", &pid]).status().unwrap().success());
    kill();
    served.wait_for_log("stopping");
    kill();
    assert!(!served.wait(), "the exit code tells of it");
}
