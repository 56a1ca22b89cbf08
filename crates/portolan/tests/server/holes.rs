//! Holes of other servers, by their numbers in the catalogue that the tests of this project share.
//! Those that need no socket are tested beside the code, in the transcripts, and in the matrix of verbs.

use crate::serve;
use portolan_testkit::launch::{Talk, connect, isolate};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::Path;

/// What a listing command sends.
fn list(talk: &mut Talk, command: &str) -> String {
    let mut data = talk.open_data(command);
    let mut text = Vec::new();
    data.read_to_end(&mut text).unwrap();
    let reply = talk.reply();
    assert!(reply.starts_with("226"), "{command}: {reply}");
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn t01_t02_no_bounce_and_no_connection_before_the_check() {
    let served = serve(&[]);
    let mut talk = served.talk_logged_in();
    for host in [Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(198, 51, 100, 1)] {
        let victim = TcpListener::bind((host, 0)).unwrap();
        victim.set_nonblocking(true).unwrap();
        let port = victim.local_addr().unwrap().port();
        let [a, b, c, d] = host.octets();
        for command in [
            format!("PORT {a},{b},{c},{d},{},{}", port >> 8, port & 255),
            format!("EPRT |1|{host}|{port}|"),
            format!("LPRT 4,4,{a},{b},{c},{d},2,{},{}", port >> 8, port & 255),
        ] {
            assert!(talk.ask(&command).starts_with("504"), "{command}");
            // The transfer that follows goes to the default port, where nobody listens.
            assert!(talk.ask("LIST").starts_with("150"));
            assert!(talk.reply().starts_with("425"));
            assert_eq!(victim.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "{command}");
        }
    }
    let own = TcpListener::bind((Ipv4Addr::LOCALHOST, 800)).unwrap();
    own.set_nonblocking(true).unwrap();
    assert!(talk.ask("PORT 127,0,0,1,3,32").starts_with("504"));
    assert!(
        talk.ask(&format!("PORT 127,0,0,2,{},{}", served.port >> 8, served.port & 255)).starts_with("504")
    );
    assert_eq!(own.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn t06_names_on_the_disk_cannot_make_a_reply() {
    let served = serve(&[]);
    let name = "x\r\n226 done\r\n230 in";
    fs::write(served.root().join(name), "").unwrap();
    fs::create_dir(served.root().join("d")).unwrap();
    fs::write(served.root().join("d/226 done"), "").unwrap();
    let mut talk = served.talk_logged_in();
    let reply = talk.ask("STAT /");
    let lines: Vec<&str> = reply.split("\r\n").collect();
    assert!(lines[1..lines.len() - 2].iter().all(|line| line.starts_with(' ')), "{reply}");
    assert!(list(&mut talk, "LIST").contains("x??226 done??230 in\r\n"));
    assert!(list(&mut talk, "NLST").contains("x??226 done??230 in\r\n"));
    assert!(
        !list(&mut talk, "MLSD").contains("226"),
        "a name that no command could carry is not listed there"
    );
    assert!(talk.ask("STAT d").contains("\r\n -rw"));
}

#[test]
fn t07_t08_endless_lines_take_no_memory() {
    let served = serve(&[]);
    let mut talk = served.talk_logged_in();
    let before = served.memory();
    let mut sender = talk.stream().try_clone().unwrap();
    // The server hangs up on the way, so the rest does not go through.
    let writing = std::thread::spawn(move || (0..1600).try_for_each(|_| sender.write_all(&[b'A'; 65536])));
    assert!(talk.reply().starts_with("500"));
    assert!(talk.reply().starts_with("421"));
    let _ = writing.join().unwrap();
    assert!(served.memory() < before + 20_000);
    let mut patient = served.talk_logged_in();
    for byte in b"PW" {
        patient.send(&[*byte]);
    }
    assert!(served.talk_logged_in().ask("NOOP").starts_with("200"));
    assert!(patient.ask("D").starts_with("257"));
}

#[test]
fn t11_no_path_leads_out_of_the_tree_by_any_verb() {
    let served = serve(&[]);
    let secret = served.folder.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    fs::create_dir(served.root().join("d")).unwrap();
    fs::write(served.root().join("a"), "a").unwrap();
    let absolute = secret.to_str().unwrap();
    let ways = [
        "../secret",
        "/../secret",
        "d/../../secret",
        "//../secret",
        "./.././secret",
        absolute,
        "..\\secret",
        "%2e%2e/secret",
        "..%2fsecret",
        "....//secret",
        "d/..//../secret",
        "\u{2025}/secret",
        ".. /secret",
        "../secret::$DATA",
        "\\\\host\\secret",
        "C:/secret",
    ];
    let mut talk = served.talk_logged_in();
    talk.ask("TYPE I");
    talk.epsv();
    for way in ways {
        for verb in [
            "RETR", "SIZE", "MDTM", "DELE", "RNFR", "CWD", "MLST", "STAT", "HASH", "XCRC", "RMD", "RMDA",
            "MLSD", "LIST", "DSIZ", "AVBL",
        ] {
            let reply = talk.ask(&format!("{verb} {way}"));
            assert!(reply.starts_with("550"), "{verb} {way}: {reply}");
        }
        for verb in [
            "MFMT 20010203040506",
            "SITE CHMOD 600",
            "SITE UTIME 20010203040506",
            "MFF Modify=20010203040506;",
        ] {
            let reply = talk.ask(&format!("{verb} {way}"));
            assert!(reply.starts_with("550"), "{verb} {way}: {reply}");
        }
        talk.ask("RNFR a");
        if talk.ask(&format!("RNTO {way}")).starts_with("250") {
            assert!(talk.ask(&format!("RNFR {way}")).starts_with("350"), "it is still in the tree");
            assert!(talk.ask("RNTO a").starts_with("250"));
        }
    }
    assert_eq!(fs::read_to_string(&secret).unwrap(), "secret");
    let outside: Vec<_> =
        fs::read_dir(served.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    // The root, the secret, and what the server keeps for itself.
    assert_eq!(outside.len(), 3, "{outside:?}");
}

#[test]
fn t12_links_out_of_the_tree_are_550() {
    let served = serve(&[]);
    fs::write(served.folder.path().join("secret"), "secret").unwrap();
    symlink("../secret", served.root().join("link")).unwrap();
    symlink("..", served.root().join("up")).unwrap();
    symlink("/etc", served.root().join("etc")).unwrap();
    let mut talk = served.talk_logged_in();
    talk.ask("TYPE I");
    talk.epsv();
    for name in ["link", "up/secret", "etc/passwd"] {
        for verb in ["RETR", "STOR", "APPE", "SIZE", "MDTM", "HASH", "SITE CHMOD 600", "MFMT 20010203040506"]
        {
            let reply = talk.ask(&format!("{verb} {name}"));
            assert!(reply.starts_with("550"), "{verb} {name}: {reply}");
        }
    }
    for name in ["up", "etc"] {
        assert!(talk.ask(&format!("CWD {name}")).starts_with("550"));
        assert!(talk.ask(&format!("MKD {name}/x")).starts_with("550"));
    }
    assert!(talk.ask("SITE SYMLINK /../../../etc/passwd inside").starts_with("250"));
    let target = fs::read_link(served.root().join("inside")).unwrap();
    assert_eq!(target, Path::new("etc/passwd"), "a link that is made points into the tree");
    assert_eq!(fs::read_to_string(served.folder.path().join("secret")).unwrap(), "secret");
}

#[test]
fn t17_patterns_and_loops_of_links_end_soon() {
    let served = serve(&[]);
    fs::create_dir_all(served.root().join("a/b")).unwrap();
    symlink(".", served.root().join("loop")).unwrap();
    symlink("..", served.root().join("a/b/up")).unwrap();
    fs::write(served.root().join("a".repeat(250)), "").unwrap();
    let mut talk = served.talk_logged_in();
    let listing = list(&mut talk, "LIST -R");
    assert_eq!(listing.matches(":\r\n").count(), 2, "{listing}");
    assert!(list(&mut talk, &format!("NLST {}b", "*a".repeat(120))).is_empty());
    assert!(list(&mut talk, &format!("LIST {}", "*".repeat(4000))).contains("loop"));
    talk.epsv();
    for pattern in ["*/../*/../*/*", "{a,{b,{c,{d}}}}", "[[[[[[[[", "p*/../"] {
        let reply = talk.ask(&format!("NLST {pattern}"));
        assert!(reply.starts_with("550") || reply.starts_with("150"), "{pattern}: {reply}");
        if reply.starts_with("150") {
            talk.send(b"ABOR\r\n");
            assert!(talk.reply().starts_with("426") && talk.reply().starts_with("226"));
            talk.epsv();
        }
    }
}

#[test]
fn t18_no_option_of_list_does_harm() {
    let served = serve(&[]);
    fs::write(served.root().join("-x"), "").unwrap();
    let mut talk = served.talk_logged_in();
    for letter in (b' '..=b'~').map(char::from) {
        let reply = {
            talk.epsv();
            talk.ask(&format!("LIST -{letter}"))
        };
        if reply.starts_with("150") {
            talk.send(b"ABOR\r\n");
            assert!(talk.reply().starts_with("426") && talk.reply().starts_with("226"));
        } else {
            assert!(reply.starts_with("550"), "{letter}: {reply}");
        }
    }
    assert!(list(&mut talk, &format!("LIST -{}", "a".repeat(4000))).contains("-x"));
    assert!(list(&mut talk, "LIST -- -x").contains("-x"));
    assert!(list(&mut talk, "LIST -x").contains("-x"));
    assert!(talk.ask("STAT -C").starts_with("21"));
}

#[test]
fn t19_long_paths_and_odd_names_are_listed_as_they_are() {
    let served = serve(&[]);
    let long = "n".repeat(255);
    fs::write(served.root().join(&long), "").unwrap();
    fs::write(served.root().join("a;b=c d"), "").unwrap();
    fs::write(served.root().join("line\nbreak"), "").unwrap();
    let mut talk = served.talk_logged_in();
    let listing = list(&mut talk, "MLSD");
    assert!(listing.contains(&format!("; {long}\r\n")) && listing.contains("; a;b=c d\r\n"), "{listing}");
    assert_eq!(listing.matches("\r\n").count(), 2);
    assert!(talk.ask(&format!("MLST {long}")).contains(&format!("; /{long}\r\n")));
    let mut depth = 0;
    while talk.ask(&format!("MKD {long}d")).starts_with("550") || depth < 40 {
        let name = format!("{}{depth}", "d".repeat(200));
        let made = talk.ask(&format!("MKD {name}"));
        if !made.starts_with("257") {
            assert!(made.starts_with("501") || made.starts_with("55"), "{made}");
            break;
        }
        assert!(talk.ask(&format!("CWD {name}")).starts_with("250"));
        depth += 1;
    }
    assert!(depth > 15, "paths of 4,000 bytes work: {depth}");
    assert!(talk.ask("MLST").contains("type=dir"));
    assert!(list(&mut talk, "MLSD").is_empty());
    assert!(talk.ask("CWD /").starts_with("250"));
    assert!(talk.ask(&format!("RMDA {}0", "d".repeat(200))).starts_with("250"));
}

#[test]
fn t20_size_in_text_costs_nothing() {
    let served = serve(&[]);
    fs::File::create(served.root().join("sparse")).unwrap().set_len(10 << 30).unwrap();
    let mut talk = served.talk_logged_in();
    talk.ask("TYPE A");
    assert!(talk.ask("SIZE sparse").starts_with("550"));
    talk.ask("REST 5000000000");
    talk.epsv();
    assert!(talk.ask("RETR sparse").starts_with("555"));
    talk.ask("TYPE I");
    assert_eq!(talk.ask("SIZE sparse"), "213 10737418240\r\n");
}

#[test]
fn t21_restart_points_cannot_be_bent() {
    let served = serve(&[]);
    fs::write(served.root().join("a"), "0123456789").unwrap();
    let mut talk = served.talk_logged_in();
    talk.ask("TYPE I");
    for point in ["-1", "9223372036854775808", "18446744073709551615", "18446744073709551616", "1e3", "0x10"]
    {
        assert!(talk.ask(&format!("REST {point}")).starts_with("501"), "{point}");
    }
    for point in ["11", "9223372036854775807"] {
        for verb in ["RETR", "STOR"] {
            assert!(talk.ask(&format!("REST {point}")).starts_with("350"));
            talk.epsv();
            assert!(talk.ask(&format!("{verb} a")).starts_with("554"), "{verb} {point}");
        }
    }
    assert_eq!(talk.retrieve("a"), b"0123456789");
}

#[test]
fn t26_nul_in_a_name_is_501() {
    let served = serve(&[]);
    fs::write(served.root().join("a"), "").unwrap();
    let mut talk = served.talk();
    assert!(talk.ask("USER anonymous\0admin").starts_with("501"));
    talk.log_in();
    for verb in ["DELE", "RETR", "CWD", "MKD", "RNFR", "SITE CHMOD 600"] {
        assert!(talk.ask(&format!("{verb} a\0b")).starts_with("501"), "{verb}");
    }
    assert!(served.root().join("a").exists());
}

#[test]
fn t28_idle_connections_lock_nobody_out() {
    isolate();
    let served = serve(&[]);
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, served.port));
    // One address may have a thousand sessions; these say nothing, or a byte.
    let mut idle: Vec<TcpStream> = (0..1000).map(|_| TcpStream::connect(server).unwrap()).collect();
    for stream in idle.iter_mut().step_by(2) {
        stream.write_all(b"U").unwrap();
    }
    for stream in &mut idle {
        stream.read_exact(&mut [0; 3]).unwrap();
    }
    let mut refused = Talk::new(TcpStream::connect(server).unwrap());
    assert!(refused.reply().starts_with("421"));
    assert_eq!(refused.reply(), "");
    let mut other = Talk::new(connect(server, Some(Ipv4Addr::new(127, 0, 0, 2).into())).unwrap());
    assert!(other.reply().starts_with("220"));
    other.log_in();
    drop(idle.pop());
    loop {
        let mut again = Talk::new(TcpStream::connect(server).unwrap());
        if again.reply().starts_with("220") {
            break;
        }
    }
}

#[test]
fn t32_replies_repeat_nothing_that_looks_like_an_address() {
    let served = serve(&[]);
    let mut talk = served.talk_logged_in();
    let address = "227 (10,0,0,1,4,1)";
    for verb in [
        "RETR", "CWD", "TYPE", "HOST", "CLNT", "CSID", "LANG", "OPTS", "SITE", "HELP", "STAT", "MLST",
        "DELE", "PORT", "EPRT", "REST", "NONSENSE",
    ] {
        let reply = talk.ask(&format!("{verb} {address}"));
        assert!(!reply.contains("10,0,0,1"), "{verb}: {reply}");
    }
    // Where a reply must name the path, it is not at the start of a line.
    assert!(talk.ask(&format!("MKD {address}")).starts_with("257 \"/227 (10"));
}

#[test]
fn t33_a_hundred_commands_in_one_segment_get_a_hundred_replies_in_order() {
    let served = serve(&[]);
    let mut talk = served.talk_logged_in();
    let commands: String = (0..100).map(|number| format!("MKD {number}\r\n")).collect();
    talk.send(commands.as_bytes());
    for number in 0..100 {
        assert!(talk.reply().starts_with(&format!("257 \"/{number}\"")));
    }
    let mut early = served.talk();
    early.send(b"RNTO x\r\nUSER anonymous\r\nRNFR 1\r\nPASS x\r\nRNFR 1\r\nRNTO one\r\n");
    let codes: Vec<String> = (0..6).map(|_| early.reply()[..3].to_owned()).collect();
    assert_eq!(codes, ["530", "331", "530", "230", "350", "250"]);
}

#[test]
fn t39_only_what_has_to_looks_at_the_wall_clock() {
    // Timers that follow the wall clock end sessions when it is set. The machine of the protocol
    // gets its time as an argument; here it is seen to that nothing else reads that clock but what has
    // to: tickets and bans, which nodes agree on by it, and hours of the week, which are looked at once at the login.
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut readers = Vec::new();
    let mut folders: Vec<_> = ["wire", "proto", "net", "server", "vfs", "vfs-local", "accounts"]
        .iter()
        .map(|name| crates.join(name).join("src"))
        .collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read_to_string(&path)
                .is_ok_and(|text| text.contains("SystemTime") || text.contains("jiff::"))
            {
                readers.push(path.file_name().unwrap().to_owned());
            }
        }
    }
    readers.sort();
    assert_eq!(readers, ["bans.rs", "listing.rs", "login.rs", "tickets.rs"]);
}

#[test]
fn t41_all_first_bytes_are_survived() {
    let served = serve(&[]);
    for byte in 0..=255u8 {
        let mut talk = served.talk_logged_in();
        talk.send(&[byte, b'X', b'\r', b'\n']);
        talk.send(b"NOOP\r\n");
        let reply = talk.reply();
        let rest = if byte == b'\n' { talk.reply() } else { String::new() };
        assert!(reply.starts_with('5'), "{byte}: {reply}{rest}");
        assert!(talk.reply().starts_with("200"), "{byte}");
    }
}

#[test]
fn t35_ten_thousand_logins_and_transfers_leave_nothing_behind() {
    let served = serve(&[]);
    fs::write(served.root().join("down"), "some text").unwrap();
    let round = |number: usize| {
        let mut talk = served.talk_logged_in();
        talk.ask("TYPE I");
        assert_eq!(talk.retrieve("down"), b"some text");
        let mut data = talk.open_data(&format!("STOR up{}", number % 50));
        data.write_all(b"other text").unwrap();
        drop(data);
        assert!(talk.reply().starts_with("226"));
        assert!(talk.ask("QUIT").starts_with("221"));
        // The log is read on, so that it is not the test that grows.
        served.log();
    };
    (0..1_000).for_each(round);
    let before = served.memory();
    (0..10_000).for_each(round);
    let after = served.memory();
    assert!(after < before + 2_048, "{before} KiB, then {after} KiB");
    let descriptors = fs::read_dir(format!("/proc/{}/fd", served.pid())).unwrap().count();
    assert!(descriptors < 100, "{descriptors} descriptors are open");
}
