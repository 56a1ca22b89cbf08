//! `portolan shell`: scripts, and what somebody types at a terminal.

use crate::scene::{PROGRAM, Scene, Which};
use crate::terminal::Terminal;
use portolan_testkit::launch::Served;
use portolan_testkit::peers::Peer;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

/// Runs a script: exit code, standard output, standard error.
fn run(mut command: Command, script: &str) -> (i32, String, String) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Who ends before has read enough.
    let _ = child.stdin.take().unwrap().write_all(script.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn script(which: Which, options: &[&str]) {
    let scene = Scene::new(which);
    let (own, root) = (scene.own.path(), scene.root());
    for (name, content) in [("a.txt", "of a"), ("b.txt", "of b"), ("c d.bin", "of c"), (".hidden", "of none")]
    {
        fs::write(own.join(name), content).unwrap();
    }
    let go = |script: &str| {
        let url = scene.url("");
        let (code, out, err) = run(scene.command(&[&["shell", "-q", &url], options].concat()), script);
        assert_eq!(code, 0, "{script}: {out} {err}");
        out
    };
    go(
        "# all that there is\nmkdir -p \"x y/z\"\ncd 'x y'\nput a.txt\nput c\\ d.bin -o z/\nput a.txt -o e\nmput *.txt\n",
    );
    let content = |name: &str| fs::read_to_string(root.join("x y").join(name)).unwrap();
    assert_eq!((content("a.txt"), content("b.txt")), ("of a".to_owned(), "of b".to_owned()));
    assert_eq!((content("z/c d.bin"), content("e")), ("of c".to_owned(), "of a".to_owned()));
    assert_eq!(go("cd \"x y\"\nls\nls z\ncat e z/../b.txt"), "a.txt\nb.txt\ne\nz/\nc d.bin\nof aof b");
    assert_eq!(go("ls 'x y/'*.{txt,gz} 'x y'/?"), "x y/a.txt\nx y/b.txt\nx y/e\nx y/z/\n");
    assert_eq!(go("ls -la").lines().count(), 1);
    // Paths here, and where one is there.
    let login = "/\n";
    let home = go("pwd").trim_end().to_owned();
    let under = |path: &str| format!("{}/{path}\n", home.trim_end_matches('/'));
    assert_eq!(
        go("cd 'x y'/z\npwd\ncd ..\npwd\ncd -\npwd\ncd\npwd"),
        format!("{}{}{}{login}", under("x y/z"), under("x y"), under("x y/z"))
    );
    fs::create_dir(own.join("down")).unwrap();
    let out = go(
        "lcd down\nlpwd\ncd 'x y'\nmget *.txt\nget z/c\\ d.bin -o c\n!cat a.txt\nlls -1\nexit\nno command",
    );
    assert_eq!(out, format!("{}\nof aa.txt\nb.txt\nc\n", own.join("down").canonicalize().unwrap().display()));
    // Both directions of a mirror.
    fs::remove_dir_all(own.join("down")).unwrap();
    go("mirror 'x y' down\nmirror -R down up");
    for name in ["a.txt", "z/c d.bin"] {
        assert_eq!(content(name), fs::read_to_string(own.join("down").join(name)).unwrap());
        assert_eq!(content(name), fs::read_to_string(root.join("up").join(name)).unwrap());
    }
    // Names, permissions, and the end of it all.
    go("mv 'x y/e' up/f");
    // vsftpd lets no guest do that.
    if which == Which::Portolan {
        go("chmod 640 up/f");
        assert_eq!(fs::metadata(root.join("up/f")).unwrap().permissions().mode() & 0o777, 0o640);
    }
    go("rm up/f 'x y/a.txt'\nrm -r up\nmkdir g\nrmdir g");
    assert!(!root.join("up").exists() && !root.join("g").exists() && !root.join("x y/a.txt").exists());
    let file = under("x y/b.txt");
    assert!(go(&format!("quote TYPE I\nraw SIZE '{}'", file.trim_end())).ends_with("213 4\n"));
    go("close\nbookmark\nlpwd\nhelp\nhelp get\n?\n\n");
}

#[test]
fn a_script_with_portolan() {
    script(Which::Portolan, &[]);
}

#[test]
fn a_script_with_vsftpd() {
    script(Which::Other(Peer::Vsftpd), &[]);
}

#[test]
fn a_script_ends_where_something_fails() {
    let scene = Scene::new(Which::Portolan);
    fs::create_dir(scene.root().join("in")).unwrap();
    let url = scene.url("");
    let fails = |script: &str, wanted: i32, text: &str| {
        let script = format!("cd in\n{script}\nmkdir after\n");
        let (code, out, err) = run(scene.command(&["shell", &url]), &script);
        assert!(code == wanted && (err + &out).contains(text), "{script}: {code} {out}");
        assert!(!scene.root().join("in/after").exists(), "{script}");
    };
    fails("get none", 6, "/in/none: RETR: 550");
    fails("cd none", 6, "/in/none: CWD: 550");
    fails("put none", 9, "none: ");
    fails("mget *.gz", 1, "nothing is like *.gz");
    fails("get", 2, "Usage: get");
    fails("gte file", 2, "get");
    fails("get 'a", 2, "quotation mark");
    fails("rm -r .", 2, "where you are");
    fails("rm -r ..", 2, "not removed");
    fails("rm \"\"", 2, "value");
    fails("chmod 888 x", 2, "octal");
    fails("quote RETR file", 2, "belongs to a transfer");
    fails("quote CWD x", 2, "is not sent");
    fails("quote SIZE none", 6, "550 ");
    fails("!exit 7", 7, "");
    fails("close\nls", 2, "no server is open");
    fails("open ftp://localhost:1/", 3, "refused");
    let (code, _, err) = run(scene.command(&["shell", &scene.url("none")]), "mkdir after\n");
    assert!(code == 6 && err.contains("none"), "{err}");
}

#[test]
fn the_login_of_one_server_is_not_told_another() {
    let (first, second) = (Scene::new(Which::Portolan), Scene::new(Which::Portolan));
    fs::write(first.own.path().join("password"), "x\n").unwrap();
    let url = |scene: &Scene| format!("ftp://localhost:{}/", scene.port);
    let arguments = ["shell", "-v", "--tls", "off", "--user", "ftp", "--password-file", "password"];
    let mut command = first.command(&arguments);
    command.env_remove("PORTOLAN_PASSWORD");
    let script = format!("open {}\nopen {}\n", url(&first), url(&second));
    let (code, _, err) = run(command, &script);
    assert_eq!(code, 0, "{err}");
    let users: Vec<&str> = err.lines().filter(|line| line.starts_with("> USER")).collect();
    assert_eq!(users, ["> USER ftp", "> USER anonymous"]);
    // That of the environment neither, also if nothing came of the first.
    let otto = format!("ftp://otto@localhost:{}/", second.port);
    for start in ["", "none/"] {
        let (code, _, err) = run(
            first.command(&[
                "shell",
                "-v",
                "--tls",
                "off",
                "--user",
                "ftp",
                &format!("{}{start}", url(&first)),
            ]),
            &format!("open {otto}\n"),
        );
        assert_eq!(code, if start.is_empty() { 2 } else { 6 }, "{err}");
        assert!(!err.contains("> USER otto"), "{err}");
        assert!(!start.is_empty() || err.contains("there is no password for otto"), "{err}");
    }
}

#[test]
fn an_idle_connection_that_was_lost_is_opened_again_in_the_same_folder() {
    let scene = Scene::new(Which::Portolan);
    fs::create_dir(scene.root().join("in")).unwrap();
    fs::write(scene.root().join("in/file"), "content").unwrap();
    // `ss` cuts the connection off, and waits until that has come through.
    let cut = format!("!ss -K -H -n -t state established dport = {} >/dev/null; sleep 0.2", scene.port);
    let (code, out, err) =
        run(scene.command(&["shell", &scene.url("in/")]), &format!("pwd\n{cut}\ncat file\npwd\n"));
    assert_eq!((code, out.as_str()), (0, "/in\ncontent/in\n"), "{err}");
    assert!(!err.contains("again"), "{err}");
}

const PROMPT: &str = "localhost:/> ";

#[test]
fn somebody_types() {
    let scene = Scene::new(Which::Portolan);
    let root = scene.root();
    fs::create_dir_all(root.join("folder one/inner")).unwrap();
    fs::write(root.join("folder one/some file"), "the content").unwrap();
    fs::write(root.join("evil\u{1b}[31mname"), "").unwrap();
    let url = scene.url("");
    let mut terminal = Terminal::start(&scene.command(&["shell", &url]));
    terminal.until(PROMPT);
    // Names on the server, with their blanks; names here; commands.
    terminal.press("cat fo\t");
    terminal.until("cat folder\\ one/");
    terminal.press("so\t");
    terminal.until("some\\ file ");
    terminal.press("\r");
    terminal.until("the content");
    terminal.until(PROMPT);
    terminal.press("put ca\t");
    terminal.until("put ca.pem ");
    // Ctrl-C clears the line, and what was typed is not done.
    terminal.press("\u{3}");
    terminal.until(PROMPT);
    terminal.press("mirr\t");
    terminal.until("mirror ");
    terminal.press("\u{3}");
    terminal.until(PROMPT);
    // Two candidates are shown; what a server made up to hurt is not among them.
    terminal.press("ls \t\t");
    let said = terminal.until("folder\\ one/");
    assert!(!said.contains("\u{1b}[31m"), "{said}");
    terminal.press("\r");
    terminal.until("inner/");
    terminal.until(PROMPT);
    terminal.press("ls\r");
    let said = terminal.until(PROMPT);
    assert!(said.contains("evil?[31mname") && !said.contains("\u{1b}[31m"), "{said}");
    // What fails is told, and does not end it.
    terminal.press("get none\r");
    terminal.until("/none: RETR: 550");
    terminal.until(PROMPT);
    terminal.press("open ftp://anna:secret@localhost:1/\r");
    terminal.until("refused");
    terminal.until(PROMPT);
    terminal.press(" cd hidden\r");
    terminal.until("550");
    terminal.until(PROMPT);
    // To a program here Ctrl-C comes, too.
    terminal.press("!exec tail -f ca.pem\r");
    terminal.until("END CERTIFICATE");
    terminal.press("\u{3}");
    terminal.until(PROMPT);
    terminal.press("cd folder\\ one\r");
    terminal.until("localhost:/folder one> ");
    terminal.press("\u{4}");
    assert_eq!(terminal.end(), 0);
    assert!(!root.join("ca.pem").exists());
    // Another day.
    let mut terminal = Terminal::start(&scene.command(&["shell", &url]));
    terminal.until(PROMPT);
    terminal.press("\u{1b}[A\r");
    terminal.until("localhost:/folder one> ");
    terminal.press("exit\r");
    assert_eq!(terminal.end(), 0);
    let history = scene.own.path().join("state/portolan/shell-history");
    let text = fs::read_to_string(&history).unwrap();
    assert!(text.contains("cd folder") && !text.contains("secret") && !text.contains("hidden"), "{text}");
    assert_eq!(fs::metadata(history).unwrap().permissions().mode() & 0o777, 0o600);
}

const SLOW: &str = r#"
listen = ["LISTEN"]
[anonymous]
root = "root"
speed-down = "100 kB/s"
"#;

#[test]
fn ctrl_c_ends_a_transfer_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("root")).unwrap();
    fs::write(folder.path().join("root/large"), vec![b'x'; 32 << 20]).unwrap();
    let served = Served::configured(PROGRAM, folder, SLOW);
    let own = tempfile::tempdir().unwrap();
    let mut command = Command::new(PROGRAM);
    let url = format!("ftp://127.0.0.1:{}/", served.port);
    command.args(["shell", "--tls", "off", &url]).current_dir(own.path());
    command.env("XDG_STATE_HOME", own.path()).env("HOME", own.path());
    let prompt = "127.0.0.1:/> ";
    let mut terminal = Terminal::start(&command);
    terminal.until(prompt);
    terminal.press("get large\r");
    terminal.until("KiB");
    terminal.press("\u{3}");
    terminal.until("given up");
    terminal.until(prompt);
    assert!(own.path().join(".large.portolan-part").exists() && !own.path().join("large").exists());
    // The connection is of use still.
    terminal.press("quote SIZE large\r");
    terminal.until("213 33554432");
    terminal.press("ls\r");
    terminal.until("large");
    terminal.until(prompt);
    terminal.press("bye\r");
    assert_eq!(terminal.end(), 0);
}
