//! Uploads: whole or not there, and never mixed.

use crate::serve;
use portolan_testkit::launch::{Served, Talk, free_ports, isolate};
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

fn start(served: &Served, line: &str) -> (Talk, TcpStream) {
    let mut talk = served.talk_logged_in();
    talk.ask("TYPE I");
    let data = talk.open_data(line);
    (talk, data)
}

/// Breaks the connection, so that nothing of it looks like an end.
fn cut(data: TcpStream) {
    socket2::SockRef::from(&data).set_linger(Some(Duration::ZERO)).unwrap();
    drop(data);
}

/// Waits until the server has received that much of a running upload.
fn wait_for(talk: &mut Talk, bytes: usize) {
    while !talk.ask("STAT").contains(&format!("{bytes} bytes so far")) {}
}

#[test]
fn a_failed_overwrite_leaves_the_old_file_whole() {
    let served = serve(&[]);
    let path = served.root().join("a");
    fs::write(&path, "old content").unwrap();
    let (mut talk, mut data) = start(&served, "STOR a");
    data.write_all(b"new").unwrap();
    wait_for(&mut talk, 3);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old content");
    cut(data);
    assert!(talk.reply().starts_with("426"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "old content");
    assert_eq!(fs::read_dir(served.root()).unwrap().count(), 1, "nothing else is left");
}

#[test]
fn what_arrived_of_a_new_file_is_kept_and_can_be_resumed() {
    let served = serve(&[]);
    let path = served.root().join("a");
    let (mut talk, mut data) = start(&served, "STOR a");
    data.write_all(b"first half, ").unwrap();
    wait_for(&mut talk, 12);
    assert!(!path.exists());
    cut(data);
    assert!(talk.reply().starts_with("426"));
    assert_eq!(talk.ask("SIZE a"), "213 12\r\n");
    assert!(talk.ask("REST 12").starts_with("350"));
    let mut data = talk.open_data("STOR a");
    data.write_all(b"second half").unwrap();
    drop(data);
    assert!(talk.reply().starts_with("226"));
    assert_eq!(fs::read_to_string(path).unwrap(), "first half, second half");
}

#[test]
fn a_control_connection_that_dies_keeps_what_arrived() {
    let served = serve(&[]);
    let (mut talk, mut data) = start(&served, "STOR a");
    data.write_all(b"half").unwrap();
    wait_for(&mut talk, 4);
    socket2::SockRef::from(talk.stream()).set_linger(Some(Duration::ZERO)).unwrap();
    drop(talk);
    while !served.root().join("a").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(fs::read_to_string(served.root().join("a")).unwrap(), "half");
}

#[test]
fn two_uploads_to_one_name_cannot_interleave() {
    let served = serve(&[]);
    let path = served.root().join("a");
    let (mut one, mut data_of_one) = start(&served, "STOR a");
    let (mut two, mut data_of_two) = start(&served, "STOR a");
    for _ in 0..100 {
        data_of_one.write_all(&[b'1'; 1000]).unwrap();
        data_of_two.write_all(&[b'2'; 500]).unwrap();
    }
    drop(data_of_two);
    assert!(two.reply().starts_with("226"));
    assert_eq!(fs::read(&path).unwrap(), vec![b'2'; 50_000]);
    drop(data_of_one);
    assert!(one.reply().starts_with("226"));
    assert_eq!(fs::read(&path).unwrap(), vec![b'1'; 100_000]);
    let (mut appending, data) = start(&served, "APPE a");
    two.epsv();
    assert!(two.ask("APPE a").starts_with("450"));
    assert!(two.ask("STOR a").starts_with("450"));
    drop(data);
    assert!(appending.reply().starts_with("226"));
}

#[test]
fn a_full_disk_is_452_and_leaves_the_old_file_whole() {
    isolate();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    let port = free_ports(1);
    let mut command = Command::new("unshare");
    // The small disk is seen by the server only, and goes with it.
    let script = "mount -t tmpfs -o size=1m tmpfs \"$1\" && printf old > \"$1/a\" && exec \"$2\" serve --write \"$1\" --listen \"$3\"";
    command.args(["--mount", "sh", "-c", script, "sh"]).arg(&root).arg(env!("CARGO_BIN_EXE_portolan"));
    command.arg(format!("127.0.0.1:{port}"));
    let served = Served::launch(command, folder, port);
    for verb in ["STOR a", "STOR new", "APPE other"] {
        let (mut talk, mut data) = start(&served, verb);
        // The server closes when the disk is full, so not all of it may go through.
        let _ = data.write_all(&vec![1; 4 << 20]);
        drop(data);
        let reply = talk.reply();
        assert!(reply.starts_with("452"), "{verb}: {reply}");
        assert_eq!(talk.retrieve("a"), b"old");
        if verb != "STOR a" {
            let name = verb.split(' ').nth(1).unwrap();
            assert!(talk.ask(&format!("DELE {name}")).starts_with("250"), "what arrived is kept");
        }
    }
}

#[test]
fn an_overwritten_file_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let served = serve(&[]);
    let path = served.root().join("a");
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let (mut talk, mut data) = start(&served, "STOR a");
    data.write_all(b"new").unwrap();
    drop(data);
    assert!(talk.reply().starts_with("226"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_client_that_is_killed_does_not_replace_a_whole_file_by_a_part() {
    let served = serve(&[]);
    let path = served.root().join("a");
    for _ in 0..50 {
        fs::write(&path, "old content").unwrap();
        let (mut talk, mut data) = start(&served, "STOR a");
        data.write_all(b"new").unwrap();
        wait_for(&mut talk, 3);
        // The system closes what a killed program had open, in the order it was opened.
        talk.stream().shutdown(std::net::Shutdown::Write).unwrap();
        drop(data);
        assert!(talk.reply().starts_with("426"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old content");
    }
}

#[test]
fn a_file_cannot_be_combined_with_itself() {
    let served = serve(&[]);
    fs::write(served.root().join("a"), "text").unwrap();
    std::os::unix::fs::symlink("a", served.root().join("link")).unwrap();
    let mut talk = served.talk_logged_in();
    assert!(talk.ask("COMB a link").starts_with("550"));
    assert_eq!(fs::read_to_string(served.root().join("a")).unwrap(), "text");
}
