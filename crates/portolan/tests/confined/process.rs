//! Another user, with no more capabilities than it takes.

use crate::{NOBODY, add_user, command, folder, is_root, log_in, pid, run, status, upload};
use portolan_helpers::{Allowed, Launcher, Role};
use portolan_testkit::launch::{Served, isolate};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

const CONFIGURATION: &str = r#"
listen = ["127.0.0.1:21"]
passive-ports = "50000-50009"
state = "state"
[confine]
user = "nobody"
[anonymous]
root = "root"
write = true
"#;

/// `CAP_NET_BIND_SERVICE`.
const PORTS: &str = "0000000000000400";

fn is_confined(process: &str) {
    let id = format!("{NOBODY} {NOBODY} {NOBODY} {NOBODY}");
    let wanted = [("Uid", &*id), ("Gid", &id), ("Groups", "65534"), ("CapEff", PORTS), ("CapPrm", PORTS)];
    for (key, value) in
        wanted.into_iter().chain([("CapAmb", "0000000000000000"), ("NoNewPrivs", "1"), ("Seccomp", "2")])
    {
        assert_eq!(status(process, key), value, "{key}");
    }
}

#[test]
fn t34_started_as_root_it_becomes_its_user_and_keeps_what_its_settings_need() {
    if !is_root() {
        return;
    }
    isolate();
    let folder = folder();
    chown(folder.path().join("root"), Some(NOBODY), Some(NOBODY)).unwrap();
    // What root has made before the first start is the user's from then on.
    fs::write(folder.path().join("portolan.toml"), CONFIGURATION).unwrap();
    let home = folder.path().join("root");
    add_user(folder.path(), "anna", &home);
    let started = command(folder.path(), CONFIGURATION);
    let served = Served::launch(started, folder, 21);
    let process = served.pid();
    for thread in fs::read_dir(format!("/proc/{process}/task")).unwrap() {
        is_confined(&format!("{process}/task/{}", thread.unwrap().file_name().display()));
    }
    assert_eq!(status(&process.to_string(), "CapBnd"), PORTS);
    let folder = served.folder.path();
    for file in fs::read_dir(folder.join("state")).unwrap().map(|entry| entry.unwrap().path()) {
        assert_eq!(fs::metadata(&file).unwrap().uid(), NOBODY, "{}", file.display());
    }
    upload(&served, "anna:secret", Path::new("/etc/hostname"), "up");
    let uploaded = fs::metadata(home.join("up")).unwrap();
    assert_eq!((uploaded.uid(), uploaded.gid()), (NOBODY, NOBODY));
    // Active data connections come from a port that not everybody may use.
    let mut talk = served.talk_logged_in();
    let data = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = data.local_addr().unwrap().port();
    assert!(talk.ask(&format!("EPRT |1|127.0.0.1|{port}|")).starts_with("200"));
    assert!(talk.ask("NLST").starts_with("150"));
    assert_eq!(data.accept().unwrap().1.port(), 20);
    assert!(talk.reply().starts_with("226"));
    // What root does with the database meanwhile, and the server, do not keep each other from it.
    add_user(folder, "otto", &home);
    assert!(log_in(&mut served.talk(), "otto", "secret").starts_with("230"));
    for _ in 0..2 {
        run(folder, &["restart"]);
        is_confined(&pid(folder).to_string());
        assert!(log_in(&mut served.talk(), "otto", "secret").starts_with("230"));
    }
    run(folder, &["drain"]);
}

#[test]
fn who_cannot_become_the_user_says_so() {
    let folder = folder();
    let text = CONFIGURATION.replace("nobody", "nobody-of-this-name");
    let output = command(folder.path(), &text).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("there is no user `nobody-of-this-name` on this system; `useradd --system"),
        "{said}"
    );
    if !is_root() {
        return;
    }
    // A key is root's.
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(folder.path().join("key.pem"), key.signing_key.serialize_pem()).unwrap();
    fs::write(folder.path().join("certificate.pem"), key.cert.pem()).unwrap();
    fs::set_permissions(folder.path().join("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    let files = "[tls]\ncertificate = \"certificate.pem\"\nkey = \"key.pem\"\n";
    let output = command(folder.path(), &format!("{CONFIGURATION}{files}")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("the user nobody may not read") && said.contains("key.pem && chmod g+rX"),
        "{said}"
    );
    // It can be read, but not from where it lies.
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    for name in ["key.pem", "certificate.pem"] {
        fs::copy(folder.path().join(name), closed.join(name)).unwrap();
        fs::set_permissions(closed.join(name), fs::Permissions::from_mode(0o644)).unwrap();
    }
    let files =
        files.replace("key.pem", "closed/key.pem").replace("certificate.pem", "closed/certificate.pem");
    let output = command(folder.path(), &format!("{CONFIGURATION}{files}")).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("closed && chmod g+rX"), "{said}");
    // The state folder is somebody else's.
    let text = CONFIGURATION.replace("\"state\"", "\"others\"");
    let others = folder.path().join("others");
    fs::create_dir(&others).unwrap();
    chown(&others, Some(1), Some(1)).unwrap();
    let output = command(folder.path(), &text).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("may not write to the folder") && said.contains("`chown -R nobody"), "{said}");
}

#[tokio::test]
async fn the_launcher_starts_what_was_named_and_nothing_else() {
    let program =
        |words: &[&str]| words.iter().map(|word| (*word).into()).collect::<Vec<std::ffi::OsString>>();
    let allowed = [
        Allowed { program: program(&["/bin/sh", "-c", "exit 3"]), more: 0, role: Role::Stranger },
        Allowed { program: program(&["/bin/test"]), more: 1, role: Role::Stranger },
        Allowed { program: program(&["/bin/sleep", "1000"]), more: 0, role: Role::Stranger },
    ];
    let mut helper = Command::new(env!("CARGO_BIN_EXE_portolan"));
    helper.arg("launcher");
    let launcher = Launcher::start(helper, &allowed).unwrap();
    let input = || vec![fs::File::open("/dev/null").unwrap().into()];
    let start =
        async |words: &[&str]| launcher.start_program(&program(words), Role::Stranger, &input()).await;
    let mut started = start(&["/bin/sh", "-c", "exit 3"]).await.unwrap();
    assert_eq!(started.wait().await.unwrap().code(), Some(3));
    assert_eq!(start(&["/bin/test", "x"]).await.unwrap().wait().await.unwrap().code(), Some(0));
    for others in
        [&["/bin/sh", "-c", "exit 4"][..], &["/bin/test"], &["/bin/test", "x", "y"], &["/bin/id"], &[]]
    {
        let refused = start(others).await.unwrap_err().to_string();
        assert!(refused.contains("it was not named when the server started"), "{others:?}: {refused}");
    }
    // A stranger is no part of the server.
    let part = launcher.start_program(&program(&["/bin/test", "x"]), Role::Part, &input()).await;
    assert!(part.unwrap_err().to_string().contains("it was not named"));
    // Where nobody waits for it any more, it ends.
    let started = start(&["/bin/sleep", "1000"]).await.unwrap();
    let place = format!("/proc/{}", started.id());
    assert!(Path::new(&place).exists());
    drop(started);
    while Path::new(&place).exists() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
