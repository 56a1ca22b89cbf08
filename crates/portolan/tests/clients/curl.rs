//! curl.

use crate::scene::*;
use portolan_testkit::launch::{must_be_same_tree, must_run};
use std::fmt::Write;
use std::fs;
use std::os::unix::ffi::OsStrExt;

/// How curl is told to have its data connection.
const MODES: &[(&str, &[&str])] = &[
    ("EPSV", &["--ftp-pasv"]),
    ("PASV", &["--ftp-pasv", "--disable-epsv"]),
    ("EPRT", &["--ftp-port", "-"]),
    ("PORT", &["--ftp-port", "-", "--disable-eprt"]),
];

impl Scene {
    fn curl(&self, arguments: &[&str]) -> Vec<u8> {
        must_run(self.client("curl").args(["-sS", "--max-time", "300"]).args(arguments))
    }

    fn url(&self, host: &str, path: &str) -> String {
        format!("ftp://{host}:{}/{path}", self.served.port)
    }
}

#[test]
fn every_mode_over_both_families() {
    let scene = Scene::new();
    fs::write(scene.remote("bytes"), bytes()).unwrap();
    for host in ["127.0.0.1", "[::1]"] {
        for (mode, arguments) in MODES {
            if host == "[::1]" && ["PASV", "PORT"].contains(mode) {
                continue;
            }
            let (down, up) = (scene.url(host, "bytes"), scene.url(host, "up"));
            scene.curl(&[arguments, &["-o", "down", &down][..]].concat());
            scene.must_be_same("bytes", "down");
            scene.curl(&[arguments, &["-T", "down", &up][..]].concat());
            scene.must_be_same("up", "down");
            let list = scene.curl(&[arguments, &["-l", &scene.url(host, "")][..]].concat());
            assert_eq!(String::from_utf8(list).unwrap(), "bytes\nup\n", "{mode} {host}");
            fs::remove_file(scene.remote("up")).unwrap();
        }
    }
}

#[test]
fn text_append_rename_delete_and_folders() {
    let scene = Scene::new();
    fs::write(scene.remote("text"), text()).unwrap();
    fs::write(scene.local("more"), "more\n").unwrap();
    let root = scene.url("127.0.0.1", "");
    let down = scene.curl(&["-B", &scene.url("127.0.0.1", "text")]);
    // It takes out the carriage returns by itself.
    fs::write(scene.local("down"), down).unwrap();
    scene.must_be_same("text", "down");
    scene.curl(&["-B", "--append", "-T", "more", &scene.url("127.0.0.1", "text")]);
    assert_eq!(fs::read(scene.remote("text")).unwrap(), [text(), b"more\n".to_vec()].concat());
    scene.curl(&["--ftp-create-dirs", "-T", "more", &scene.url("127.0.0.1", "a/b/c")]);
    scene.curl(&["-Q", "-RNFR a/b/c", "-Q", "-RNTO a/d", "-Q", "-RMD a/b", &root]);
    scene.must_be_same("a/d", "more");
    scene.curl(&["-Q", "-DELE a/d", "-Q", "-RMD a", &root]);
    assert!(!scene.remote("a").exists());
    let head = scene.curl(&["-I", &scene.url("127.0.0.1", "text")]);
    assert!(String::from_utf8(head).unwrap().contains("Content-Length: 48895"));
}

#[test]
fn resume_past_4_gib_both_ways() {
    let scene = Scene::new();
    make_large(&scene.remote("large"));
    make_large_part(&scene.local("down"));
    scene.curl(&["-C", "-", "-o", "down", &scene.url("127.0.0.1", "large")]);
    must_be_large(&scene.local("down"));
    make_large_part(&scene.remote("up"));
    scene.curl(&["-C", "-", "-T", "down", &scene.url("127.0.0.1", "up")]);
    must_be_large(&scene.remote("up"));
}

#[test]
fn a_tree_down_and_up() {
    let scene = Scene::new();
    scene.put_tree();
    let (mut down, mut up) = (String::new(), String::new());
    let mut folders = vec![tree().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(tree()).unwrap();
            if path.is_dir() {
                fs::create_dir_all(scene.local("down").join(name)).unwrap();
                fs::create_dir_all(scene.remote("up").join(name)).unwrap();
                folders.push(path);
                continue;
            }
            let (name, escaped) = (name.to_str().unwrap(), escape(name.as_os_str().as_bytes()));
            let _ = writeln!(
                down,
                "url = {}\noutput = \"down/{name}\"",
                scene.url("127.0.0.1", &format!("doc/{escaped}"))
            );
            let _ = writeln!(
                up,
                "url = {}\nupload-file = \"{}\"",
                scene.url("127.0.0.1", &format!("up/{escaped}")),
                path.display()
            );
        }
    }
    fs::write(scene.local("down.conf"), down).unwrap();
    fs::write(scene.local("up.conf"), up).unwrap();
    scene.curl(&["-K", "down.conf", "-Z", "--parallel-max", "8", "--ftp-method", "nocwd"]);
    must_be_same_tree(tree(), &scene.local("down"));
    scene.curl(&["-K", "up.conf", "-Z", "--parallel-max", "8"]);
    must_be_same_tree(tree(), &scene.remote("up"));
}

#[test]
fn hard_names_survive() {
    let scene = Scene::new();
    put_hard_names(&scene.remote("names"));
    fs::create_dir(scene.remote("up")).unwrap();
    for name in hard_names() {
        // curl does not double a byte 255 as Telnet wants it, so it cannot say that name.
        if name.contains(&0xff) {
            fs::write(named(&scene.remote("up"), &name), &name).unwrap();
            continue;
        }
        let escaped = escape(&name);
        let content =
            scene.curl(&["-g", "--path-as-is", &scene.url("127.0.0.1", &format!("names/{escaped}"))]);
        assert_eq!(content, name);
        fs::write(scene.local("one"), &name).unwrap();
        scene.curl(&["-g", "--path-as-is", "-T", "one", &scene.url("127.0.0.1", &format!("up/{escaped}"))]);
    }
    must_have_hard_names(&scene.remote("up"));
}

/// A name as part of a URL.
pub(crate) fn escape(name: &[u8]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    name.iter()
        .map(|byte| if plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
