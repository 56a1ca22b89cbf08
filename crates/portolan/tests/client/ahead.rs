//! Many small files: what is asked for ahead, and what arrives.

use crate::scene::{Scene, Which};
use portolan_testkit::peers::Peer;
use std::fs;

const FILES: usize = 300;

/// What the file with this number holds; some hold nothing, and one is no small one.
fn content(number: usize) -> Vec<u8> {
    let length = match number {
        150 => 3_000_000,
        number => number * 37 % 1_900,
    };
    (0..length).map(|at| (at * 31 + number) as u8).collect()
}

/// Mirrors a folder of small files by one session; the conversation.
fn mirror(scene: &Scene, options: &[&str]) -> String {
    let folder = scene.root().join("many");
    fs::create_dir(&folder).unwrap();
    for number in 0..FILES {
        fs::write(folder.join(format!("{number:03}")), content(number)).unwrap();
    }
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

fn count(said: &str, what: &str) -> usize {
    said.lines().filter(|line| line.starts_with(what)).count()
}

#[test]
fn with_portolan_they_have_one_data_connection_in_common() {
    for options in [&["--tls", "off"][..], &["--tls", "required"], &["--mode", "active"]] {
        let said = mirror(&Scene::new(Which::Portolan), options);
        // One for the listing, one for the large file, and one before and one behind it.
        let connections =
            count(&said, "* data connection to") + count(&said, "* waiting for a data connection");
        assert!(connections <= 4, "{said}");
        assert!(count(&said, "< 125") > 250, "{said}");
        // Many are asked for before those before them are there.
        let (mut running, mut most) = (0_usize, 0);
        for line in said.lines() {
            match line {
                line if line.starts_with("> RETR") => running += 1,
                line if line.starts_with("< 250") => running = running.saturating_sub(1),
                _ => {}
            }
            most = most.max(running);
        }
        assert!(most > 20, "{most}: {said}");
    }
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
