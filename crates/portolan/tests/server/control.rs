//! The control connection on the wire.

use crate::serve;
use portolan_testkit::launch::{PATIENCE, Served, must_run};
use socket2::{Domain, SockRef, Socket, Type};
use std::fs;
use std::io::{Read, Write};
use std::process::Command;
use std::time::Duration;

/// What every TCP segment from a port carried, seen on the loopback interface.
struct Capture {
    socket: Socket,
    port: u16,
}

impl Capture {
    /// Needs the right to see packets, which the tests have in their own network.
    fn from_port(port: u16) -> Capture {
        let all_protocols = i32::from(3u16.to_be());
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(all_protocols.into())).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        Capture { socket, port }
    }

    /// The payloads since the capture began. Each packet is seen once on its way out and once on its
    /// way in; only the first is taken.
    fn payloads(self) -> Vec<Vec<u8>> {
        let mut payloads: Vec<(u32, Vec<u8>)> = Vec::new();
        let mut buffer = vec![0; 65536];
        while let Ok(length) = (&self.socket).read(&mut buffer) {
            let frame = &buffer[..length];
            let ip = &frame[14..];
            let header = usize::from(ip[0] & 15) * 4;
            if frame[12..14] != [8, 0] || ip[9] != 6 {
                continue;
            }
            let total = usize::from(u16::from_be_bytes([ip[2], ip[3]]));
            let tcp = &ip[header..total];
            let payload = tcp[usize::from(tcp[12] >> 4) * 4..].to_vec();
            let sequence = u32::from_be_bytes(tcp[4..8].try_into().unwrap());
            let ours = u16::from_be_bytes([tcp[0], tcp[1]]) == self.port;
            if ours && !payload.is_empty() && !payloads.iter().any(|(seen, _)| *seen == sequence) {
                payloads.push((sequence, payload));
            }
        }
        payloads.into_iter().map(|(_, payload)| payload).collect()
    }
}

#[test]
fn each_227_229_and_228_is_alone_in_its_segment() {
    let served = serve(&[]);
    let mut talk = served.talk_logged_in();
    let capture = Capture::from_port(served.port);
    talk.send(b"NOOP\r\nPASV\r\nPWD\r\nEPSV\r\nEPSV\r\nNOOP\r\nLPSV\r\nNOOP\r\n");
    (0..8).for_each(|_| drop(talk.reply()));
    let payloads = capture.payloads();
    let passive =
        |payload: &&Vec<u8>| [&b"227 "[..], b"228 ", b"229 "].iter().any(|code| payload.starts_with(code));
    let alone: Vec<&Vec<u8>> = payloads.iter().filter(passive).collect();
    assert_eq!(alone.len(), 4, "{payloads:?}");
    for payload in &alone {
        assert!(payload.ends_with(b"\r\n") && payload.iter().filter(|byte| **byte == b'\n').count() == 1);
    }
    assert!(
        payloads
            .iter()
            .filter(|payload| !passive(payload))
            .all(|payload| !payload.windows(4).any(|code| code == b"227 "))
    );
}

#[test]
fn t10_abort_as_urgent_data_ends_the_transfer() {
    let served = serve(&[]);
    fs::write(served.root().join("large"), vec![7; 64 << 20]).unwrap();
    // As the BSD clients send it, as others do, and plain.
    let ways: [(&[u8], &[u8]); 4] =
        [(&[255, 244, 255], &[242]), (&[255, 244, 255, 242], b""), (&[242], b""), (b"", b"")];
    for (urgent, after) in ways {
        let mut talk = served.talk_logged_in();
        talk.ask("TYPE I");
        let mut data = talk.open_data("RETR large");
        data.read_exact(&mut [0; 1000]).unwrap();
        if !urgent.is_empty() {
            // A data mark alone is no command without the byte 255 before it.
            if urgent == [242] {
                talk.send(&[255, 244, 255]);
            }
            assert_eq!(SockRef::from(talk.stream()).send_out_of_band(urgent).unwrap(), urgent.len());
        }
        talk.send(after);
        talk.send(b"ABOR\r\n");
        assert!(talk.reply().starts_with("426"), "{urgent:?}");
        assert!(talk.reply().starts_with("226"), "{urgent:?}");
        let mut rest = Vec::new();
        assert!(data.read_to_end(&mut rest).is_err(), "the data must not look whole");
        assert!(talk.ask("PWD").starts_with("257"));
    }
}

#[test]
fn commands_are_answered_while_a_transfer_runs() {
    let served = serve(&[]);
    let mut talk = served.talk_logged_in();
    talk.ask("TYPE I");
    let mut data = talk.open_data("STOR up");
    data.write_all(&[1; 1000]).unwrap();
    while !talk.ask("STAT").contains("Transfer in progress, 1000 bytes so far") {}
    assert!(talk.ask("NOOP").starts_with("200"));
    talk.send(b"PWD\r\nQUIT\r\n");
    data.write_all(&[2; 1000]).unwrap();
    drop(data);
    assert!(talk.reply().starts_with("226"));
    assert!(talk.reply().starts_with("257"));
    assert!(talk.reply().starts_with("221"));
    assert_eq!(talk.reply(), "");
    assert_eq!(fs::read(served.root().join("up")).unwrap().len(), 2000);
}

#[test]
fn any_number_of_commands_waits_behind_a_transfer() {
    let served = serve(&[]);
    let mut talk = served.talk_logged_in();
    talk.ask("TYPE I");
    let data = talk.open_data("STOR up");
    let sender = talk.stream().try_clone().unwrap();
    // Far more than the buffers of both sides hold.
    let commands = 500_000;
    let writing = std::thread::spawn(move || (&sender).write_all("CWD /\r\n".repeat(commands).as_bytes()));
    drop(data);
    assert!(talk.reply().starts_with("226"));
    for _ in 0..commands {
        assert!(talk.reply().starts_with("250"));
    }
    writing.join().unwrap().unwrap();
    assert!(talk.ask("NOOP").starts_with("200"));
}

#[test]
fn both_connections_are_kept_alive() {
    let served = serve(&[]);
    let mut talk = served.talk_logged_in();
    let port = talk.epsv();
    let data = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    assert!(talk.ask("STOR up").starts_with("150"));
    while !talk.ask("STAT").contains("bytes so far") {}
    for port in [served.port, port] {
        let kept_alive = || {
            let mut ss = Command::new("ss");
            ss.args(["-tnoH", "state", "established", &format!("sport = :{port}")]);
            String::from_utf8(must_run(&mut ss)).unwrap().contains("timer:(keepalive,")
        };
        // While an answer is on its way, its own timer is shown instead.
        let begun = std::time::Instant::now();
        while !kept_alive() {
            assert!(begun.elapsed() < PATIENCE, "port {port} is not kept alive");
        }
    }
    drop(data);
}

#[test]
fn a_client_that_reads_no_replies_costs_no_memory() {
    let served = serve(&[]);
    for number in 0..1_000 {
        fs::write(served.root().join(format!("{number:0>200}")), "").unwrap();
    }
    let before = served.memory();
    let mut deaf = Vec::new();
    for _ in 0..20 {
        let mut talk = served.talk_logged_in();
        talk.send("STAT .\r\n".repeat(800).as_bytes());
        deaf.push(talk);
    }
    // The server is at work on them while somebody else is served.
    let mut other = served.talk_logged_in();
    for _ in 0..200 {
        assert!(other.ask("STAT .").starts_with("212"));
    }
    // All their replies would be 4 GB.
    assert!(served.memory() < before + 200_000, "{} KiB more", served.memory() - before);
}

#[test]
fn clients_from_another_age_get_what_they_understand() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("root")).unwrap();
    std::fs::write(folder.path().join("root/a\nb.txt"), "one\ntwo\n").unwrap();
    let text = "listen = [\"LISTEN\"]\n[anonymous]\nroot = \"root\"\n\
                [[device]]\nfrom = \"127.0.0.1\"\nbinary = true\nepsv = false\nlisting = \"dos\"\n";
    let served = Served::configured(env!("CARGO_BIN_EXE_portolan"), folder, text);
    let curl = |arguments: &[&str]| {
        let mut command = std::process::Command::new("curl");
        let url = format!("ftp://127.0.0.1:{}/", served.port);
        String::from_utf8(must_run(command.args(["-sS"]).args(arguments).arg(url))).unwrap()
    };
    // It falls back to PASV by itself, and reads the other form.
    let listing = curl(&[]);
    assert!(listing.ends_with("                 8 a?b.txt\n") && listing.contains("M  "), "{listing:?}");
    let other = curl(&["--interface", "127.0.0.2"]);
    assert!(other.starts_with("-rw"), "{other:?}");
}
