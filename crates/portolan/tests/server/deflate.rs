//! MODE Z as no honest client speaks it.

use crate::serve;
use portolan_testkit::launch::{Served, Talk, must_run};
use std::fs;
use std::io::Write;
use std::process::Command;

/// What Python's zlib makes of this expression.
fn python(expression: &str) -> Vec<u8> {
    let script = format!("import sys, zlib; sys.stdout.buffer.write({expression})");
    must_run(Command::new("python3").args(["-c", &script]))
}

fn talk(served: &Served) -> Talk {
    let mut talk = served.talk_logged_in();
    talk.ask("TYPE I");
    assert!(talk.ask("MODE Z").starts_with("200"));
    talk
}

/// The reply to an upload of these bytes as they are.
fn upload(talk: &mut Talk, bytes: &[u8]) -> String {
    let mut data = talk.open_data("STOR up");
    // The server may have had enough before the end.
    let _ = data.write_all(bytes);
    drop(data);
    talk.reply()
}

#[test]
fn t42_bombs_rubbish_and_parts_leave_the_old_file_as_it_was() {
    let served = serve(&[]);
    fs::write(served.root().join("up"), "old").unwrap();
    let mut talk = talk(&served);
    let whole = python("zlib.compress(b'new' * 100000)");
    let before = served.memory();
    let bomb = python("zlib.compress(bytes(1 << 30))");
    assert!(upload(&mut talk, &bomb).starts_with("552 So little data should not become so much"));
    assert!(served.memory() - before < 60 << 10, "{} KiB", served.memory() - before);
    for bytes in [&whole[..whole.len() - 1], &whole[..10], b"", b"no zlib", &[&whole[..], b"more"].concat()] {
        assert!(upload(&mut talk, bytes).starts_with("426"), "{}", bytes.escape_ascii());
        assert_eq!(fs::read(served.root().join("up")).unwrap(), b"old");
    }
    {
        let mut data = talk.open_data("STOR up");
        data.write_all(&whole[..20]).unwrap();
        talk.send(b"ABOR\r\n");
        assert!(talk.reply().starts_with("426"));
        assert!(talk.reply().starts_with("226"));
    }
    assert_eq!(fs::read(served.root().join("up")).unwrap(), b"old");
    assert!(upload(&mut talk, &whole).starts_with("226"));
    assert_eq!(fs::read(served.root().join("up")).unwrap(), b"new".repeat(100_000));
}

#[test]
fn a_download_begins_where_it_is_told_to() {
    let served = serve(&[]);
    fs::write(served.root().join("down"), b"0123456789".repeat(100_000)).unwrap();
    let mut talk = talk(&served);
    assert!(talk.ask("REST 999995").starts_with("350"));
    assert_eq!(talk.retrieve("down"), python("zlib.compress(b'56789', 6)"));
}
