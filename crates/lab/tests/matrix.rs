//! The lab itself: a network passes what it should, and is gone afterwards.
#![allow(clippy::unwrap_used)]

use std::process::Command;

#[test]
fn a_network_is_built_used_and_gone() {
    let before = Command::new("ip").args(["netns", "list"]).output().unwrap().stdout;
    let mut lab = Command::new(env!("CARGO_BIN_EXE_portolan-lab"));
    let output = lab.args(["matrix", "--only", "open -> open"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    // The program under test lies beside it when the whole workspace is tested.
    if text.contains("portolan is not there") {
        return;
    }
    assert!(
        text.ends_with("6 of 6 cells as they should be\n"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(Command::new("ip").args(["netns", "list"]).output().unwrap().stdout, before);
}
