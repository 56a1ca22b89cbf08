//! lftp.

use crate::scene::*;
use portolan_testkit::launch::{must_be_same_tree, must_run};
use std::fs;

impl Scene {
    fn lftp(&self, host: &str, passive: bool, script: &str) -> String {
        let settings = "set ftp:ssl-allow no; set net:max-retries 2; set net:timeout 60; set cmd:fail-exit yes; \
                        set ftp:use-mode-z no; set xfer:clobber on; set net:reconnect-interval-base 1";
        let mode = if passive { "on" } else { "off" };
        let script = format!(
            "{settings}; set ftp:passive-mode {mode}; open -u anonymous,x ftp://{host}:{}; {script}",
            self.served.port
        );
        String::from_utf8_lossy(&must_run(self.client("lftp").args(["--norc", "-c", &script]))).into_owned()
    }
}

#[test]
fn everything_in_every_mode_over_both_families() {
    let scene = Scene::new();
    fs::write(scene.local("bytes"), bytes()).unwrap();
    fs::write(scene.local("text"), text()).unwrap();
    for (host, passive) in [("127.0.0.1", true), ("127.0.0.1", false), ("[::1]", true), ("[::1]", false)] {
        let listing = scene.lftp(
            host,
            passive,
            "mkdir -p a/b; cd a; put bytes; put -a text; mv bytes b/moved; get b/moved -o down; get -a text -o down.txt; cls -1 b; ls",
        );
        assert!(listing.contains("moved") && listing.contains("text"), "{listing}");
        scene.must_be_same("a/b/moved", "bytes");
        scene.must_be_same("a/text", "text");
        must_be_same(&scene.local("down"), &scene.local("bytes"));
        must_be_same(&scene.local("down.txt"), &scene.local("text"));
        scene.lftp(host, passive, "cd a; rm b/moved text; rmdir b; cd ..; rmdir a");
        assert!(!scene.remote("a").exists());
    }
}

#[test]
fn deflated_both_ways() {
    let scene = Scene::new();
    fs::write(scene.local("bytes"), bytes()).unwrap();
    fs::write(scene.local("text"), text()).unwrap();
    fs::write(scene.local("empty"), "").unwrap();
    fs::write(scene.local("zeros"), vec![0; 16 << 20]).unwrap();
    for level in [0, 1, 6, 9] {
        let script = format!(
            "set ftp:use-mode-z yes; set ftp:mode-z-level {level}; mput bytes empty zeros; put -a text; \
             get bytes -o down; get empty -o none; get zeros -o nothing; get -a text -o down.txt; cls; rm bytes"
        );
        scene.lftp("127.0.0.1", true, &script);
        for (remote, local) in
            [("bytes", "down"), ("empty", "none"), ("zeros", "nothing"), ("text", "down.txt")]
        {
            must_be_same(&scene.local(local), &scene.local(remote));
        }
        scene.must_be_same("zeros", "zeros");
        scene.must_be_same("empty", "empty");
        scene.must_be_same("text", "text");
        for name in ["down", "none", "nothing", "down.txt"] {
            fs::remove_file(scene.local(name)).unwrap();
        }
    }
    let said = scene.served.log().join("\n");
    // What went over the connection is counted: next to nothing, where there is nothing in the file.
    let sizes = said.lines().filter_map(|line| line.split_once("path=/zeros bytes=")?.1.split(' ').next());
    assert!(sizes.filter_map(|size| size.parse::<u64>().ok()).any(|size| size < 100_000), "{said}");
}

#[test]
fn resume_past_4_gib_both_ways() {
    let scene = Scene::new();
    make_large(&scene.remote("large"));
    make_large_part(&scene.local("large"));
    scene.lftp("127.0.0.1", true, "get -c large");
    must_be_large(&scene.local("large"));
    fs::rename(scene.local("large"), scene.local("up")).unwrap();
    make_large_part(&scene.remote("up"));
    scene.lftp("127.0.0.1", true, "put -c up");
    must_be_large(&scene.remote("up"));
}

#[test]
fn a_tree_down_and_up() {
    let scene = Scene::new();
    scene.put_tree();
    scene.lftp("127.0.0.1", true, "mirror doc down");
    must_be_same_tree(tree(), &scene.local("down"));
    scene.lftp("[::1]", true, "mirror -R -P 8 down up");
    must_be_same_tree(tree(), &scene.remote("up"));
    scene.lftp("127.0.0.1", false, "mirror -P 4 up again");
    must_be_same_tree(tree(), &scene.local("again"));
    let changes = scene.lftp("127.0.0.1", true, "mirror --dry-run up again");
    assert_eq!(changes, "", "times and sizes are the same, so nothing is to do");
}

#[test]
fn pipelined_commands_are_answered_in_order() {
    let scene = Scene::new();
    scene.put_tree();
    scene.lftp("127.0.0.1", true, "set ftp:sync-mode off; mirror -P 3 doc down");
    must_be_same_tree(tree(), &scene.local("down"));
}

#[test]
fn links_are_seen_as_links() {
    let scene = Scene::new();
    fs::create_dir(scene.remote("d")).unwrap();
    fs::write(scene.remote("d/file"), "x").unwrap();
    std::os::unix::fs::symlink("file", scene.remote("d/link")).unwrap();
    scene.lftp("127.0.0.1", true, "mirror d down");
    assert_eq!(fs::read_link(scene.local("down/link")).unwrap().to_str(), Some("file"));
}

#[test]
fn hard_names_survive() {
    let scene = Scene::new();
    put_hard_names(&scene.remote("names"));
    remove_other_charsets(&scene.remote("names"));
    scene.lftp("127.0.0.1", true, "mirror names down; mirror -R down up");
    must_be_same_tree(&scene.remote("names"), &scene.local("down"));
    must_be_same_tree(&scene.remote("names"), &scene.remote("up"));
}
