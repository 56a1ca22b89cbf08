//! `portolan ls`, `get`, `cat`, `put`, `rm`, `mkdir`, `mv`, with each server.

use crate::scene::{Scene, Which};
use portolan_testkit::peers::Peer;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + at / 509) as u8).collect()
}

fn commands(which: Which, host: &str, options: &[&str]) {
    let scene = Scene::new(which);
    let url = |path: &str| scene.url_at(host, path);
    let own = scene.own.path();
    let run = |arguments: &[&str]| scene.run(&[arguments, options].concat());
    let root = scene.root();
    for (name, length) in [("empty", 0), ("small", 7), ("large file ü", 3_000_000), ("huge", 9_000_000)] {
        fs::write(own.join(name), content(length)).unwrap();
    }
    // Up: by name, into a folder, several at once, from standard input.
    run(&["put", "small", &url("other%20name")]);
    assert_eq!(fs::read(root.join("other name")).unwrap(), content(7));
    run(&["mkdir", "-p", &url("a/b")]);
    run(&["mkdir", "-p", &url("a/b")]);
    run(&["put", "empty", "small", "large file ü", &url("a/b/")]);
    run(&["put", "huge", &url("huge")]);
    assert!(fs::read(root.join("huge")).unwrap() == content(9_000_000));
    run(&["rm", &url("huge")]);
    for (name, length) in [("empty", 0), ("small", 7), ("large file ü", 3_000_000)] {
        assert!(fs::read(root.join("a/b").join(name)).unwrap() == content(length), "{name}");
    }
    let names = |folder: &str| {
        let mut names: Vec<String> = fs::read_dir(root.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    // Nothing is left of other names.
    assert_eq!(names("a/b"), ["empty", "large file ü", "small"]);
    // In place of what is there.
    fs::write(own.join("small"), "changed").unwrap();
    run(&["put", "small", &url("a/b/small")]);
    assert_eq!(fs::read(root.join("a/b/small")).unwrap(), b"changed");
    // Down.
    fs::create_dir(own.join("down")).unwrap();
    let urls = ["empty", "large%20file%20%C3%BC", "small"].map(|name| url(&format!("a/b/{name}")));
    run(&["get", &urls[0], &urls[1], &urls[2], "-o", "down"]);
    assert!(fs::read(own.join("down/large file ü")).unwrap() == content(3_000_000));
    assert_eq!(fs::read(own.join("down/empty")).unwrap(), b"");
    let (here, there) =
        (fs::metadata(own.join("down/small")).unwrap(), fs::metadata(root.join("a/b/small")).unwrap());
    assert_eq!(here.mtime(), there.mtime(), "the time is that of the server");
    assert_eq!(fs::read_dir(own.join("down")).unwrap().count(), 3);
    assert_eq!(run(&["cat", &url("a/b/small")]), "changed");
    // Listings.
    assert_eq!(run(&["ls", &url("a/b/")]), "empty\nlarge file ü\nsmall\n");
    assert_eq!(
        run(&["ls", "-R", &url("")]),
        "a/\nother name\na/b/\na/b/empty\na/b/large file ü\na/b/small\n"
    );
    let json = run(&["ls", "--json", &url("a/b/small")]);
    let object: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&object["name"], &object["size"], &object["type"]),
        (&"small".into(), &7.into(), &"file".into())
    );
    let long = run(&["ls", "-l", &url("a/")]);
    assert!(long.starts_with('d') && long.ends_with(" b\n"), "{long}");
    // Names, and the end of it all.
    run(&["mv", &url("other%20name"), &url("a/b/")]);
    assert!(root.join("a/b/other name").exists());
    run(&["rm", &url("a/b/empty")]);
    let (code, _, said) = scene.try_run(&[&["rm", &url("a/")][..], options].concat());
    assert!(code == 2 && said.contains("-r removes it"), "{code} {said}");
    run(&["rm", "-r", &url("a")]);
    assert_eq!(names("."), Vec::<String>::new());
    // What is not there.
    for (command, wanted) in [("get", 6), ("cat", 6), ("ls", 6), ("rm", 6)] {
        let (code, _, said) = scene.try_run(&[&[command, &url("none")][..], options].concat());
        assert_eq!(code, wanted, "{command}: {said}");
        assert!(said.contains("none") && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn portolan() {
    commands(Which::Portolan, "localhost", &[]);
}

#[test]
fn portolan_active_in_the_clear() {
    commands(Which::Portolan, "localhost", &["--mode", "active", "--tls", "off"]);
}

#[test]
fn portolan_by_ipv6() {
    commands(Which::Portolan, "[::1]", &[]);
}

#[test]
fn portolan_active() {
    commands(Which::Portolan, "localhost", &["--mode", "active", "--tls", "required"]);
}

#[test]
fn portolan_active_by_ipv6() {
    commands(Which::Portolan, "[::1]", &["--mode", "active", "--tls", "required"]);
}

#[test]
fn vsftpd() {
    commands(Which::Other(Peer::Vsftpd), "localhost", &["--tls", "required"]);
}

#[test]
fn vsftpd_in_the_clear() {
    commands(Which::Other(Peer::Vsftpd), "localhost", &["--tls", "off", "--mode", "passive"]);
}

#[test]
fn vsftpd_by_ipv6() {
    commands(Which::Other(Peer::Vsftpd), "[::1]", &[]);
}

#[test]
fn vsftpd_active() {
    commands(Which::Other(Peer::Vsftpd), "localhost", &["--mode", "active", "--tls", "required"]);
}

#[test]
fn vsftpd_active_by_ipv6() {
    commands(Which::Other(Peer::Vsftpd), "[::1]", &["--mode", "active", "--tls", "required"]);
}

#[test]
fn proftpd() {
    commands(Which::Other(Peer::ProFtpd), "localhost", &["--timeout", "20"]);
}

#[test]
fn proftpd_by_ipv6() {
    commands(Which::Other(Peer::ProFtpd), "[::1]", &[]);
}

#[test]
fn proftpd_active() {
    commands(Which::Other(Peer::ProFtpd), "localhost", &["--mode", "active", "--tls", "required"]);
}

#[test]
fn pure_ftpd() {
    commands(Which::Other(Peer::PureFtpd), "localhost", &[]);
}

#[test]
fn pure_ftpd_by_ipv6() {
    commands(Which::Other(Peer::PureFtpd), "[::1]", &[]);
}

#[test]
fn pure_ftpd_active() {
    commands(Which::Other(Peer::PureFtpd), "localhost", &["--mode", "active", "--tls", "required"]);
}

#[test]
fn pyftpdlib() {
    commands(Which::Other(Peer::Pyftpdlib), "localhost", &[]);
}

#[test]
fn pyftpdlib_by_ipv6() {
    commands(Which::Other(Peer::Pyftpdlib), "[::1]", &[]);
}

#[test]
fn pyftpdlib_active() {
    commands(Which::Other(Peer::Pyftpdlib), "localhost", &["--mode", "active", "--tls", "required"]);
}

#[test]
fn a_download_goes_on_where_it_broke_off_if_it_is_the_same_file() {
    for which in [Which::Portolan, Which::Other(Peer::Vsftpd), Which::Other(Peer::PureFtpd)] {
        let scene = Scene::new(which);
        let (own, whole) = (scene.own.path(), content(2_000_000));
        fs::write(scene.root().join("file"), &whole).unwrap();
        let part = own.join(".file.portolan-part");
        fs::write(&part, &whole[..1_500_000]).unwrap();
        let (code, _, said) = scene.try_run(&["get", "-v", &scene.url("file")]);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("> REST 1483616"), "{said}");
        assert!(fs::read(own.join("file")).unwrap() == whole && !part.exists());
        // Another file, of another time perhaps.
        fs::write(&part, vec![b'x'; 1_500_000]).unwrap();
        scene.run(&["get", &scene.url("file"), "-o", "again"]);
        fs::rename(&part, own.join(".again.portolan-part")).unwrap();
        scene.run(&["get", &scene.url("file"), "-o", "again", "-q"]);
        assert!(fs::read(own.join("again")).unwrap() == whole, "{which:?}");
        // Longer than what is there.
        fs::write(own.join(".more.portolan-part"), content(2_000_001)).unwrap();
        scene.run(&["get", &scene.url("file"), "-o", "more", "-q"]);
        assert!(fs::read(own.join("more")).unwrap() == whole, "{which:?}");
    }
}

#[test]
fn what_was_fetched_before_is_compared_by_checksum_where_the_server_has_one() {
    let scene = Scene::new(Which::Portolan);
    let whole = content(2_000_000);
    fs::write(scene.root().join("file"), &whole).unwrap();
    // Both ends are right, and what is between them is not.
    let mut before = whole[..1_500_000].to_vec();
    before[700_000] ^= 1;
    fs::write(scene.own.path().join(".file.portolan-part"), before).unwrap();
    let (code, _, said) = scene.try_run(&["get", "-v", &scene.url("file")]);
    assert!(code == 0 && said.contains("> REST 1483616") && said.contains("> HASH"), "{said}");
    assert!(fs::read(scene.own.path().join("file")).unwrap() == whole);
}

#[test]
fn a_large_file_comes_in_segments() {
    let whole = content(24_000_001);
    for which in [
        Which::Portolan,
        Which::Other(Peer::Vsftpd),
        Which::Other(Peer::ProFtpd),
        Which::Other(Peer::PureFtpd),
    ] {
        let scene = Scene::new(which);
        fs::write(scene.root().join("file"), &whole).unwrap();
        let own = scene.own.path();
        for tls in ["off", "required"] {
            let (code, _, said) =
                scene.try_run(&["get", "-v", "--segments", "4", "--tls", tls, &scene.url("file"), "-o", tls]);
            assert_eq!(code, 0, "{which:?}: {said}");
            assert!(fs::read(own.join(tls)).unwrap() == whole, "{which:?} {tls}");
            assert_eq!(
                said.lines().filter(|line| line.starts_with("> REST")).count(),
                3,
                "{which:?}: {said}"
            );
            assert_eq!(
                fs::metadata(own.join(tls)).unwrap().mtime(),
                fs::metadata(scene.root().join("file")).unwrap().mtime()
            );
        }
        // One that is smaller is not worth it.
        fs::write(scene.root().join("small"), &whole[..1_000_000]).unwrap();
        let (code, _, said) = scene.try_run(&["get", "-v", "--segments", "4", &scene.url("small")]);
        assert!(code == 0 && !said.contains("> REST"), "{said}");
        let left = fs::read_dir(own).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains("portolan")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn what_happens_is_told_to_programs() {
    let scene = Scene::new(Which::Portolan);
    fs::create_dir(scene.root().join("tree")).unwrap();
    for name in ["file", "tree/one", "tree/two"] {
        fs::write(scene.root().join(name), content(5_000)).unwrap();
    }
    let events = |arguments: &[&str]| -> (i32, Vec<serde_json::Value>) {
        let (code, out, said) = scene.try_run(arguments);
        let event = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}: {said}"));
        (code, out.lines().map(event).collect())
    };
    let (code, got) = events(&["get", "--json", &scene.url("file")]);
    assert_eq!(code, 0);
    assert_eq!(got[0], serde_json::json!({ "event": "begin", "name": "file", "size": null }));
    let done = got.last().unwrap();
    assert_eq!(
        (&done["event"], &done["bytes"], &done["way"]),
        (&"done".into(), &5_000.into(), &"EPSV".into())
    );
    assert_eq!((&done["tls_resumed"], done["left"].as_array().unwrap().len()), (&true.into(), 0));
    let (code, got) = events(&["put", "--json", "file", &scene.url("up")]);
    assert_eq!((code, &got[0]["size"]), (0, &5_000.into()));
    let (code, got) = events(&["get", "--json", &scene.url("none")]);
    let failed = got.last().unwrap();
    assert_eq!((code, &failed["event"], &failed["code"]), (6, &"failed".into(), &6.into()));
    let (code, got) = events(&["mirror", "--json", &scene.url("tree/"), "tree"]);
    let names = |kind: &str| -> Vec<&str> {
        let of_kind = got.iter().filter(|event| event["event"] == kind);
        let mut names: Vec<&str> = of_kind.map(|event| event["name"].as_str().unwrap()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!((code, names("begin"), names("done")), (0, vec!["one", "two"], vec!["one", "two"]));
    let end = got.last().unwrap();
    assert_eq!((&end["event"], &end["actions"], &end["bytes"]), (&"end".into(), &2.into(), &10_000.into()));
}

/// The length of the longest file in a folder.
fn longest(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().filter_map(|entry| entry.unwrap().metadata().ok());
    entries.map(|metadata| metadata.len()).max().unwrap_or(0)
}

#[test]
fn an_upload_goes_on_where_an_earlier_run_broke_off() {
    for which in [Which::Portolan, Which::Other(Peer::Vsftpd), Which::Other(Peer::ProFtpd)] {
        let scene = Scene::new(which);
        let (path, url) = (scene.own.path().join("large"), scene.url(""));
        fs::write(&path, content(1_000_000)).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_len(500_000_000).unwrap();
        let mut broken = scene.command(&["put", "-q", "large", &url]).spawn().unwrap();
        while longest(&scene.root()) < 20_000_000 {
            assert_eq!(broken.try_wait().unwrap(), None, "it is done before it was broken off");
            std::thread::yield_now();
        }
        broken.kill().unwrap();
        broken.wait().unwrap();
        let (code, _, said) = scene.try_run(&["put", "-v", "large", &url]);
        assert_eq!(code, 0, "{which:?}: {said}");
        assert!(said.contains("> REST "), "{which:?}: {said}");
        let same = Command::new("cmp").arg(&path).arg(scene.root().join("large")).status().unwrap();
        assert!(same.success(), "{which:?}: {said}");
        // Nothing is left beside it.
        assert_eq!(fs::read_dir(scene.root()).unwrap().count(), 1, "{which:?}");
    }
}

#[test]
fn what_is_wrong_is_said_with_an_exit_code_of_its_own() {
    let scene = Scene::new(Which::Portolan);
    let say = |arguments: &[&str], wanted: i32, text: &str| {
        let (code, _, said) = scene.try_run(arguments);
        assert_eq!(code, wanted, "{arguments:?}: {said}");
        assert!(said.contains(text), "{said}");
    };
    say(&["ls", "http://localhost/"], 2, "ftp://");
    say(&["get", "ftp://localhost/a%0d%0aDELE b"], 2, "CR, LF or NUL");
    say(&["ls", "ftp://localhost:1/"], 3, "refused");
    say(&["ls", "ftp://does.not.exist.invalid/"], 3, "does.not.exist.invalid");
    say(&["ls", &scene.url("").replace("anonymous", "otto")], 4, "530");
    say(&["get", &scene.url("")], 2, "is a folder");
    say(&["get", &scene.url("a"), &scene.url("b"), "-o", "nofolder"], 2, "no folder");
    say(&["put", "missing", &scene.url("")], 9, "missing");
    say(&["put", "-", &scene.url("")], 2, "no name");
    say(&["put", "one/a", "two/a", &scene.url("")], 2, "two of these would be stored as a");
    // Options may stand anywhere, and what is wrong with a URL is said without its password.
    say(&["put", "missing", "-q", &scene.url("")], 9, "missing");
    for command in ["get", "ls", "rm", "put"] {
        for wrong in ["ftp://anna:sec/ret@host/f", "ftp://anna:secret"] {
            let (code, _, said) = scene.try_run(&[command, "file", wrong]);
            assert!(code == 2 && !said.contains("sec"), "{command}: {said}");
        }
    }
    fs::create_dir(scene.root().join("folder")).unwrap();
    say(&["get", &scene.url("folder")], 6, "550");
    say(&["mv", &scene.url("a"), "ftp://elsewhere/b"], 2, "one server");
}

#[test]
fn a_link_here_is_not_written_through() {
    let scene = Scene::new(Which::Portolan);
    let own = scene.own.path();
    fs::write(scene.root().join("file"), "from the server").unwrap();
    fs::write(own.join("precious"), "precious").unwrap();
    std::os::unix::fs::symlink("precious", own.join("file")).unwrap();
    std::os::unix::fs::symlink("precious", own.join(".other.portolan-part")).unwrap();
    scene.run(&["get", &scene.url("file")]);
    assert_eq!(fs::read(own.join("file")).unwrap(), b"from the server");
    let (code, _, said) = scene.try_run(&["get", &scene.url("file"), "-o", "other"]);
    assert_eq!(code, 9, "{said}");
    assert_eq!(fs::read(own.join("precious")).unwrap(), b"precious");
}
