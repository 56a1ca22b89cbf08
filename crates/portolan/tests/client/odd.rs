//! Servers that do it otherwise, each a little program here: what the client makes of them.

use crate::scene::{PROGRAM, Scene, Which};
use portolan_testkit::launch::isolate;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;
use tempfile::TempDir;

/// One control connection, on the server's side.
pub(crate) struct Talk {
    control: TcpStream,
    passive: Option<TcpListener>,
    offset: usize,
}

impl Talk {
    /// Sends bytes as they are. Who is gone has what they want.
    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.control.write_all(bytes.as_ref());
    }

    /// The port of the other side, by which connections are told apart.
    pub(crate) fn peer(&self) -> u16 {
        self.control.peer_addr().unwrap().port()
    }

    /// Listens for a data connection: the port.
    fn listen(&mut self) -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        self.passive = Some(listener);
        port
    }

    pub(crate) fn data(&mut self) -> TcpStream {
        self.passive.take().unwrap().accept().unwrap().0
    }

    pub(crate) fn send(&mut self, content: &[u8]) {
        let offset = std::mem::take(&mut self.offset).min(content.len());
        let _ = self.data().write_all(&content[offset..]);
    }
}

const CONTENT: &[u8] = b"the content of the file";
const LISTING: &[u8] = b"-rw-r--r-- 1 a b 23 Jan  1  2020 file\r\n";

/// What most servers do.
fn usual(talk: &mut Talk, line: &str) {
    let verb = line.split(' ').next().unwrap();
    match verb {
        "AUTH" | "FEAT" => talk.say("502 no\r\n"),
        "USER" => talk.say("331 password\r\n"),
        "PASS" => talk.say("230 in\r\n"),
        "TYPE" | "NOOP" => talk.say("200 ok\r\n"),
        "PWD" => talk.say("257 \"/\"\r\n"),
        "CWD" => talk.say("250 ok\r\n"),
        "SIZE" => talk.say("213 23\r\n"),
        "MDTM" => talk.say("213 20200101000000\r\n"),
        "QUIT" => talk.say("221 bye\r\n"),
        "EPSV" => {
            let port = talk.listen();
            talk.say(format!("229 Entering (|||{port}|)\r\n"));
        }
        "PASV" => {
            let port = talk.listen();
            talk.say(format!("227 Entering (127,0,0,1,{},{})\r\n", port >> 8, port & 255));
        }
        "REST" => {
            talk.offset = line[5..].parse().unwrap();
            talk.say("350 from there\r\n");
        }
        "RETR" | "LIST" => {
            talk.say("150 here\r\n");
            talk.send(if verb == "RETR" { CONTENT } else { LISTING });
            talk.say("226 done\r\n");
        }
        _ => talk.say("502 no\r\n"),
    }
}

/// A server that does some things otherwise: those for which `odd` says true were done by it.
pub(crate) struct Odd {
    pub(crate) port: u16,
    pub(crate) folder: TempDir,
    pub(crate) lines: Arc<Mutex<Vec<String>>>,
}

/// How a program ended, and what it printed.
pub(crate) fn text_of(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

impl Odd {
    fn greeting(
        greeting: &'static [u8],
        odd: impl Fn(&mut Talk, &str) -> bool + Send + Sync + 'static,
    ) -> Odd {
        isolate();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (heard, odd) = (Arc::clone(&lines), Arc::new(odd));
        std::thread::spawn(move || {
            while let Ok((control, _)) = listener.accept() {
                let (heard, odd) = (Arc::clone(&heard), Arc::clone(&odd));
                std::thread::spawn(move || {
                    let reader = BufReader::new(control.try_clone().unwrap());
                    let mut talk = Talk { control, passive: None, offset: 0 };
                    talk.say(greeting);
                    for line in reader.split(b'\n') {
                        let Ok(line) = line else { return };
                        // Answers to Telnet come before a command.
                        let begin = line.iter().position(u8::is_ascii_uppercase).unwrap_or(0);
                        let line: String = line[begin..].iter().copied().map(char::from).collect();
                        let line = line.trim_end().to_owned();
                        heard.lock().unwrap().push(line.clone());
                        if !odd(&mut talk, &line) {
                            usual(&mut talk, &line);
                        }
                    }
                });
            }
        });
        Odd { port, folder: tempfile::tempdir().unwrap(), lines }
    }

    pub(crate) fn new(odd: impl Fn(&mut Talk, &str) -> bool + Send + Sync + 'static) -> Odd {
        Odd::greeting(b"220 hello\r\n", odd)
    }

    fn try_run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(PROGRAM);
        command
            .arg(arguments[0])
            .arg(format!("ftp://127.0.0.1:{}/{}", self.port, arguments[1]))
            .args(&arguments[2..]);
        command.env("XDG_STATE_HOME", self.folder.path().join("state")).env("HOME", self.folder.path());
        text_of(&command.stdin(Stdio::null()).current_dir(self.folder.path()).output().unwrap())
    }

    /// The file comes as it should.
    fn gets(&self, more: &[&str]) -> String {
        let (code, _, said) = self.try_run(&[&["get", "file", "-v"], more].concat());
        assert_eq!(code, 0, "{said}");
        assert_eq!(fs::read(self.folder.path().join("file")).unwrap(), CONTENT);
        fs::remove_file(self.folder.path().join("file")).unwrap();
        said
    }

    /// It does not, within its time; why.
    fn fails(&self, code: i32, more: &[&str]) -> String {
        let (got, _, said) = self.try_run(&[&["get", "file", "--retries", "0"], more].concat());
        assert_eq!(got, code, "{said}");
        assert!(!self.folder.path().join("file").exists());
        said
    }

    pub(super) fn heard(&self, verb: &str) -> usize {
        self.lines.lock().unwrap().iter().filter(|line| line.starts_with(verb)).count()
    }
}

#[test]
fn replies_in_pieces_with_bare_ends_codes_inside_and_garbage_before() {
    let odd = Odd::greeting(
        b"220-\xe9\xff\xfd\x01\x1b[2J banner\n220-230 not yet\n 220 nor now\n220 \xc3\n",
        |talk, line| {
            if line.starts_with("USER") {
                for byte in b"331-one\r\n230 two\r\n331\r\n" {
                    talk.say([*byte]);
                    sleep(Duration::from_millis(1));
                }
                return true;
            }
            if line.starts_with("PASS") {
                talk.say("230-a\n230-b\n230 c\n");
                return true;
            }
            false
        },
    );
    let said = odd.gets(&[]);
    assert!(!said.contains('\x1b'), "{said}");
}

#[test]
fn passive_replies_without_brackets_or_with_an_address_that_is_not_theirs() {
    for shape in ["227 Entering Passive Mode PLACE", "227 =PLACE", "227 ok (PLACE)"] {
        for address in ["127,0,0,1", "10,9,8,7", "0,0,0,0"] {
            let odd = Odd::new(move |talk, line| match line {
                "EPSV" => {
                    talk.say("500 what?\r\n");
                    true
                }
                "PASV" => {
                    let port = talk.listen();
                    let place = format!("{address},{},{}", port >> 8, port & 255);
                    talk.say(shape.replace("PLACE", &place) + "\r\n");
                    true
                }
                _ => false,
            });
            let said = odd.gets(&[]);
            assert!(said.contains("* EPSV: 500 what?"), "{said}");
            // And next time at once.
            odd.gets(&[]);
            assert_eq!(odd.heard("EPSV"), 1, "it is remembered");
        }
    }
}

#[test]
fn what_epsv_leads_to_is_dead_and_pasv_is_not() {
    let odd = Odd::new(|talk, line| {
        if line == "EPSV" {
            talk.listen();
            // Nobody listens there.
            talk.passive = None;
            talk.say("229 Entering (|||9|)\r\n");
        }
        line == "EPSV"
    });
    let said = odd.gets(&[]);
    assert!(said.contains("* EPSV: connecting to 127.0.0.1:9 failed"), "{said}");
}

#[test]
fn epsv_is_not_answered_at_all() {
    let odd = Odd::new(|_, line| line == "EPSV");
    // It is given up with its connection, and PASV is asked for on the next.
    let said = odd.gets(&["--timeout", "2"]);
    assert!(said.contains("PASV"), "{said}");
}

#[test]
fn transfers_that_begin_and_end_in_another_order() {
    // 125, and the data before it.
    let odd = Odd::new(|talk, line| {
        if !line.starts_with("RETR") {
            return false;
        }
        talk.send(CONTENT);
        sleep(Duration::from_millis(50));
        talk.say("125 already\r\n250 done\r\n");
        true
    });
    odd.gets(&[]);
    // 226 long before the data ends.
    let odd = Odd::new(|talk, line| {
        if !line.starts_with("RETR") {
            return false;
        }
        talk.say("150 go\r\n226 done\r\n");
        let mut data = talk.data();
        for part in CONTENT.chunks(5) {
            data.write_all(part).unwrap();
            sleep(Duration::from_millis(20));
        }
        true
    });
    odd.gets(&[]);
    // Neither 150 nor 125, ever.
    let odd = Odd::new(|talk, line| {
        if line.starts_with("RETR") {
            talk.send(CONTENT);
            talk.say("226 done\r\n");
        }
        line.starts_with("RETR")
    });
    odd.gets(&[]);
}

#[test]
fn a_refusal_ends_the_wait_for_data_at_once() {
    let odd = Odd::new(|talk, line| {
        if line.starts_with("RETR") {
            // The data connection stays open, and silent.
            let data = talk.data();
            talk.say("550 no such file\r\n");
            std::mem::forget(data);
        }
        line.starts_with("RETR")
    });
    let begun = std::time::Instant::now();
    let said = odd.fails(6, &[]);
    assert!(said.contains("550 no such file") && begun.elapsed() < Duration::from_secs(20), "{said}");
}

#[test]
fn the_last_word_never_comes() {
    let odd = Odd::new(|talk, line| {
        if line.starts_with("RETR") {
            talk.say("150 go\r\n");
            talk.send(CONTENT);
        }
        line.starts_with("RETR")
    });
    // All of it is here, by its size; but nobody said that this was all.
    let said = odd.fails(8, &["--timeout", "1"]);
    assert!(said.contains("no answer"), "{said}");
    // What is short is not whole, whatever is said.
    let odd = Odd::new(|talk, line| {
        if line.starts_with("RETR") {
            talk.say("150 go\r\n");
            talk.send(&CONTENT[..10]);
            talk.say("226 done\r\n");
        }
        line.starts_with("RETR")
    });
    let said = odd.fails(8, &[]);
    assert!(said.contains("10 bytes came of 23"), "{said}");
}

#[test]
fn size_mdtm_and_rest_are_not_known() {
    let odd = Odd::new(|talk, line| {
        let refused = ["SIZE", "MDTM", "REST"].iter().any(|verb| line.starts_with(verb));
        if refused {
            talk.say("502 no\r\n");
        }
        refused
    });
    odd.gets(&[]);
    fs::write(odd.folder.path().join(".file.portolan-part"), &CONTENT[..7]).unwrap();
    odd.gets(&[]);
}

#[test]
fn mlsd_is_offered_and_refused() {
    let odd = Odd::new(|talk, line| match line {
        "FEAT" => {
            talk.say("211-Features\r\n MLST type*;size*;\r\n211 End\r\n");
            true
        }
        "MLSD" => {
            talk.say("500 MLSD not understood\r\n");
            true
        }
        _ => false,
    });
    let (code, out, said) = odd.try_run(&["ls", ""]);
    assert_eq!((code, out.as_str()), (0, "file\n"), "{said}");
}

#[test]
fn what_does_not_end_is_given_up() {
    for place in ["USER", "FEAT"] {
        let odd = Odd::new(move |talk, line| {
            if line.starts_with(place) {
                talk.say("230-begin\r\n");
                for _ in 0..6000 {
                    talk.say([&[b'x'; 1022][..], b"\r\n"].concat());
                }
            }
            line.starts_with(place)
        });
        let said = odd.fails(4, &[]);
        assert!(said.contains("does not end"), "{said}");
    }
    for (greeting, wanted) in [
        (&b"SSH-2.0-OpenSSH_9.2\r\n"[..], "SSH"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP"),
        (&[b'x'; 70_000], "does not speak FTP"),
    ] {
        let odd = Odd::greeting(greeting, |_, _| false);
        let said = odd.fails(3, &[]);
        assert!(said.contains(wanted), "{said}");
    }
}

#[test]
fn names_in_listings_lead_nowhere_else_and_say_nothing_to_the_terminal() {
    let odd = Odd::new(|talk, line| {
        if line.starts_with("LIST") {
            talk.say("150 here\r\n");
            talk.send(
                b"-rw-r--r-- 1 a b 23 Jan  1  2020 ../escaped\r\n-rw-r--r-- 1 a b 23 Jan  1  2020 /tmp/escaped\r\n\
                  drwxr-xr-x 1 a b 23 Jan  1  2020 ../out\r\n-rw-r--r-- 1 a b 23 Jan  1  2020 \x1b[2Jred\r\n\
                  -rw-r--r-- 1 a b 23 Jan  1  2020 good\r\nrubbish that is no entry\r\n",
            );
            talk.say("226 done\r\n");
        }
        line.starts_with("LIST")
    });
    let (code, out, said) = odd.try_run(&["ls", ""]);
    assert!(code == 1 && said.contains("not wholly understood"), "{said}");
    assert!(!out.contains('\x1b') && out.contains("?[2Jred"), "{out}");
    fs::create_dir(odd.folder.path().join("here")).unwrap();
    fs::write(odd.folder.path().join("here/kept"), "kept").unwrap();
    let (code, _, said) = odd.try_run(&["mirror", "", "here", "--delete"]);
    assert!(code == 1 && said.contains("nothing is deleted"), "{said}");
    let mut names: Vec<_> = fs::read_dir(odd.folder.path().join("here"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["\x1b[2Jred", "good", "kept"]);
    assert!(!odd.folder.path().join("escaped").exists() && !odd.folder.path().join("out").exists());
}

#[test]
fn sizes_in_listings_are_wrong() {
    let odd = Odd::new(|talk, line| {
        if line.starts_with("LIST") {
            talk.say("150 here\r\n");
            let entry = |size: usize| format!("-rw-r--r-- 1 a b {size} Jan  1  2020 of{size}\r\n");
            talk.send([5, 23, 99, 0].map(entry).concat().as_bytes());
            talk.say("226 done\r\n");
        }
        line.starts_with("LIST")
    });
    let (code, _, said) = odd.try_run(&["mirror", "", "here"]);
    assert!(code == 0 && !said.contains("again"), "{said}");
    for name in ["of5", "of23", "of99", "of0"] {
        assert_eq!(fs::read(odd.folder.path().join("here").join(name)).unwrap(), CONTENT, "{name}");
    }
    // Each of the wrong ones once more.
    assert_eq!(odd.heard("RETR"), 7);
}

#[test]
fn the_zone_of_listings_is_found_out_once() {
    // In July, and two hours east of UTC; one file is of the winter before.
    let odd = Odd::new(|talk, line| {
        if line.starts_with("LIST") {
            talk.say("150 here\r\n");
            talk.send(
                b"-rw-r--r-- 1 a b 23 2026-07-01 14:05 file\r\n-rw-r--r-- 1 a b 23 2026-06-01 10:00 older\r\n\
                  -rw-r--r-- 1 a b 23 2026-02-01 10:00 winter\r\ndrwxr-xr-x 1 a b 0 2026-07-03 10:00 folder\r\n",
            );
            talk.say("226 done\r\n");
            return true;
        }
        if line.starts_with("MDTM") {
            let time = match line.rsplit(['/', ' ']).next().unwrap() {
                "file" => "20260701120537",
                "older" => "20260601080000",
                _ => "20260201090000",
            };
            talk.say(format!("213 {time}\r\n"));
            return true;
        }
        false
    });
    let (code, out, said) = odd.try_run(&["ls", "", "-l"]);
    assert!(code == 0 && out.contains(" 2026-07-01 12:05:00Z file\n"), "{out}{said}");
    assert!(out.contains(" 2026-07-03 08:00:00Z folder\n"), "{out}");
    assert_eq!(odd.heard("MDTM"), 1);
    // Nobody asks who does not want to know.
    assert_eq!(odd.try_run(&["ls", ""]).0, 0);
    assert_eq!(odd.heard("MDTM"), 1);
    fs::create_dir(odd.folder.path().join("here")).unwrap();
    let put = |name: &str, time: u64| {
        let path = odd.folder.path().join("here").join(name);
        fs::write(&path, CONTENT).unwrap();
        let time = std::time::UNIX_EPOCH + Duration::from_secs(time);
        fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
    };
    // As they are there; the one of the winter is an hour off in a listing that knows of summer time.
    put("file", 1_782_907_537);
    put("older", 1_780_300_800);
    put("winter", 1_769_936_400);
    let mirror = ["mirror", "", "here", "-n", "--exclude", "folder"];
    let (code, out, said) = odd.try_run(&mirror);
    assert_eq!((code, out.as_str()), (0, ""), "{said}");
    assert_eq!(odd.heard("MDTM"), 2);
    // What was changed by a whole quarter of an hour is another, in a zone that is known.
    put("older", 1_780_300_800 - 1800);
    let (_, out, said) = odd.try_run(&mirror);
    assert_eq!(out, "+ older\n", "{said}");
}

#[test]
fn a_server_that_knows_no_mdtm_has_no_zone() {
    let odd = Odd::new(|talk, line| {
        match line.split(' ').next().unwrap() {
            "FEAT" => talk.say("211-these\r\n SIZE\r\n211 end\r\n"),
            "LIST" => {
                talk.say("150 here\r\n");
                talk.send(b"-rw-r--r-- 1 a b 23 2026-07-01 14:05 file\r\n");
                talk.say("226 done\r\n");
            }
            _ => return false,
        }
        true
    });
    let (code, out, said) = odd.try_run(&["ls", "", "-l"]);
    assert!(code == 0 && out.contains(" 2026-07-01 14:05:00  file\n"), "{out}{said}");
    assert_eq!(odd.heard("MDTM"), 0);
}

#[test]
fn names_whose_bytes_look_like_others() {
    let odd = Odd::new(|talk, line| {
        if line.starts_with("LIST") {
            talk.say("150 here\r\n");
            // The first is one character; the second is none, and the third would be taken for another name.
            talk.send(
                b"-rw-r--r-- 1 a b 23 Jan  1  2020 \x95\x5c\r\n-rw-r--r-- 1 a b 23 Jan  1  2020 \xff\r\n\
                  -rw-r--r-- 1 a b 23 Jan  1  2020 \xc3\xa0\r\n",
            );
            talk.say("226 done\r\n");
        }
        line.starts_with("LIST")
    });
    let (code, out, said) = odd.try_run(&["ls", "", "--charset", "shift_jis"]);
    assert!(code == 1 && said.contains("not wholly understood"), "{said}");
    assert_eq!(out, "表\n\u{fffd}\n");
    let (code, _, said) = odd.try_run(&["mirror", "", "here", "--charset", "shift_jis"]);
    assert_eq!(code, 1, "{said}");
    assert_eq!(fs::read(odd.folder.path().join("here/表")).unwrap(), CONTENT);
    assert_eq!((odd.heard("RETR \u{95}\\"), odd.heard("RETR \u{ff}"), odd.heard("RETR")), (1, 1, 2));
}

/// A file of which each part differs from each other.
fn large() -> Vec<u8> {
    (0..9_000_000_u32)
        .flat_map(|at| (at / 4).to_be_bytes().into_iter().skip((at % 4) as usize).take(1))
        .collect()
}

#[test]
fn offsets_are_taken_and_not_kept_to() {
    let odd = Odd::new(|talk, line| match line.split(' ').next().unwrap() {
        "SIZE" => {
            talk.say("213 9000000\r\n");
            true
        }
        // The whole file, wherever it was to begin.
        "RETR" => {
            talk.offset = 0;
            talk.say("150 here\r\n");
            talk.send(&large());
            talk.say("226 done\r\n");
            true
        }
        _ => false,
    });
    let (code, _, said) = odd.try_run(&["get", "file", "-v", "--segments", "2"]);
    assert_eq!(code, 0, "{said}");
    assert!(fs::read(odd.folder.path().join("file")).unwrap() == large(), "{said}");
    assert!(odd.heard("REST") >= 1, "{said}");
}

/// What is left early has an answer still to come. If it does not come, nothing else can be had on that connection, but on
/// another one.
#[test]
fn what_was_left_is_never_answered() {
    let first = AtomicBool::new(true);
    let odd = Odd::new(move |talk, line| match line.split(' ').next().unwrap() {
        "SIZE" => {
            talk.say("213 9000000\r\n");
            true
        }
        "RETR" => {
            talk.say("150 here\r\n");
            talk.send(&large());
            if !first.swap(false, Ordering::Relaxed) {
                talk.say("226 done\r\n");
            }
            true
        }
        _ => false,
    });
    // Of another file, so that it is left.
    fs::write(odd.folder.path().join(".file.portolan-part"), [b'x'; 100_000]).unwrap();
    let (code, _, said) = odd.try_run(&["get", "file", "-v"]);
    assert_eq!(code, 0, "{said}");
    assert!(fs::read(odd.folder.path().join("file")).unwrap() == large(), "{said}");
    assert_eq!(odd.heard("USER"), 2, "{said}");
}

#[test]
fn block_mode_is_offered_and_refused() {
    let odd = Odd::new(|talk, line| match line {
        "FEAT" => {
            talk.say("211-these\r\n MODE S;B\r\n211 end\r\n");
            true
        }
        "MODE B" => {
            talk.say("504 not now\r\n");
            true
        }
        _ => false,
    });
    let (code, _, said) = odd.try_run(&["mirror", "", "here"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(fs::read(odd.folder.path().join("here/file")).unwrap(), CONTENT);
    assert_eq!(odd.heard("MODE B"), 1);
}

/// A server over TLS that closes its data connections without ending TLS on them. It knows `SIZE` if it is told to.
const ABRUPT: &str = r"
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1], flush=True)
while True:
    control, _ = listener.accept()
    control.sendall(b'220 hello\r\n')
    lines, data = control.makefile('rb'), None
    while True:
        line = lines.readline().decode().strip()
        verb = line.split(' ')[0]
        if not line:
            break
        elif verb == 'AUTH':
            control.sendall(b'234 go\r\n')
            control = context.wrap_socket(control, server_side=True)
            lines = control.makefile('rb')
        elif verb == 'EPSV':
            data = socket.create_server(('127.0.0.1', 0))
            control.sendall(b'229 (|||%d|)\r\n' % data.getsockname()[1])
        elif verb == 'RETR':
            control.sendall(b'150 go\r\n')
            stream = context.wrap_socket(data.accept()[0], server_side=True)
            stream.sendall(b'the content of the file')
            socket.socket(fileno=stream.detach()).close()
            control.sendall(b'226 done\r\n')
        elif verb == 'SIZE':
            control.sendall(sys.argv[2].encode() + b'\r\n')
        else:
            control.sendall({'USER': b'230 in\r\n', 'MDTM': b'500 no\r\n', 'FEAT': b'500 no\r\n'}.get(verb, b'200 ok\r\n'))
";

#[test]
fn tls_that_ends_without_saying_so_is_whole_only_by_its_size() {
    let authority = portolan_testkit::authority::Authority::new("Test authority");
    let issued = authority.server("localhost");
    for (size, code) in [("213 23", 0), ("213 24", 8), ("500 no", 8)] {
        isolate();
        let folder = tempfile::tempdir().unwrap();
        let both = folder.path().join("both.pem");
        fs::write(&both, issued.key.serialize_pem() + &issued.certificate.pem()).unwrap();
        fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let mut python = Command::new("python3");
        let mut server =
            python.args(["-c", ABRUPT]).arg(both).arg(size).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let mut command = Command::new(PROGRAM);
        let url = format!("ftpes://localhost:{}/file", port.trim());
        command.args(["get", &url, "--ca", "ca.pem", "--retries", "0"]).current_dir(folder.path());
        command.env("XDG_STATE_HOME", folder.path()).env("HOME", folder.path());
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{size}: {said}");
        assert_eq!(folder.path().join("file").exists(), code == 0);
        server.kill().unwrap();
        server.wait().unwrap();
    }
}

#[test]
fn what_is_sent_again_is_not_glued_to_what_was_there_before() {
    let (stored, tries) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
    let (kept, counted) = (Arc::clone(&stored), Arc::clone(&tries));
    // An older file of 23 bytes is there, and the first try breaks off.
    let odd = Odd::new(move |talk, line| {
        if !line.starts_with("STOR") {
            return false;
        }
        let mut tries = counted.lock().unwrap();
        *tries += 1;
        talk.say("150 go\r\n");
        let mut data = talk.data();
        if *tries == 1 {
            let _ = talk.control.shutdown(std::net::Shutdown::Both);
        } else {
            let mut content = kept.lock().unwrap();
            content.clear();
            std::io::Read::read_to_end(&mut data, &mut content).unwrap();
            talk.say("226 done\r\n");
        }
        true
    });
    let whole = vec![b'n'; 3_000_000];
    fs::write(odd.folder.path().join("new"), &whole).unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["put", "new", &format!("ftp://127.0.0.1:{}/old", odd.port), "--direct", "-q"]);
    command
        .current_dir(odd.folder.path())
        .env("XDG_STATE_HOME", odd.folder.path())
        .env("HOME", odd.folder.path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((*tries.lock().unwrap(), odd.heard("REST")), (2, 0));
    assert!(*stored.lock().unwrap() == whole);
}

/// Of two servers, the one that stores is lost before it says that it has: what it has says whether all came.
#[test]
fn a_copy_whose_end_nobody_confirms_is_looked_at() {
    // What it keeps, what it had before, and how that goes.
    let all = [
        (CONTENT.len(), None, 0, "was copied: one server was lost before it said so"),
        (10, None, 8, "10 bytes came of 23"),
        // Nobody can tell.
        (CONTENT.len(), Some(CONTENT.len()), 8, "the control connection was closed"),
    ];
    for (keeps, before, wanted, text) in all {
        let source = Scene::new(Which::Portolan);
        fs::write(source.root().join("file"), CONTENT).unwrap();
        let size = Mutex::new(before);
        let target = Odd::new(move |talk, line| {
            match line.split(' ').next().unwrap() {
                "SIZE" => match *size.lock().unwrap() {
                    Some(size) => talk.say(format!("213 {size}\r\n")),
                    None => talk.say("550 not there\r\n"),
                },
                "STOR" => {
                    talk.say("150 come\r\n");
                    let mut content = Vec::new();
                    talk.data().read_to_end(&mut content).unwrap();
                    *size.lock().unwrap() = Some(content.len().min(keeps));
                    let _ = talk.control.shutdown(Shutdown::Both);
                }
                _ => return false,
            }
            true
        });
        let url = format!("ftp://127.0.0.1:{}/file", target.port);
        let (code, _, said) = source.try_run(&["fxp", "--tls", "off", &source.url("file"), &url]);
        assert!(code == wanted && said.contains(text), "{code}: {said}");
    }
}
