//! `portolan mirror`, with each server.

use crate::scene::{Scene, Which};
use portolan_testkit::launch::must_run;
use portolan_testkit::peers::Peer;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Everything in a tree but links: whether it is a folder, and what is in a file.
fn tree(top: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let (mut found, mut left) = (BTreeMap::new(), vec![top.to_owned()]);
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
            if kind.is_dir() {
                found.insert(name, None);
                left.push(path);
            } else if kind.is_file() {
                found.insert(name, Some(fs::read(path).unwrap()));
            }
        }
    }
    found
}

fn same(one: &Path, other: &Path, what: &str) {
    let (one, other) = (tree(one), tree(other));
    let differ: Vec<&String> = one
        .iter()
        .filter(|(name, content)| other.get(*name) != Some(content))
        .map(|(name, _)| name)
        .collect();
    let more: Vec<&String> = other.keys().filter(|name| !one.contains_key(*name)).collect();
    assert!(differ.is_empty() && more.is_empty(), "{what}: differ {differ:?}, more {more:?}");
}

/// Breaks control connections so often, each time after so long.
type Cuts = (usize, Duration);

/// Runs a mirror, and breaks its control connections in the middle; how often that was.
fn cut_off(scene: &Scene, arguments: &[&str], (cuts, between): Cuts) -> usize {
    let mut command = scene.command(&[&["mirror", "-q", "--retries", "12"], arguments].concat());
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut cut = 0;
    let port = scene.port.to_string();
    while child.try_wait().unwrap().is_none() {
        std::thread::sleep(between);
        if cut < cuts {
            let ss = Command::new("ss")
                .args(["-H", "-n", "-K", "-t", "state", "established", "dport", "=", &port])
                .output()
                .unwrap();
            cut += usize::from(!ss.stdout.is_empty());
        }
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    cut
}

const DOCUMENTATION: &str = "/usr/share/doc";

/// The documentation of this machine, up and down.
fn documentation(which: Which, options: &[&str]) {
    let cuts = (10, Duration::from_millis(50));
    up_and_down(&Scene::new(which), Path::new(DOCUMENTATION), options, cuts);
}

/// That of some packages, over TLS.
fn some_documentation_over_tls(which: Which) {
    let scene = Scene::new(which);
    let source = scene.own.path().join("some");
    fs::create_dir(&source).unwrap();
    for package in fs::read_dir(DOCUMENTATION).unwrap() {
        let package = package.unwrap();
        if matches!(package.file_name().as_bytes(), [b'a'..=b'f' | b'p', ..]) {
            must_run(Command::new("cp").arg("-a").arg(package.path()).arg(&source));
        }
    }
    // Not so often that one session after the other ends at its login.
    up_and_down(&scene, &source, &["--tls", "required"], (4, Duration::from_millis(300)));
}

/// A tree up and down, while control connections break.
fn up_and_down(scene: &Scene, source: &Path, options: &[&str], cuts: Cuts) {
    let url = scene.url("deep/doc/");
    let up = cut_off(scene, &[&[source.to_str().unwrap(), &url], options].concat(), cuts);
    same(source, &scene.root().join("deep/doc"), "up");
    let down = cut_off(scene, &[&[&url, "down"], options].concat(), cuts);
    same(source, &scene.own.path().join("down"), "down");
    assert!(up >= 2 && down >= 2, "{up} and {down} cuts");
    // Nothing to do, either way.
    assert_eq!(scene.run(&[&["mirror", "-n", "--delete", &url, "down"], options].concat()), "");
    assert_eq!(
        scene.run(&[&["mirror", "-n", "--delete", source.to_str().unwrap(), &url], options].concat()),
        ""
    );
}

#[test]
fn the_documentation_with_portolan() {
    documentation(Which::Portolan, &[]);
}

#[test]
fn the_documentation_with_vsftpd() {
    documentation(Which::Other(Peer::Vsftpd), &["--tls", "off"]);
}

#[test]
fn the_documentation_with_proftpd() {
    documentation(Which::Other(Peer::ProFtpd), &["--tls", "off"]);
}

#[test]
fn the_documentation_with_pure_ftpd() {
    documentation(Which::Other(Peer::PureFtpd), &["--tls", "off"]);
}

#[test]
fn the_documentation_with_pyftpdlib() {
    documentation(Which::Other(Peer::Pyftpdlib), &["--tls", "off"]);
}

#[test]
fn some_documentation_with_vsftpd_over_tls() {
    some_documentation_over_tls(Which::Other(Peer::Vsftpd));
}

#[test]
fn some_documentation_with_proftpd_over_tls() {
    some_documentation_over_tls(Which::Other(Peer::ProFtpd));
}

#[test]
fn some_documentation_with_pure_ftpd_over_tls() {
    some_documentation_over_tls(Which::Other(Peer::PureFtpd));
}

#[test]
fn what_is_wanted_and_no_more() {
    let scene = Scene::new(Which::Portolan);
    let (own, root, url) = (scene.own.path(), scene.root(), scene.url(""));
    let put = |path: &Path, text: &str, time: u64| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        let time = std::time::UNIX_EPOCH + Duration::from_secs(time);
        fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
    };
    for name in ["a/one.txt", "a/two.gz", "b/three.txt", "b/.hidden"] {
        put(&root.join(name), name, 1_600_000_000);
    }
    put(&root.join("newer"), "of the server", 1_700_000_000);
    put(&root.join("older"), "of the server", 1_500_000_000);
    fs::set_permissions(root.join("a/one.txt"), fs::Permissions::from_mode(0o640)).unwrap();
    for name in ["newer", "older"] {
        put(&own.join("here").join(name), "of this side!", 1_600_000_000);
    }
    put(&own.join("here/more/file"), "more", 1_600_000_000);
    // A plan, and nothing else.
    let plan = scene.run(&["mirror", "-n", "--delete", &url, "here"]);
    assert_eq!(
        plan,
        "+ a/\n+ b/\n+ a/one.txt\n+ a/two.gz\n+ b/.hidden\n+ b/three.txt\n+ newer\n+ older\n- more/file\n- more/\n"
    );
    assert!(!own.join("here/a").exists() && own.join("here/more").exists());
    let plan = scene.run(&[
        "mirror",
        "-n",
        "--newer",
        &url,
        "here",
        "--exclude",
        "b",
        "--include",
        "*.txt",
        "--include",
        "n*",
    ]);
    assert_eq!(plan, "+ a/\n+ a/one.txt\n+ newer\n");
    // Too much at once.
    let (code, _, said) = scene.try_run(&["mirror", "--delete", "--max-delete", "1", &url, "here"]);
    assert!(code == 1 && said.contains("--max-delete 1"), "{said}");
    assert!(own.join("here/more/file").exists() && !own.join("here/a").exists());
    scene.run(&["mirror", "--delete", &url, "here"]);
    same(&root, &own.join("here"), "after all");
    let one = fs::metadata(own.join("here/a/one.txt")).unwrap();
    assert_eq!((one.mtime(), one.mode() & 0o777), (1_600_000_000, 0o640));
    // The other way round, where a link is none of its business.
    std::os::unix::fs::symlink("/etc", own.join("here/link")).unwrap();
    fs::remove_file(own.join("here/newer")).unwrap();
    put(&own.join("here/c/new"), "new", 1_650_000_000);
    scene.run(&["mirror", "--delete", "here", &url]);
    assert!(!root.join("newer").exists() && !root.join("link").exists());
    assert_eq!(fs::metadata(root.join("c/new")).unwrap().mtime(), 1_650_000_000);
    // A folder that is a link here is not entered.
    fs::remove_dir_all(own.join("here/c")).unwrap();
    let outside = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(outside.path(), own.join("here/c")).unwrap();
    let (code, _, said) = scene.try_run(&["mirror", &url, "here"]);
    assert_eq!((code, fs::read_dir(outside.path()).unwrap().count()), (1, 0), "{said}");
    let (code, _, said) = scene.try_run(&["mirror", &scene.url("none/"), "other"]);
    assert!(code != 0 && said.contains("no such folder") && !own.join("other").exists(), "{said}");
}
