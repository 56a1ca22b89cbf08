//! `--charset`, with servers that keep names as the bytes they are.

use crate::scene::{Scene, Which};
use portolan_testkit::peers::Peer;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A path whose bytes are latin1.
fn latin1(text: &str) -> PathBuf {
    let bytes: Vec<u8> = text.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect();
    Path::new(OsStr::from_bytes(&bytes)).to_owned()
}

fn latin1_names(peer: Peer) {
    let scene = Scene::new(Which::Other(peer));
    let (own, root) = (scene.own.path(), scene.root());
    let options = ["--charset", "latin1", "--tls", "off", "-q"];
    let run = |arguments: &[&str]| scene.run(&[arguments, &options].concat());
    // A folder that the server's user may write to.
    run(&["mkdir", &scene.url("d%C3%A9p%C3%B4t")]);
    assert!(root.join(latin1("dépôt")).is_dir());
    fs::write(root.join(latin1("été")), "of the server").unwrap();
    assert_eq!(run(&["ls", &scene.url("")]), "dépôt/\nété\n");
    assert_eq!(run(&["cat", &scene.url("été")]), "of the server");
    run(&["get", &scene.url("été")]);
    assert_eq!(fs::read(own.join("été")).unwrap(), b"of the server");
    fs::write(own.join("à côté"), "of this side").unwrap();
    // Larger than what is stored under its own name, and with a name that has to be cut for that of its part.
    let long = "é".repeat(120);
    fs::write(own.join(&long), vec![b'l'; 100_000]).unwrap();
    run(&["put", "à côté", &long, &scene.url("dépôt/")]);
    assert_eq!(fs::read(root.join(latin1("dépôt/à côté"))).unwrap(), b"of this side");
    assert_eq!(fs::read(root.join(latin1(&format!("dépôt/{long}")))).unwrap().len(), 100_000);
    run(&["mv", &scene.url("dépôt/à côté"), &scene.url("dépôt/là")]);
    assert!(root.join(latin1("dépôt/là")).exists());
    // Trees, both ways.
    run(&["mkdir", "-p", &scene.url("dépôt/ü/ö")]);
    run(&["mirror", &scene.url("dépôt/"), "hier"]);
    assert_eq!(fs::read(own.join("hier/là")).unwrap(), b"of this side");
    assert!(own.join("hier/ü/ö").is_dir());
    fs::write(own.join("hier/ü/ß"), "new").unwrap();
    run(&["mirror", "hier", &scene.url("dépôt/")]);
    assert_eq!(fs::read(root.join(latin1("dépôt/ü/ß"))).unwrap(), b"new");
    for pair in [["hier", &scene.url("dépôt/")], [&scene.url("dépôt/"), "hier"]] {
        assert_eq!(run(&["mirror", "-n", pair[0], pair[1]]), "");
    }
    // What cannot be said there is not said.
    let (code, _, said) = scene.try_run(&[&["mkdir", &scene.url("日本")], &options[..]].concat());
    assert!(code != 0 && said.contains("'日' does not exist in windows-1252"), "{said}");
    run(&["rm", "-r", &scene.url("dépôt")]);
    assert_eq!(run(&["ls", &scene.url("")]), "été\n");
}

#[test]
fn latin1_names_with_vsftpd() {
    latin1_names(Peer::Vsftpd);
}

#[test]
fn latin1_names_with_pure_ftpd() {
    latin1_names(Peer::PureFtpd);
}

#[test]
fn latin1_names_with_proftpd() {
    latin1_names(Peer::ProFtpd);
}

#[test]
fn what_is_no_charset_is_refused() {
    let scene = Scene::new(Which::Portolan);
    for name in ["utf-16", "klingon"] {
        let (code, _, said) = scene.try_run(&["ls", &scene.url(""), "--charset", name]);
        assert!(code == 2 && said.contains("no charset for names"), "{said}");
    }
}
