//! The command line: what it prints, and how it ends.

use crate::serve;
use portolan_testkit::launch::{Served, free_ports, isolate, must_run};
use std::fs;
use std::process::{Command, Output};

fn portolan(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_portolan")).args(arguments).output().unwrap()
}

/// What it printed to standard error, and its exit code.
fn complaint(arguments: &[&str]) -> (String, i32) {
    let output = portolan(arguments);
    (String::from_utf8(output.stderr).unwrap(), output.status.code().unwrap())
}

#[test]
fn it_says_where_to_connect_and_what_a_firewall_must_let_in() {
    isolate();
    let first = free_ports(10);
    let served = serve(&["--passive-ports", &format!("{first}-{}", first + 9)]);
    let port = served.port;
    for line in [
        format!("ftp://127.0.0.1:{port}/\n"),
        format!("ftp://[::1]:{port}/\n"),
        format!("PASV, EPSV, LPSV on port {first}-{}\n", first + 9),
        format!("PORT, EPRT, LPRT from port {}\n", port - 1),
        format!("let in TCP port {port} and {first}-{};\n", first + 9),
        "(read and write)".to_owned(),
    ] {
        assert!(served.banner.contains(&line), "{line}: {}", served.banner);
    }
}

#[test]
fn without_configuration_everybody_may_read_and_nobody_may_write() {
    isolate();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("a"), "text").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.arg("serve").arg(&root);
    // Nothing else is in this network, so the ports that are the default are free.
    let served = Served::launch(command, folder, 2121);
    assert!(
        served.banner.contains("ftp://127.0.0.1:2121/\n") && served.banner.contains("ftp://[::1]:2121/\n")
    );
    assert!(served.banner.contains("read only") && served.banner.contains("50000-50099"));
    let mut talk = served.talk_logged_in();
    assert_eq!(talk.retrieve("a"), b"text");
    talk.epsv();
    assert!(talk.ask("STOR b").starts_with("550"));
    assert!(talk.ask("DELE a").starts_with("550"));
}

#[test]
fn a_user_has_a_password_and_anonymous_is_off_unless_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    fs::write(&password, "open sesame\n").unwrap();
    let flags = ["--user", "anna", "--password-file", password.to_str().unwrap()];
    let served = serve(&flags);
    let mut talk = served.talk();
    for (user, password, code) in
        [("anonymous", "x", "530"), ("anna", "wrong", "530"), ("anna", "open sesame", "230")]
    {
        assert!(talk.ask(&format!("USER {user}")).starts_with("331"));
        assert!(talk.ask(&format!("PASS {password}")).starts_with(code), "{user}");
    }
    let log = served.wait_for_log("logged in");
    assert!(!log.contains("sesame"));
    let served = serve(&[&flags[..], &["--anonymous"]].concat());
    served.talk_logged_in();
}

#[test]
fn a_configuration_file_is_enough() {
    isolate();
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    fs::write(&password, "secret").unwrap();
    let hash = portolan(&["user", "hash", "--password-file", password.to_str().unwrap()]);
    let hash = String::from_utf8(hash.stdout).unwrap();
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    fs::create_dir(folder.path().join("root")).unwrap();
    let port = free_ports(1);
    let config = folder.path().join("portolan.toml");
    let text = format!(
        "listen = [\"127.0.0.1:{port}\"]\nwelcome = \"Hello\\nthere\"\n[[user]]\nname = \"anna\"\npassword = \"{}\"\nroot = \"root\"\n",
        hash.trim()
    );
    fs::write(&config, text).unwrap();
    let checked = portolan(&["config", "check", config.to_str().unwrap()]);
    assert!(checked.status.success());
    assert_eq!(String::from_utf8(checked.stdout).unwrap(), format!("{}: right\n", config.display()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.args(["serve", "-c"]).arg(&config);
    let served = Served::launch(command, folder, port);
    let mut talk = served.talk();
    talk.ask("USER anna");
    assert!(talk.ask("PASS secret").starts_with("230"));
    talk.epsv();
    assert!(talk.ask("STOR a").starts_with("550"), "users may read only unless write = true");
}

#[test]
fn what_is_wrong_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(at("file"), "").unwrap();
    fs::write(at("bad.toml"), "lisen = []\n").unwrap();
    fs::write(at("nobody.toml"), "").unwrap();
    for (arguments, code, text) in [
        (vec!["serve"], 2, "<DIR>"),
        (vec!["serve", "/nowhere/at/all"], 2, "cannot serve /nowhere/at/all: No such file"),
        (vec!["serve", &at("file")], 2, "it is no folder"),
        (vec!["serve", "/", "--passive-ports", "9-5"], 2, "write it like 50000-50099"),
        (vec!["serve", "/", "--active-port", "soon"], 2, "write auto, any, or a number"),
        (vec!["serve", "/", "--listen", "2121"], 2, "--listen"),
        (
            vec!["serve", "/usr", "--listen", "192.0.2.1:2121"],
            1,
            "cannot listen on 192.0.2.1:2121: Cannot assign",
        ),
        (vec!["serve", "/", "--user", "anna", "--password-file", "/nowhere"], 1, "cannot read /nowhere"),
        (vec!["serve", "/", "--user", "anna", "--password-file", &at("file")], 2, "empty password"),
        (vec!["serve", "-c", &at("nobody.toml")], 2, "nobody could log in"),
        (vec!["config", "check", &at("bad.toml")], 2, "bad.toml:1:1: unknown field `lisen`"),
        (vec!["config", "check", &at("nobody.toml")], 2, "nobody could log in"),
        (vec!["config", "check", "/nowhere.toml"], 2, "/nowhere.toml: cannot be read"),
    ] {
        let (said, ended) = complaint(&arguments);
        assert!(said.contains(text) && ended == code, "{arguments:?}: {ended}: {said}");
    }
}

#[test]
fn names_can_have_another_charset_on_the_wire() {
    isolate();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("мир"), "text").unwrap();
    let port = free_ports(1);
    let config = folder.path().join("portolan.toml");
    let text = format!(
        "listen = [\"127.0.0.1:{port}\"]\ncharset = \"koi8-r\"\n[anonymous]\nroot = \"root\"\nwrite = true\n"
    );
    fs::write(&config, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.args(["serve", "-c"]).arg(&config);
    let served = Served::launch(command, folder, port);
    let mut talk = served.talk_logged_in();
    assert!(!talk.ask("FEAT").contains("UTF8"));
    assert!(talk.ask("OPTS UTF8 ON").starts_with("504"));
    talk.ask("TYPE I");
    talk.send(b"SIZE \xcd\xc9\xd2\r\n");
    assert!(talk.reply().starts_with("213 4"));
    talk.send(b"MKD \xc4\xcf\xcd\r\n");
    assert!(talk.reply().starts_with("257"));
    assert!(served.root().join("дом").is_dir());
}

#[test]
fn cargo_run_means_this_program() {
    let mut cargo = Command::new(env!("CARGO"));
    let output =
        cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let default = text.split("\"workspace_default_members\":[").nth(1).unwrap().split(']').next().unwrap();
    assert!(default.contains("crates/portolan#") && !default.contains(','), "{default}");
}

#[test]
fn the_reference_of_the_configuration_is_what_the_code_has_and_the_examples_know_every_key() {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    let printed = String::from_utf8(must_run(command.args(["config", "reference"]))).unwrap();
    let kept = fs::read_to_string(docs.join("reference.md")).unwrap();
    assert_eq!(printed, kept, "put what `portolan config reference` prints into docs/reference.md");
    let examples = ["configuration.md", "running.md", "tls.md", "networks.md", "confinement.md"]
        .map(|name| fs::read_to_string(docs.join(name)).unwrap())
        .concat();
    let keys = printed.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let known = |key: &&str| {
        let written = [format!("{key} ="), format!("[{key}]"), format!(".{key}]"), format!("`{key}`")];
        written.iter().any(|written| examples.contains(written.as_str()))
    };
    let unknown: Vec<&str> = keys.filter(|key| !known(key)).collect();
    assert!(unknown.is_empty(), "no example has {unknown:?}");
}
