//! ncftp. It speaks IPv4 only.

use crate::scene::*;
use portolan_testkit::launch::{must_be_same_tree, must_run};
use std::fs;

impl Scene {
    fn ncftp(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let port = self.port();
        let login = ["-P", &port, "-u", "anonymous", "-p", "x"];
        must_run(self.client(program).args(login).args(arguments))
    }
}

#[test]
fn download_upload_append_and_list_in_both_modes() {
    let scene = Scene::new();
    fs::write(scene.local("bytes"), bytes()).unwrap();
    fs::write(scene.local("text"), text()).unwrap();
    fs::create_dir(scene.remote("in")).unwrap();
    fs::create_dir(scene.local("down")).unwrap();
    fs::create_dir(scene.local("gone")).unwrap();
    for mode in ["-F", "-E"] {
        scene.ncftp("ncftpput", &["-V", mode, "127.0.0.1", "/in", "bytes"]);
        scene.must_be_same("in/bytes", "bytes");
        scene.ncftp("ncftpput", &["-V", mode, "-a", "127.0.0.1", "/in", "text"]);
        scene.must_be_same("in/text", "text");
        scene.ncftp("ncftpput", &["-V", mode, "-A", "127.0.0.1", "/in", "bytes"]);
        assert_eq!(fs::read(scene.remote("in/bytes")).unwrap(), [bytes(), bytes()].concat());
        scene.ncftp("ncftpput", &["-V", mode, "-T", "tmp.", "127.0.0.1", "/in", "bytes"]);
        scene.must_be_same("in/bytes", "bytes");
        scene.ncftp("ncftpget", &["-V", mode, "127.0.0.1", "down", "/in/bytes", "/in/text"]);
        must_be_same(&scene.local("down/bytes"), &scene.local("bytes"));
        let list = scene.ncftp("ncftpls", &[mode, "-1", &format!("ftp://127.0.0.1:{}/in/", scene.port())]);
        assert_eq!(String::from_utf8(list).unwrap(), "bytes\ntext\n");
        scene.ncftp("ncftpget", &["-V", mode, "-DD", "127.0.0.1", "gone", "/in/bytes", "/in/text"]);
        assert_eq!(fs::read_dir(scene.remote("in")).unwrap().count(), 0);
    }
}

#[test]
fn resume_past_4_gib_down_and_less_up() {
    let scene = Scene::new();
    make_large(&scene.remote("large"));
    make_large_part(&scene.local("large"));
    scene.ncftp("ncftpget", &["-V", "-z", "127.0.0.1", ".", "/large"]);
    must_be_large(&scene.local("large"));
    // Behind 4 GiB it sends the file from its beginning, whatever it has agreed on.
    fs::create_dir(scene.remote("up")).unwrap();
    fs::write(scene.local("text"), text()).unwrap();
    fs::write(scene.remote("up/text"), &text()[..20_000]).unwrap();
    scene.ncftp("ncftpput", &["-V", "-z", "127.0.0.1", "/up", "text"]);
    scene.must_be_same("up/text", "text");
}

#[test]
fn a_tree_down_and_up() {
    let scene = Scene::new();
    scene.put_tree();
    scene.ncftp("ncftpget", &["-V", "-R", "127.0.0.1", "down", "/doc"]);
    must_be_same_tree(tree(), &scene.local("down/doc"));
    scene.ncftp("ncftpput", &["-V", "-R", "-m", "127.0.0.1", "/up", "down/doc"]);
    must_be_same_tree(tree(), &scene.remote("up/doc"));
}
