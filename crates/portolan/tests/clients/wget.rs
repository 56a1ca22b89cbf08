//! wget. It only downloads.

use crate::curl::escape;
use crate::scene::*;
use portolan_testkit::launch::{must_be_same_tree, must_run};
use std::fs;

impl Scene {
    fn wget(&self, arguments: &[&str]) {
        must_run(
            self.client("wget").args(["-nv", "--tries=1", "--timeout=60", "--no-proxy"]).args(arguments),
        );
    }
}

#[test]
fn download_in_every_mode_over_both_families() {
    let scene = Scene::new();
    fs::write(scene.remote("bytes"), bytes()).unwrap();
    fs::write(scene.remote("text"), text()).unwrap();
    for host in ["127.0.0.1", "[::1]"] {
        for mode in ["--passive-ftp", "--no-passive-ftp"] {
            let url = format!("ftp://{host}:{}/", scene.port());
            scene.wget(&[mode, "-O", "down", &format!("{url}bytes")]);
            scene.must_be_same("bytes", "down");
            scene.wget(&[mode, "-O", "down", &format!("{url}text;type=a")]);
            let down = fs::read(scene.local("down")).unwrap();
            assert_eq!(down.into_iter().filter(|byte| *byte != b'\r').collect::<Vec<_>>(), text());
        }
    }
}

#[test]
fn resume_past_4_gib() {
    let scene = Scene::new();
    make_large(&scene.remote("large"));
    make_large_part(&scene.local("large"));
    scene.wget(&["-c", &format!("ftp://127.0.0.1:{}/large", scene.port())]);
    must_be_large(&scene.local("large"));
}

#[test]
fn a_tree_down() {
    let scene = Scene::new();
    scene.put_tree();
    scene.wget(&[
        "-q",
        "-r",
        "-l",
        "inf",
        "-nH",
        "--no-remove-listing",
        &format!("ftp://127.0.0.1:{}/doc/", scene.port()),
    ]);
    must_run(scene.client("find").args([".", "-name", ".listing", "-delete"]));
    must_be_same_tree(tree(), &scene.local("doc"));
}

#[test]
fn hard_names_survive() {
    let scene = Scene::new();
    put_hard_names(&scene.remote("names"));
    for name in hard_names() {
        // wget does not double a byte 255, and cannot say the others.
        if name.contains(&0xff) || name.ends_with(b"...") {
            continue;
        }
        let url = format!("ftp://127.0.0.1:{}/names/{}", scene.port(), escape(&name));
        scene.wget(&["-O", "down", "--no-glob", &url]);
        assert_eq!(fs::read(scene.local("down")).unwrap(), name);
    }
}
