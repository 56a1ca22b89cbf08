//! `portolan bookmark`, and bookmarks in place of URLs.

use crate::scene::{Scene, Which};
use std::fs;

#[test]
fn bookmarks_stand_for_urls() {
    let scene = Scene::new(Which::Portolan);
    let (root, own) = (scene.root(), scene.own.path());
    let file = own.join(".config/portolan/bookmarks");
    let bookmark = |arguments: &[&str]| {
        let mut command = scene.plain(&[&["bookmark"], arguments].concat());
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    fs::create_dir_all(root.join("in/a b")).unwrap();
    fs::write(root.join("in/a b/file"), "beneath").unwrap();
    fs::write(root.join("top"), "at the root").unwrap();
    assert_eq!(bookmark(&["list"]), (0, String::new(), String::new()));
    let url = scene.url("in/");
    assert_eq!(bookmark(&["add", "work", &url]).0, 0);
    assert_eq!(scene.run(&["ls", "-R", "work:"]), "a b/\na b/file\n");
    assert_eq!(scene.run(&["cat", "work:a%20b/file"]), "beneath");
    assert_eq!(scene.run(&["cat", "work:/top"]), "at the root");
    scene.run(&["mirror", "work:a b", "work"]);
    assert_eq!(fs::read_to_string(own.join("work/file")).unwrap(), "beneath");
    scene.run(&["mirror", "./work", "work:copy"]);
    assert_eq!(fs::read_to_string(root.join("in/copy/file")).unwrap(), "beneath");
    // What people write stays as they have written it.
    let text = format!("# mine\n\n  other   {url}copy  \n");
    fs::write(&file, format!("{text}{}", fs::read_to_string(&file).unwrap())).unwrap();
    let (_, list, _) = bookmark(&["list", "--json"]);
    let names: Vec<serde_json::Value> =
        list.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&names[0]["name"], &names[0]["url"]), (&"other".into(), &format!("{url}copy").into()));
    assert_eq!((names.len(), &names[1]["name"]), (2, &"work".into()));
    assert_eq!(scene.run(&["ls", "other:"]), "file\n");
    assert_eq!(bookmark(&["remove", "work"]).0, 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    // What is refused.
    let refused = |arguments: &[&str], wanted: i32, text: &str| {
        let (code, _, said) = bookmark(arguments);
        assert!(code == wanted && said.contains(text), "{arguments:?}: {code} {said}");
        assert!(!said.contains("secret"), "{said}");
    };
    refused(&["add", "p", "ftp://anna:secret@host/"], 2, "~/.netrc");
    refused(&["add", "p", "ftp://anna:secret@host/"], 2, "--password-command");
    refused(&["add", "other", &url], 1, "already");
    refused(&["add", "ftps", &url], 2, "cannot be a name");
    refused(&["add", "a/b", &url], 2, "cannot be a name");
    refused(&["add", "web", "http://host/"], 2, "ftp://");
    refused(&["remove", "work"], 1, "no bookmark `work`");
    fs::write(&file, "mine ftp://anna:secret@host/\n").unwrap();
    for (arguments, text) in [(["ls", "mine:"], "~/.netrc"), (["ls", "none:x"], "no bookmark `none`")] {
        let (code, _, said) = scene.try_run(&arguments);
        assert!(code == 2 && said.contains(text) && !said.contains("secret"), "{said}");
    }
}
