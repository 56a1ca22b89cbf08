//! The machine knows no I/O, no clock and no runtime: what it depends on shows it.
#![allow(clippy::unwrap_used)]

use std::process::Command;

#[test]
fn it_depends_on_the_wire_alone() {
    let mut tree = Command::new(env!("CARGO"));
    tree.args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
    let output = tree.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let names: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"portolan-wire"));
    for forbidden in
        ["tokio", "rustix", "socket2", "rustls", "portolan-vfs", "portolan-net", "portolan-server"]
    {
        assert!(!names.contains(&forbidden), "{forbidden} is among {names:?}");
    }
}

#[test]
fn it_asks_no_clock() {
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for clock in ["Instant::now", "SystemTime", ".elapsed()"] {
                assert!(!text.contains(clock), "{} asks {clock}", path.display());
            }
        }
    }
}
