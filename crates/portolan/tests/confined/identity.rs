//! Users of the system, by PAM: what they do to files is their own doing.

use crate::{command, folder, is_root, log_in, run, upload};
use portolan_testkit::launch::{Served, Talk, free_ports, isolate, must_run};
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

/// Numbers of users, and of groups.
const ANNA: u32 = 4001;
const OTTO: u32 = 4002;
const PORTOLAN: u32 = 4090;
const STAFF: u32 = 4100;
const SERVERS: u32 = 4200;

/// A system with a few users, in which the server runs as one of them. What it has in `/etc` is seen by the server only.
fn system(as_user: bool) -> Served {
    isolate();
    let folder = folder();
    let place = folder.path().display();
    let hash = must_run(Command::new("openssl").args(["passwd", "-6", "secret"]));
    let hash = String::from_utf8(hash).unwrap();
    let hash = hash.trim();
    let etc = folder.path().join("etc");
    fs::create_dir(&etc).unwrap();
    let user = |name: &str, number: u32| format!("{name}:x:{number}:{number}::{place}/home/{name}:/bin/sh\n");
    let users =
        [user("anna", ANNA), user("otto", OTTO), user("gone", 4003), user("portolan", PORTOLAN)].concat();
    fs::write(etc.join("passwd"), format!("root:x:0:0::/root:/bin/sh\n{users}")).unwrap();
    let groups = format!("anna:x:{ANNA}:\nstaff:x:{STAFF}:anna\nservers:x:{SERVERS}:portolan\n");
    fs::write(etc.join("group"), format!("root:x:0:\notto:x:{OTTO}:\nportolan:x:{PORTOLAN}:\n{groups}"))
        .unwrap();
    let valid = |name: &str| format!("{name}:{hash}:20000:0:99999:7:::\n");
    let shadow = [
        valid("root"),
        valid("anna"),
        valid("otto"),
        format!("gone:{hash}:20000:0:99999:7::20001:\n"),
        "portolan:!:20000::::::\n".to_owned(),
    ];
    fs::write(etc.join("shadow"), shadow.concat()).unwrap();
    must_run(Command::new("cp").arg("-r").arg("/etc/pam.d").arg(&etc));
    // Otto comes from one address only.
    let access = format!("account required pam_access.so accessfile={place}/etc/access.conf");
    fs::write(etc.join("access.conf"), "-:otto:ALL EXCEPT 127.0.0.1\n").unwrap();
    let service = format!("auth required pam_unix.so\naccount required pam_unix.so\n{access}\n");
    fs::write(etc.join("pam.d/portolan-test"), service).unwrap();
    for (name, number) in [("anna", ANNA), ("otto", OTTO), ("gone", 4003)] {
        let home = folder.path().join("home").join(name);
        fs::create_dir_all(&home).unwrap();
        chown(&home, Some(number), Some(number)).unwrap();
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
    }
    let (port, passive) = (free_ports(1), free_ports(20));
    let text = format!(
        r#"
listen = ["127.0.0.1:{port}"]
passive-ports = "{passive}-{}"
state = "state"
[confine]
user = "portolan"
[[login]]
pam = "portolan-test"
as-user = {as_user}
"#,
        passive + 19
    );
    let server = command(folder.path(), &text);
    let binds = ["passwd", "group", "shadow", "pam.d"]
        .map(|name| format!("mount --bind {place}/etc/{name} /etc/{name}"));
    let mut started = Command::new("unshare");
    let script = format!("{} && exec \"$@\"", binds.join(" && "));
    started.args(["--mount", "--propagation", "private", "sh", "-c", &script, "sh"]);
    started.arg(server.get_program()).args(server.get_args());
    Served::launch(started, folder, port)
}

/// Makes something in a home folder, which belongs to these.
fn make(served: &Served, path: &str, owner: u32, group: u32, mode: u32) {
    let path = served.folder.path().join(path);
    if path.extension().is_some() {
        fs::write(&path, "text").unwrap();
    } else {
        fs::create_dir(&path).unwrap();
    }
    chown(&path, Some(owner), Some(group)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

fn owner(served: &Served, path: &str) -> (u32, u32) {
    let metadata = fs::metadata(served.folder.path().join(path)).unwrap();
    (metadata.uid(), metadata.gid())
}

#[test]
fn t34_what_users_of_the_system_do_to_files_is_their_own_doing() {
    if !is_root() {
        return;
    }
    let served = system(true);
    make(&served, "home/anna/staff", 0, STAFF, 0o770);
    make(&served, "home/anna/servers", 0, SERVERS, 0o770);
    make(&served, "home/anna/ottos", OTTO, OTTO, 0o700);
    make(&served, "home/anna/roots.txt", 0, 0, 0o600);
    make(&served, "home/anna/servers.txt", PORTOLAN, PORTOLAN, 0o600);
    upload(&served, "anna:secret", Path::new("/etc/hostname"), "staff/up");
    assert_eq!(owner(&served, "home/anna/staff/up"), (ANNA, ANNA));
    let mut anna = served.talk();
    assert!(log_in(&mut anna, "anna", "secret").starts_with("230"));
    assert!(anna.ask("MKD made").starts_with("257"));
    assert_eq!(owner(&served, "home/anna/made"), (ANNA, ANNA));
    anna.ask("TYPE I");
    for (command, why) in [
        ("MKD servers/x", "a group of the server is none of hers"),
        ("MKD ottos/x", "it is somebody else's"),
        ("CWD ottos", "it is somebody else's"),
        ("DELE ottos/x", "it is somebody else's"),
        ("SITE CHMOD 777 roots.txt", "it is root's"),
        ("MFMT 20200101000000 servers.txt", "it is the server's"),
    ] {
        let reply = anna.ask(command);
        assert!(reply.starts_with("550"), "{command}: {why}: {reply}");
    }
    for command in ["RETR roots.txt", "RETR servers.txt", "STOR servers/x", "APPE servers.txt", "NLST ottos"]
    {
        anna.epsv();
        let reply = anna.ask(command);
        assert!(reply.starts_with("550") || reply.starts_with("553"), "{command}: {reply}");
    }
    // A directory that is hers lets her take away what lies in it, as it would on the machine itself.
    assert!(anna.ask("DELE roots.txt").starts_with("250"));
    assert_eq!(served.log().iter().filter(|line| line.contains("ERROR")).count(), 0);
}

#[test]
fn nobody_gets_in_who_should_not() {
    if !is_root() {
        return;
    }
    let served = system(true);
    let wrong = log_in(&mut served.talk(), "anna", "wrong");
    assert!(wrong.starts_with("530"), "{wrong}");
    // Root may not, be the password right or not; nor may who is not known, or has expired, or is no name at all.
    for (name, password) in [
        ("root", "secret"),
        ("nobody-at-all", "secret"),
        ("gone", "secret"),
        ("4001", "secret"),
        ("anna", "secret "),
    ] {
        assert_eq!(log_in(&mut served.talk(), name, password), wrong, "{name}");
    }
    assert!(log_in(&mut served.talk(), "portolan", "secret").starts_with("530"), "it has no password");
    assert!(log_in(&mut served.talk(), "otto", "secret").starts_with("230"));
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, served.port));
    let mut elsewhere = Talk::to(server, Some([127, 0, 0, 2].into()));
    assert_eq!(log_in(&mut elsewhere, "otto", "secret"), wrong, "he does not come from there");
    let said = served.log().join("\n");
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn t34_who_uploads_at_the_same_time_has_their_own_files() {
    if !is_root() {
        return;
    }
    let served = system(true);
    let network = fs::File::open("/proc/thread-self/ns/net").unwrap();
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, served.port));
    std::thread::scope(|scope| {
        for session in 0..8 {
            let network = &network;
            scope.spawn(move || {
                portolan_testkit::launch::join_network(network);
                let name = if session % 2 == 0 { "anna" } else { "otto" };
                let mut talk = Talk::to(server, None);
                assert!(log_in(&mut talk, name, "secret").starts_with("230"));
                for number in 0..40 {
                    let mut data = talk.open_data(&format!("STOR {session}-{number}"));
                    data.write_all(name.as_bytes()).unwrap();
                    drop(data);
                    assert!(talk.reply().starts_with("226"));
                    assert!(talk.ask(&format!("MKD d{session}-{number}")).starts_with("257"));
                    assert!(talk.ask(&format!("SIZE {session}-{number}")).starts_with("550"), "TYPE A");
                }
            });
        }
    });
    for (name, number) in [("anna", ANNA), ("otto", OTTO)] {
        let entries: Vec<_> = fs::read_dir(served.folder.path().join("home").join(name)).unwrap().collect();
        assert_eq!(entries.len(), 4 * 40 * 2);
        for entry in entries {
            assert_eq!(entry.unwrap().metadata().unwrap().uid(), number);
        }
    }
}

#[test]
fn pam_is_asked_after_a_new_start_too_and_what_changes_there_counts() {
    if !is_root() {
        return;
    }
    let served = system(true);
    let folder = served.folder.path();
    run(folder, &["restart"]);
    let mut anna = served.talk();
    assert!(log_in(&mut anna, "anna", "secret").starts_with("230"));
    assert!(anna.ask("MKD made").starts_with("257"));
    assert_eq!(owner(&served, "home/anna/made"), (ANNA, ANNA));
    // It is written in place: the server sees that file and no other.
    let shadow = folder.join("etc/shadow");
    let text = fs::read_to_string(&shadow).unwrap();
    let anna_is_gone: String = text
        .lines()
        .map(|line| if line.starts_with("anna:") { line.replace(":7:::", ":7::20001:") } else { line.to_owned() } + "\n")
        .collect();
    fs::write(&shadow, anna_is_gone).unwrap();
    run(folder, &["reload"]);
    assert!(anna.reply().starts_with("421 This account may not be used any more"));
    assert!(log_in(&mut served.talk(), "anna", "secret").starts_with("530"));
    run(folder, &["drain"]);
}

#[test]
fn who_cannot_act_for_others_says_so_and_goes_on() {
    if !is_root() {
        return;
    }
    let served = system(false);
    let folder = served.folder.path();
    // What the server gave up at its start does not come back.
    let file = folder.join("portolan.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("as-user = false", "as-user = true")).unwrap();
    let said = run(folder, &["reload"]);
    assert!(said.contains("[[login]] (by a stop and a start)"), "{said}");
    for _ in 0..2 {
        assert!(log_in(&mut served.talk(), "anna", "secret").starts_with("451"));
        served.wait_for_log("the server cannot act in the name of anna");
    }
    fs::write(&file, text.replace("as-user = false", "root = \"root/{user}\"")).unwrap();
    let refused = crate::portolan(folder, &["reload"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("write make = false, or as-user = false"), "{said}");
    assert!(log_in(&mut served.talk(), "anna", "wrong").starts_with("530"));
}
