//! How data travels.

use crate::serve;
use portolan_testkit::launch::{Served, free_ports, isolate};
use std::fs;
use std::io::{Read, Write};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[test]
fn a_plain_file_goes_by_sendfile() {
    isolate();
    let folder = tempfile::tempdir().unwrap();
    let (root, trace) = (folder.path().join("root"), folder.path().join("trace"));
    fs::create_dir(&root).unwrap();
    // What is smaller is sent from memory, in one call with the end of the connection.
    fs::write(root.join("small"), vec![1; 65_537]).unwrap();
    fs::write(root.join("large"), vec![1; 32 << 20]).unwrap();
    let port = free_ports(1);
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-e", "trace=sendfile", "-o"]).arg(&trace);
    command
        .arg(env!("CARGO_BIN_EXE_portolan"))
        .arg("serve")
        .arg(&root)
        .args(["--listen", &format!("127.0.0.1:{port}")]);
    let served = Served::launch(command, folder, port);
    let mut talk = served.talk_logged_in();
    talk.ask("TYPE I");
    for (name, size) in [("small", 65_537), ("large", 32 << 20)] {
        assert_eq!(talk.retrieve(name).len(), size);
    }
    talk.ask("TYPE A");
    assert_eq!(talk.retrieve("small").len(), 65_537);
    talk.ask("QUIT");
    let trace = fs::read_to_string(trace).unwrap();
    let sent = |line: &str| line.rsplit_once("= ").and_then(|(_, result)| result.trim().parse::<u64>().ok());
    let total: u64 = trace.lines().filter_map(sent).sum();
    assert_eq!(total, 65_537 + (32 << 20), "all bytes of both, and none of the text:\n{trace}");
}

#[test]
fn the_226_does_not_wait_for_the_client_to_close() {
    let served = serve(&[]);
    fs::write(served.root().join("a"), "hello").unwrap();
    let mut talk = served.talk_logged_in();
    let mut data = talk.open_data("RETR a");
    assert!(talk.reply().starts_with("226"));
    let mut text = String::new();
    data.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
}

#[test]
fn a_slow_client_does_not_hold_up_others() {
    let served = serve(&[]);
    fs::write(served.root().join("large"), vec![1; 64 << 20]).unwrap();
    fs::write(served.root().join("small"), "x").unwrap();
    let mut slow = Vec::new();
    for number in 0..60 {
        let mut talk = served.talk_logged_in();
        talk.ask("TYPE I");
        let command = if number % 2 == 0 { "RETR large".to_owned() } else { format!("STOR up{number}") };
        let data = talk.open_data(&command);
        slow.push((talk, data));
    }
    let mut quick = served.talk_logged_in();
    quick.ask("TYPE I");
    for _ in 0..20 {
        assert_eq!(quick.retrieve("small"), b"x");
    }
    assert_eq!(quick.retrieve("large").len(), 64 << 20);
}

#[test]
fn who_trickles_does_not_hold_up_others() {
    let served = serve(&[]);
    fs::write(served.root().join("large"), vec![1; 64 << 20]).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let tricklers: Vec<_> = (0..60)
        .map(|number| {
            let (mut talk, done) = (served.talk_logged_in(), Arc::clone(&done));
            talk.ask("TYPE I");
            let mut data = talk.open_data(&format!("STOR up{number}"));
            // So fast that nobody ever waits for it for long, and so little that it is not worth it.
            std::thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    data.write_all(b"x").unwrap();
                    std::thread::sleep(Duration::from_millis(4));
                }
                drop(data);
                assert!(talk.reply().starts_with("226"));
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    let (begun, mut quick) = (Instant::now(), served.talk_logged_in());
    quick.ask("TYPE I");
    assert_eq!(quick.retrieve("large").len(), 64 << 20);
    // Were all turns theirs, it would wait half a second for each of sixty-four.
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
    done.store(true, Ordering::Relaxed);
    tricklers.into_iter().for_each(|trickler| trickler.join().unwrap());
}

#[test]
fn who_pauses_gets_and_gives_everything() {
    // Longer than anybody waits in place, and then so fast that it is worth it again.
    const PAUSE: Duration = Duration::from_millis(30);
    let served = serve(&[]);
    let content: Vec<u8> = (0..48_u32 << 20).map(|number| (number % 251) as u8).collect();
    fs::write(served.root().join("large"), &content).unwrap();
    let mut talk = served.talk_logged_in();
    talk.ask("TYPE I");
    let mut data = talk.open_data("RETR large");
    let mut down = vec![0; content.len()];
    for (number, piece) in down.chunks_mut(1 << 20).enumerate() {
        if number < 40 {
            std::thread::sleep(PAUSE);
        }
        data.read_exact(piece).unwrap();
    }
    assert_eq!(data.read(&mut [0]).unwrap(), 0);
    assert!(talk.reply().starts_with("226"));
    assert!(down == content);
    let mut data = talk.open_data("STOR up");
    for (number, piece) in content.chunks(1 << 20).enumerate() {
        if number < 40 {
            std::thread::sleep(PAUSE);
        }
        data.write_all(piece).unwrap();
    }
    drop(data);
    assert!(talk.reply().starts_with("226"));
    assert!(fs::read(served.root().join("up")).unwrap() == content);
}

#[test]
fn a_data_connection_that_the_client_cuts_is_426_and_the_session_lives_on() {
    let served = serve(&[]);
    fs::write(served.root().join("large"), vec![1; 64 << 20]).unwrap();
    let mut talk = served.talk_logged_in();
    talk.ask("TYPE I");
    let data = talk.open_data("RETR large");
    socket2::SockRef::from(&data).set_linger(Some(Duration::ZERO)).unwrap();
    drop(data);
    assert!(talk.reply().starts_with("426"));
    assert_eq!(talk.retrieve("large").len(), 64 << 20);
}

#[test]
fn a_folder_of_many_entries_is_listed_whole() {
    let served = serve(&[]);
    for number in 0..5_000 {
        fs::write(served.root().join(format!("file {number}")), "").unwrap();
    }
    let mut talk = served.talk_logged_in();
    for command in ["LIST", "NLST", "MLSD"] {
        let mut data = talk.open_data(command);
        let mut text = String::new();
        data.read_to_string(&mut text).unwrap();
        assert!(talk.reply().starts_with("226"));
        assert_eq!(text.matches("\r\n").count(), 5_000, "{command}");
        assert!(text.contains("file 4999\r\n"));
    }
}
