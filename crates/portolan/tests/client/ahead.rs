//! Many small files: what is asked for ahead, and what arrives.

use crate::scene::{PROGRAM, Scene, Which};
use portolan_testkit::authority::Authority;
use portolan_testkit::launch::Served;
use portolan_testkit::peers::Peer;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

const FILES: usize = 300;

/// What the file with this number holds; some hold nothing, and one is no small one.
fn content(number: usize) -> Vec<u8> {
    let length = match number {
        150 => 3_000_000,
        number => number * 37 % 1_900,
    };
    (0..length).map(|at| (at * 31 + number) as u8).collect()
}

fn make_files(folder: &Path) {
    fs::create_dir(folder).unwrap();
    for number in 0..FILES {
        fs::write(folder.join(format!("{number:03}")), content(number)).unwrap();
    }
}

/// Mirrors a folder of small files by one session; the conversation.
fn mirror(scene: &Scene, options: &[&str]) -> String {
    make_files(&scene.root().join("many"));
    let url = scene.url("many/");
    let (code, _, said) = scene.try_run(&[&["mirror", "-v", "-j", "1", &url, "down"][..], options].concat());
    assert_eq!(code, 0, "{said}");
    for number in 0..FILES {
        let came = fs::read(scene.own.path().join(format!("down/{number:03}"))).unwrap();
        assert!(came == content(number), "{number} {options:?}: {said}");
    }
    assert_eq!(fs::read_dir(scene.own.path().join("down")).unwrap().count(), FILES);
    said
}

/// The same the other way.
fn mirror_up(scene: &Scene, options: &[&str]) -> String {
    let source = scene.own.path().join("many");
    make_files(&source);
    let url = scene.url("many/");
    let (code, _, said) = scene.try_run(&[&["mirror", "-v", "-j", "1", "many", &url][..], options].concat());
    assert_eq!(code, 0, "{said}");
    let target = scene.root().join("many");
    for number in 0..FILES {
        let name = format!("{number:03}");
        assert!(fs::read(target.join(&name)).unwrap() == content(number), "{number} {options:?}: {said}");
        let times = [&source, &target].map(|folder| fs::metadata(folder.join(&name)).unwrap().mtime());
        assert_eq!(times[0], times[1], "{number}");
    }
    assert_eq!(fs::read_dir(&target).unwrap().count(), FILES);
    said
}

/// The most commands that were under way at a time, by how they begin and how the answers to them do.
fn most_ahead(said: &str, command: &str, answer: &str) -> usize {
    let (mut running, mut most) = (0_usize, 0);
    for line in said.lines() {
        match line {
            line if line.starts_with(command) => running += 1,
            line if line.starts_with(answer) => running = running.saturating_sub(1),
            _ => {}
        }
        most = most.max(running);
    }
    most
}

/// Data connections that were opened.
fn connections(said: &str) -> usize {
    count(said, "* data connection to") + count(said, "* waiting for a data connection")
}

fn count(said: &str, what: &str) -> usize {
    said.lines().filter(|line| line.starts_with(what)).count()
}

#[test]
fn with_portolan_they_have_one_data_connection_in_common() {
    for options in [&["--tls", "off"][..], &["--tls", "required"], &["--mode", "active"]] {
        let said = mirror(&Scene::new(Which::Portolan), options);
        // One for the listing, one for the large file, and one before and one behind it.
        assert!(connections(&said) <= 4, "{said}");
        assert!(count(&said, "< 125") > 250, "{said}");
        // Many are asked for before those before them are there.
        assert!(most_ahead(&said, "> RETR", "< 250") > 20, "{said}");
    }
}

#[test]
fn uploads_to_portolan_have_one_in_common_too() {
    for options in [&["--tls", "off"][..], &["--tls", "required"], &["--mode", "active"]] {
        let said = mirror_up(&Scene::new(Which::Portolan), options);
        assert!(connections(&said) <= 4, "{said}");
        assert!(count(&said, "< 125") > 250, "{said}");
        assert!(most_ahead(&said, "> STOR", "< 250") > 3, "{said}");
    }
}

#[test]
fn uploads_to_others_have_one_each() {
    for peer in [Peer::Vsftpd, Peer::ProFtpd, Peer::PureFtpd, Peer::Pyftpdlib] {
        let said = mirror_up(&Scene::new(Which::Other(peer)), &["--tls", "off"]);
        assert_eq!(most_ahead(&said, "> STOR", "< 226"), 1, "{peer:?}: {said}");
    }
}

#[test]
fn several_files_that_are_put_have_one_in_common() {
    let scene = Scene::new(Which::Portolan);
    make_files(&scene.own.path().join("many"));
    let names: Vec<String> = (0..100).map(|number| format!("many/{number:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (code, _, said) = scene.try_run(&[&["put", "-v", "-j", "1"], &names[..], &[&scene.url("")]].concat());
    assert!(code == 0 && connections(&said) == 1, "{said}");
    for number in 0..100 {
        assert!(fs::read(scene.root().join(format!("{number:03}"))).unwrap() == content(number), "{said}");
    }
}

#[test]
fn uploads_go_on_when_their_control_connection_is_cut() {
    let scene = Scene::new(Which::Portolan);
    make_files(&scene.own.path().join("many"));
    let mut command = scene.command(&["mirror", "-v", "-j", "1", "many", &scene.url("many/")]);
    command.stdout(Stdio::null()).stderr(File::create(scene.own.path().join("said")).unwrap());
    let mut child = command.spawn().unwrap();
    let stored = || fs::read_dir(scene.root().join("many")).map_or(0, Iterator::count);
    while stored() < 50 {
        assert_eq!(child.try_wait().unwrap(), None, "it is over before it was cut");
        std::thread::yield_now();
    }
    let port = scene.port.to_string();
    let cut = ["-H", "-n", "-K", "-t", "state", "established", "dport", "=", &port];
    assert!(!Command::new("ss").args(cut).output().unwrap().stdout.is_empty());
    let status = child.wait().unwrap();
    let said = fs::read_to_string(scene.own.path().join("said")).unwrap();
    assert!(status.success() && count(&said, "> USER") == 2, "{said}");
    for number in 0..FILES {
        let came = fs::read(scene.root().join(format!("many/{number:03}"))).unwrap();
        assert!(came == content(number), "{number}: {said}");
    }
    assert_eq!(stored(), FILES);
}

/// A server with this table of what everybody may do.
fn configured(anonymous: &str) -> Scene {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("root")).unwrap();
    fs::create_dir(folder.path().join("sealed")).unwrap();
    let text = format!("listen = [\"LISTEN\"]\n[tls]\npolicy = \"off\"\n[anonymous]\n{anonymous}");
    Scene::of(Served::configured(PROGRAM, folder, &text), &Authority::new("Test authority"))
}

#[test]
fn what_is_refused_in_between_is_told_and_disturbs_no_other() {
    let scene = configured(
        "mount = [{ at = \"/\", folder = \"root\", rights = \"full\" },\n\
         { at = \"/many/150\", folder = \"sealed\", rights = \"read-only\" }]\n",
    );
    fs::create_dir(scene.root().join("many")).unwrap();
    let source = scene.own.path().join("many");
    make_files(&source);
    fs::remove_file(source.join("150")).unwrap();
    fs::create_dir(source.join("150")).unwrap();
    for name in ["a", "b", "c"] {
        fs::write(source.join("150").join(name), "what may not be there").unwrap();
    }
    let url = scene.url("many/");
    let (code, _, said) = scene.try_run(&["mirror", "-v", "-j", "1", "--tls", "off", "many", &url]);
    assert_eq!((code, count(&said, "< 550")), (6, 3), "{said}");
    assert!(said.contains("150/a") && said.contains("150/c"), "{said}");
    assert!(connections(&said) <= 3, "{said}");
    for number in (0..FILES).filter(|number| *number != 150) {
        let came = fs::read(scene.root().join(format!("many/{number:03}"))).unwrap();
        assert!(came == content(number), "{number}: {said}");
    }
    assert_eq!(fs::read_dir(scene.root().join("../sealed")).unwrap().count(), 0);
}

#[test]
fn where_there_is_room_no_more_what_is_stored_is_whole() {
    let scene = configured(
        "quota-bytes = \"100 KB\"\nmount = [{ at = \"/\", folder = \"root\", rights = \"full\" }]\n",
    );
    make_files(&scene.own.path().join("many"));
    let url = scene.url("many/");
    let (code, _, said) = scene.try_run(&["mirror", "-v", "-j", "1", "--tls", "off", "many", &url]);
    assert!(code == 6 && count(&said, "< 552") > 0, "{code}: {said}");
    let mut stored = 0;
    for entry in fs::read_dir(scene.root().join("many")).unwrap() {
        let entry = entry.unwrap();
        let number = entry.file_name().to_str().unwrap().parse().unwrap();
        assert!(fs::read(entry.path()).unwrap() == content(number), "{number}: {said}");
        stored += 1;
    }
    assert!(stored > 50, "{stored}: {said}");
}

#[test]
fn vsftpd_is_told_the_next_before_it_is_done() {
    for options in [&["--tls", "off"][..], &["--tls", "required"], &["--tls", "off", "--mode", "active"]] {
        let said = mirror(&Scene::new(Which::Other(Peer::Vsftpd)), options);
        let (mut running, mut ahead) = (0_usize, 0);
        for line in said.lines() {
            match line {
                line if line.starts_with("> RETR") => running += 1,
                line if line.starts_with("< 226") => running = running.saturating_sub(1),
                line if line.starts_with("> EP") && running > 0 => ahead += 1,
                _ => {}
            }
        }
        assert!(ahead > 100, "{options:?}: {said}");
    }
}

#[test]
fn others_are_asked_for_one_after_the_other() {
    for peer in [Peer::ProFtpd, Peer::PureFtpd, Peer::Pyftpdlib] {
        let said = mirror(&Scene::new(Which::Other(peer)), &["--tls", "off"]);
        let mut running = 0;
        for line in said.lines() {
            // What is sent while one runs is refused by the first of them, lost on the second, and ends it on the third.
            if line.starts_with("> RETR") {
                running += 1;
            } else if line.starts_with("< 226") {
                running = 0;
            }
            assert!(running < 2, "{peer:?}: {said}");
        }
    }
}
