//! Whose certificates are taken, and whose passwords are found.

use crate::scene::{PROGRAM, Scene, Which};
use std::fs;
use std::process::{Command, Stdio};

fn without_authority(scene: &Scene, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(PROGRAM);
    command
        .args(arguments)
        .env("XDG_STATE_HOME", scene.own.path().join("state"))
        .env("HOME", scene.own.path());
    let output = command.stdin(Stdio::null()).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn an_unknown_server_is_refused_taken_once_and_known_from_then_on() {
    let scene = Scene::new(Which::Portolan);
    let url = scene.url("");
    let (code, said) = without_authority(&scene, &["ls", &url]);
    assert!(
        code == 5 && said.contains("fingerprint of its key is") && said.contains("--trust new"),
        "{said}"
    );
    let fingerprint = said.split("key is ").nth(1).unwrap().lines().next().unwrap().to_owned();
    assert_eq!(without_authority(&scene, &["ls", "--fingerprint", &fingerprint, &url]).0, 0);
    let other =
        fingerprint.replace(&fingerprint[..2], if fingerprint.starts_with("00") { "11" } else { "00" });
    let (code, said) = without_authority(&scene, &["ls", "--fingerprint", &other, &url]);
    assert!(code == 5 && said.contains("another key"), "{said}");
    assert_eq!(without_authority(&scene, &["ls", "--trust", "new", &url]).0, 0);
    assert_eq!(without_authority(&scene, &["ls", "--trust", "refuse", &url]).0, 0);
    let known = scene.own.path().join("state/portolan/known-hosts");
    let line = fs::read_to_string(&known).unwrap();
    assert_eq!(line, format!("localhost:{} {fingerprint}\n", scene.port));
    // Somebody else is there now.
    fs::write(&known, line.replace(&fingerprint, &other)).unwrap();
    let (code, said) = without_authority(&scene, &["ls", "--trust", "new", &url]);
    assert!(code == 5 && said.contains("another key than before"), "{said}");
}

#[test]
fn who_was_protected_does_not_fall_back_to_the_clear() {
    let scene = Scene::with(Which::Portolan, &["--tls", "off"]);
    let known = scene.own.path().join("state/portolan");
    let url = scene.url("");
    assert_eq!(without_authority(&scene, &["ls", &url]).0, 0);
    fs::create_dir_all(&known).unwrap();
    fs::write(known.join("known-hosts"), format!("localhost:{} {}\n", scene.port, "00".repeat(32))).unwrap();
    let (code, said) = without_authority(&scene, &["ls", &url]);
    assert!(code == 5, "{said}");
}

#[test]
fn a_login_comes_from_where_people_keep_it() {
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    fs::write(&password, "two words\n").unwrap();
    let scene =
        Scene::with(Which::Portolan, &["--user", "anna", "--password-file", password.to_str().unwrap()]);
    let own = scene.own.path();
    fs::write(own.join("right"), "two words\n").unwrap();
    let url = format!("ftp://localhost:{}/", scene.port);
    let ls = |arguments: &[&str], variable: Option<&str>| {
        let mut command = scene.command(&[&["ls", "--retries", "0"], arguments].concat());
        command.env_remove("PORTOLAN_PASSWORD");
        if let Some(password) = variable {
            command.env("PORTOLAN_PASSWORD", password);
        }
        let output = command.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(ls(&["-u", "anna", "--password-file", "right", &url], None).0, 0);
    assert_eq!(ls(&["-u", "anna", "--password-command", "echo two words", &url], None).0, 0);
    assert_eq!(ls(&["-u", "anna", &url], Some("two words")).0, 0);
    assert_eq!(ls(&["-u", "anna", &url], Some("wrong")).0, 4);
    assert_eq!(ls(&[&url.replace("localhost", "anna:two%20words@localhost")], None).0, 0);
    let (code, said) = ls(&["-u", "anna", &url], None);
    assert!(code == 2 && said.contains("no password for anna"), "{said}");
    assert_eq!(ls(&[&url], None).0, 4, "nobody without a name may log in");
    fs::write(own.join(".netrc"), "machine localhost login anna password \"two words\"\n").unwrap();
    assert_eq!(ls(&[&url], None).0, 0);
    assert_eq!(ls(&["-u", "anna", &url], None).0, 0);
    let (code, said) = ls(&["-v", &url], None);
    assert!(code == 0 && said.contains("> PASS ***") && !said.contains("two words"), "{said}");
}
