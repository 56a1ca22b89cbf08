//! rclone. It speaks passive mode only, and neither resumes nor appends.

use crate::scene::*;
use portolan_testkit::launch::{must_be_same_tree, must_run};
use std::fs;

impl Scene {
    fn rclone(&self, host: &str, arguments: &[&str]) -> String {
        let password = must_run(self.client("rclone").args(["obscure", "x"]));
        let password = String::from_utf8(password).unwrap();
        let mut client = self.client("rclone");
        client
            .env("RCLONE_CONFIG_R_TYPE", "ftp")
            .env("RCLONE_CONFIG_R_HOST", host)
            .env("RCLONE_CONFIG_R_PORT", self.port())
            .env("RCLONE_CONFIG_R_USER", "anonymous")
            .env("RCLONE_CONFIG_R_PASS", password.trim())
            .args(["--config", "/dev/null", "--retries", "1", "--low-level-retries", "1"]);
        String::from_utf8_lossy(&must_run(client.args(arguments))).into_owned()
    }
}

#[test]
fn files_and_folders_over_both_families() {
    let scene = Scene::new();
    fs::write(scene.local("bytes"), bytes()).unwrap();
    for host in ["127.0.0.1", "[::1]"] {
        scene.rclone(host, &["mkdir", "r:a/b"]);
        scene.rclone(host, &["copyto", "bytes", "r:a/one"]);
        scene.must_be_same("a/one", "bytes");
        scene.rclone(host, &["moveto", "r:a/one", "r:a/b/two"]);
        scene.rclone(host, &["copyto", "r:a/b/two", "down"]);
        scene.must_be_same("a/b/two", "down");
        assert_eq!(scene.rclone(host, &["lsf", "-R", "r:a"]), "b/\nb/two\n");
        scene.rclone(host, &["deletefile", "r:a/b/two"]);
        scene.rclone(host, &["rmdir", "r:a/b"]);
        scene.rclone(host, &["purge", "r:a"]);
        assert!(!scene.remote("a").exists());
    }
}

#[test]
fn a_tree_down_and_up() {
    let scene = Scene::new();
    scene.put_tree();
    scene.rclone("127.0.0.1", &["copy", "--transfers", "8", "--create-empty-src-dirs", "r:doc", "down"]);
    must_be_same_tree(tree(), &scene.local("down"));
    scene.rclone("127.0.0.1", &["copy", "--transfers", "8", "--create-empty-src-dirs", "down", "r:up"]);
    must_be_same_tree(tree(), &scene.remote("up"));
    scene.rclone("127.0.0.1", &["check", "--download", "r:up", "down"]);
}

#[test]
fn hard_names_survive() {
    let scene = Scene::new();
    put_hard_names(&scene.local("names"));
    remove_other_charsets(&scene.local("names"));
    scene.rclone("127.0.0.1", &["copy", "names", "r:up"]);
    scene.rclone("127.0.0.1", &["copy", "r:up", "down"]);
    must_be_same_tree(&scene.local("names"), &scene.local("down"));
}
