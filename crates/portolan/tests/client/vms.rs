//! A server whose paths have no slashes, as on VMS: a little program, which refuses every name with a slash in it.

use crate::odd::{Odd, Talk, text_of};
use crate::scene::PROGRAM;
use portolan_client::{Connection, Options, Representation, TlsPolicy, Verb};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

const HOME: &str = "SYS$SYSDEVICE:[ANONYMOUS]";

/// Folders, as `A.B.`, and what is in each: versions of files, the oldest first.
type Tree = BTreeMap<String, BTreeMap<String, Vec<Vec<u8>>>>;

struct Vms {
    odd: Odd,
    tree: Arc<Mutex<Tree>>,
}

/// A folder by the name of it where one is, or from the top.
fn folder(name: &str, own: &str) -> String {
    match name.strip_prefix("SYS$SYSDEVICE:[ANONYMOUS") {
        Some(rest) => match rest.trim_end_matches(']').trim_start_matches('.') {
            "" => String::new(),
            rest => format!("{rest}."),
        },
        None => format!("{own}{name}."),
    }
}

/// A file of a folder, and its versions.
fn listing(tree: &Tree, own: &str) -> String {
    let mut text = format!("\r\nDirectory {HOME}\r\n\r\n");
    for name in tree.keys().filter_map(|folder| folder.strip_prefix(own)?.strip_suffix('.')) {
        if !name.is_empty() && !name.contains('.') {
            text += &format!("{name}.DIR;1  1/3  5-MAR-2023 14:22:31  [A,B]  (RWE,RWE,,)\r\n");
        }
    }
    for (name, versions) in &tree[own] {
        for number in (1..=versions.len()).rev() {
            text += &format!("{name};{number}  3/6  5-MAR-2023 14:22:31  [A,B]  (RWED,RWED,,)\r\n");
        }
    }
    text + "\r\nTotal of 1 file, 3/6 blocks\r\n"
}

fn act(talk: &mut Talk, line: &str, tree: &mut Tree, own: &mut String) -> bool {
    let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
    if argument.contains('/') {
        talk.say("550 syntax error in file specification\r\n");
        return true;
    }
    let (name, version) = argument.split_once(';').unwrap_or((argument, ""));
    let below = folder(argument, own);
    let versions = tree[own.as_str()].get(name).cloned();
    match verb {
        "PWD" => talk.say(format!("257 \"{HOME}\" is current directory.\r\n")),
        "CWD" if tree.contains_key(&below) => {
            *own = below;
            talk.say("250 there\r\n");
        }
        "MKD" if !tree.contains_key(&below) => {
            tree.insert(below, BTreeMap::new());
            talk.say("257 made\r\n");
        }
        "RMD" if tree.get(&below).is_some_and(BTreeMap::is_empty) => {
            tree.remove(&below);
            talk.say("250 gone\r\n");
        }
        "LIST" => {
            talk.say("150 here\r\n");
            talk.send(listing(tree, own).as_bytes());
            talk.say("226 done\r\n");
        }
        "STOR" if argument.matches('.').count() <= 1 => {
            talk.say("150 come\r\n");
            let mut content = Vec::new();
            talk.data().read_to_end(&mut content).unwrap();
            tree.get_mut(own.as_str()).unwrap().entry(name.to_owned()).or_default().push(content);
            talk.say("226 done\r\n");
        }
        "RETR" if versions.is_some() => {
            let versions = versions.unwrap();
            let at = version.parse().unwrap_or(versions.len());
            talk.say("150 here\r\n");
            talk.send(&versions[at - 1]);
            talk.say("226 done\r\n");
        }
        "DELE" if versions.is_some() => {
            tree.get_mut(own.as_str()).unwrap().remove(name);
            talk.say("250 gone\r\n");
        }
        "RNFR" if versions.is_some() => {
            let files = tree.get_mut(own.as_str()).unwrap();
            let file = files.remove(name).unwrap();
            files.insert(String::new(), file);
            talk.say("350 and now\r\n");
        }
        "RNTO" => {
            let files = tree.get_mut(own.as_str()).unwrap();
            let file = files.remove("").unwrap();
            files.insert(name.to_owned(), file);
            talk.say("250 done\r\n");
        }
        "SIZE" => talk.say("500 no\r\n"),
        "MDTM" if versions.is_some() => talk.say("213 20230305142231\r\n"),
        "CWD" | "MKD" | "RMD" | "STOR" | "RETR" | "DELE" | "RNFR" | "MDTM" => talk.say("550 no\r\n"),
        _ => return false,
    }
    true
}

impl Vms {
    fn new() -> Vms {
        let file = |versions: &[&str]| versions.iter().map(|text| text.as_bytes().to_vec()).collect();
        let tree = Tree::from([
            (String::new(), BTreeMap::from([("LOGIN.COM".to_owned(), file(&["log in"]))])),
            ("A.".to_owned(), BTreeMap::from([("ONE.TXT".to_owned(), file(&["old", "one"]))])),
            ("A.B.".to_owned(), BTreeMap::from([("TWO.TXT".to_owned(), file(&["two"]))])),
            ("C.".to_owned(), BTreeMap::from([("ONE.TXT".to_owned(), file(&["another"]))])),
        ]);
        let tree = Arc::new(Mutex::new(tree));
        let (held, folders) = (Arc::clone(&tree), Mutex::new(HashMap::<u16, String>::new()));
        let odd = Odd::new(move |talk, line| {
            let peer = talk.peer();
            let mut own = folders.lock().unwrap().remove(&peer).unwrap_or_default();
            let done = act(talk, line, &mut held.lock().unwrap(), &mut own);
            folders.lock().unwrap().insert(peer, own);
            done
        });
        Vms { odd, tree }
    }

    fn url(&self, path: &str) -> String {
        format!("ftp://127.0.0.1:{}/{path}", self.odd.port)
    }

    fn try_run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).arg("-q").current_dir(self.odd.folder.path()).stdin(Stdio::null());
        command.env("XDG_STATE_HOME", self.odd.folder.path().join("state"));
        command.env("HOME", self.odd.folder.path());
        text_of(&command.output().unwrap())
    }

    fn run(&self, arguments: &[&str]) -> String {
        let (code, out, said) = self.try_run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {said}");
        assert!(!self.odd.lines.lock().unwrap().iter().any(|line| line.contains('/')));
        out
    }

    fn newest(&self, folder: &str, name: &str) -> Option<Vec<u8>> {
        self.tree.lock().unwrap().get(folder)?.get(name)?.last().cloned()
    }
}

#[test]
fn commands_where_paths_have_no_slashes() {
    let vms = Vms::new();
    let own = vms.odd.folder.path();
    assert_eq!(vms.run(&["ls", &vms.url("")]), "A/\nC/\nLOGIN.COM\n");
    assert_eq!(vms.run(&["ls", &vms.url("A/B/")]), "TWO.TXT\n");
    assert_eq!(vms.run(&["ls", "-R", &vms.url("A")]), "B/\nONE.TXT\nB/TWO.TXT\n");
    assert_eq!(vms.run(&["cat", &vms.url("LOGIN.COM"), &vms.url("A/B/TWO.TXT")]), "log intwo");
    assert_eq!(vms.run(&["cat", &vms.url("A/ONE.TXT"), &vms.url("A/ONE.TXT%3B1")]), "oneold");
    assert_eq!(vms.run(&["cat", &vms.url("%2FSYS$SYSDEVICE:[ANONYMOUS.A]/B/TWO.TXT")]), "two");
    vms.run(&["get", &vms.url("LOGIN.COM"), &vms.url("A/ONE.TXT"), &vms.url("A/B/TWO.TXT")]);
    assert_eq!(fs::read(own.join("ONE.TXT")).unwrap(), b"one");
    assert_eq!(fs::read(own.join("TWO.TXT")).unwrap(), b"two");
    // Several at a time, to several folders.
    vms.run(&["put", "ONE.TXT", "TWO.TXT", &vms.url("C/")]);
    vms.run(&["put", "TWO.TXT", &vms.url("THREE.TXT")]);
    assert_eq!(vms.newest("C.", "ONE.TXT").unwrap(), b"one");
    assert_eq!(
        (vms.newest("C.", "TWO.TXT"), vms.newest("", "THREE.TXT")),
        (Some(b"two".to_vec()), Some(b"two".to_vec()))
    );
    vms.run(&["mkdir", "-p", &vms.url("A/D/E")]);
    vms.run(&["mv", &vms.url("A/ONE.TXT"), &vms.url("A/FIRST.TXT")]);
    assert!(vms.newest("A.", "ONE.TXT").is_none() && vms.newest("A.", "FIRST.TXT").is_some());
    let (code, _, said) = vms.try_run(&["mv", &vms.url("THREE.TXT"), &vms.url("A/THREE.TXT")]);
    assert!(code == 1 && said.contains("only within a folder"), "{said}");
    // What is in no folder is not taken for what is in another.
    let (code, _, said) = vms.try_run(&["rm", &vms.url("A/NONE/LOGIN.COM")]);
    assert!(code == 6 && said.contains("CWD: 550"), "{said}");
    assert!(vms.newest("", "LOGIN.COM").is_some());
    vms.run(&["rm", &vms.url("C/TWO.TXT")]);
    vms.run(&["rm", "-r", &vms.url("A")]);
    assert_eq!(vms.tree.lock().unwrap().keys().cloned().collect::<Vec<_>>(), ["", "C."]);
    assert!(vms.newest("", "THREE.TXT").is_some() && vms.newest("C.", "TWO.TXT").is_none());
}

#[test]
fn a_shell_where_paths_have_no_slashes() {
    let vms = Vms::new();
    fs::write(vms.odd.folder.path().join("script"), "cd A\nls\ncd B\ncat TWO.TXT\ncd ..\nls\ncd\nls\n")
        .unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["shell", &vms.url("")]).current_dir(vms.odd.folder.path());
    command.env("XDG_STATE_HOME", vms.odd.folder.path()).env("HOME", vms.odd.folder.path());
    command.stdin(fs::File::open(vms.odd.folder.path().join("script")).unwrap());
    let (code, out, said) = text_of(&command.output().unwrap());
    assert_eq!((code, out.as_str()), (0, "B/\nONE.TXT\ntwoB/\nONE.TXT\nA/\nC/\nLOGIN.COM\n"), "{said}");
}

/// Who looks into the other tree of such a server, whose paths have slashes, is not where one was before.
#[test]
fn another_tree_is_looked_at_in_between() {
    let vms = Vms::new();
    let mut options = Options::new("127.0.0.1");
    (options.port, options.tls) = (vms.odd.port, TlsPolicy::Off);
    let run = async {
        let connection = Connection::open(options).await.unwrap();
        for (number, look) in ["first", "second", "third"].into_iter().enumerate() {
            let path = format!("A/B/{number}.TXT");
            let mut upload =
                connection.upload(Verb::Stor, Some(path.as_bytes()), Representation::Image, 0).await.unwrap();
            upload.write_all(look.as_bytes()).await.unwrap();
            upload.finish().await.unwrap();
            assert!(connection.list(b"/u/anna").await.is_err());
            assert!(connection.have_entered(b"/u/anna").await.is_err());
            assert!(connection.rename(path.as_bytes(), b"/u/anna").await.is_err());
        }
    };
    tokio::runtime::Runtime::new().unwrap().block_on(run);
    for number in 0..3 {
        assert!(vms.newest("A.B.", &format!("{number}.TXT")).is_some(), "{number}");
        assert!(vms.newest("", &format!("{number}.TXT")).is_none(), "{number}");
    }
}

#[test]
fn mirrors_where_paths_have_no_slashes() {
    let vms = Vms::new();
    let own = vms.odd.folder.path();
    for options in [&[][..], &["-j", "1"], &["-j", "4"]] {
        vms.run(&[&["mirror", &vms.url(""), "here"], options].concat());
        for (path, content) in
            [("LOGIN.COM", "log in"), ("A/ONE.TXT", "one"), ("A/B/TWO.TXT", "two"), ("C/ONE.TXT", "another")]
        {
            assert_eq!(fs::read_to_string(own.join("here").join(path)).unwrap(), content, "{path}");
        }
        // Its listings say no sizes, but times.
        assert_eq!(vms.run(&["mirror", "-n", "--delete", &vms.url(""), "here"]), "");
        fs::remove_dir_all(own.join("here")).unwrap();
    }
    for (path, content) in [("X/Y/NEW.TXT", "new"), ("X/ONE.TXT", "of X"), ("ONE.TXT", "of the top")] {
        let path = own.join("up").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        let time = std::time::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
        fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
    }
    vms.run(&["mirror", "up", &vms.url("A/B")]);
    assert_eq!(vms.newest("A.B.X.Y.", "NEW.TXT").unwrap(), b"new");
    assert_eq!(vms.newest("A.B.X.", "ONE.TXT").unwrap(), b"of X");
    assert_eq!(vms.newest("A.B.", "ONE.TXT").unwrap(), b"of the top");
    assert_eq!(vms.newest("A.", "ONE.TXT").unwrap(), b"one");
    // Who knows whether that is what was sent, under a name of the server's making.
    let (code, _, said) = vms.try_run(&["mirror", "up", &vms.url("A/B"), "--delete"]);
    assert!(code == 1 && said.contains("may call what it is sent otherwise"), "{code} {said}");
    assert!(vms.newest("A.B.", "TWO.TXT").is_some());
    // What begins with a slash may be of another tree.
    let (code, _, said) = vms.try_run(&["cat", &vms.url("%2FA/ONE.TXT")]);
    assert!(code == 6 && vms.odd.heard("RETR /A/ONE.TXT") == 1, "{code} {said}");
}
