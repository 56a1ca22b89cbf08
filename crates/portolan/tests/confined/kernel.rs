//! What the kernel does for it, and what happens where it does not.

use crate::{add_user, command, folder, log_in, run};
use portolan_testkit::launch::{Served, free_ports, isolate, must_run};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use std::fs;
use std::process::Command;

/// A server of `root`, with this in its configuration.
fn serve(text: &str) -> Served {
    isolate();
    let (folder, port, passive) = (folder(), free_ports(1), free_ports(10));
    let common = "state = \"state\"\n[anonymous]\nroot = \"root\"\nwrite = true";
    let ports = format!("listen = [\"127.0.0.1:{port}\"]\npassive-ports = \"{passive}-{}\"", passive + 9);
    let started = command(folder.path(), &format!("{ports}\n{common}\n{text}"));
    Served::launch(started, folder, port)
}

/// Calls that this thread, and what it starts, is answered with an error from now on.
fn without(calls: &[i64], error: i32) {
    let rules = calls.iter().map(|call| (*call, Vec::new())).collect();
    let error = SeccompAction::Errno(error.unsigned_abs());
    let here = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, error, here).unwrap();
    rustix::thread::set_no_new_privs(true).unwrap();
    seccompiler::apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
}

#[test]
fn where_the_kernel_or_a_container_does_not_do_a_step_it_is_said_once_and_the_server_serves() {
    for error in [libc::ENOSYS, libc::EPERM] {
        for (call, message) in [
            (libc::SYS_landlock_create_ruleset, "files are not confined"),
            (libc::SYS_landlock_restrict_self, "files are not confined"),
            (libc::SYS_seccomp, "system calls are not filtered"),
            (libc::SYS_capset, "capabilities stay as they are"),
        ] {
            let said = std::thread::spawn(move || {
                isolate();
                without(&[call], error);
                let served = serve("");
                let mut talk = served.talk_logged_in();
                assert!(talk.ask("MKD made").starts_with("257"));
                assert!(talk.ask("QUIT").starts_with("221"));
                served.log()
            });
            let said = said.join().unwrap();
            let lines: Vec<&String> = said.iter().filter(|line| line.contains(message)).collect();
            assert_eq!(lines.len(), 1, "{call} {error}: {said:#?}");
            assert!(lines[0].contains("WARN"), "{lines:?}");
        }
    }
}

#[test]
fn a_folder_that_was_not_known_at_the_start_takes_a_new_start_where_that_is_wanted() {
    let served = serve("[confine]\nfolders = [\"later\"]");
    let folder = served.folder.path();
    for name in ["later", "elsewhere"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    run(folder, &["restart"]);
    fs::create_dir_all(folder.join("later/anna")).unwrap();
    add_user(folder, "anna", &folder.join("later/anna"));
    let mut talk = served.talk();
    assert!(log_in(&mut talk, "anna", "secret").starts_with("230"));
    assert!(talk.ask("MKD made").starts_with("257"));
    add_user(folder, "otto", &folder.join("elsewhere"));
    assert!(log_in(&mut served.talk(), "otto", "secret").starts_with("451"));
    let line = served.wait_for_log("the server gave it up when it started");
    assert!(line.contains("elsewhere") && line.contains("`portolan restart` takes in"), "{line}");
    run(folder, &["restart"]);
    let mut talk = served.talk();
    assert!(log_in(&mut talk, "otto", "secret").starts_with("230"));
    assert!(talk.ask("MKD made").starts_with("257"));
    run(folder, &["drain"]);
}

#[test]
fn a_disk_that_is_mounted_later_is_told_of() {
    if !crate::is_root() {
        return;
    }
    // What is mounted here is seen by this thread and what it starts only.
    std::thread::spawn(|| {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
        must_run(Command::new("mount").args(["--make-rprivate", "/"]));
        let (served, disk) = (serve("[confine]\nfolders = []"), tempfile::tempdir().unwrap());
        let (folder, disk) = (served.folder.path(), disk.path());
        add_user(folder, "anna", disk);
        // The server has known the folder from its start on, and not what comes there.
        run(folder, &["restart"]);
        must_run(Command::new("mount").args(["-t", "tmpfs", "tmpfs"]).arg(disk));
        let said = log_in(&mut served.talk(), "anna", "secret");
        assert!(said.starts_with("451"), "{said}");
        served.wait_for_log("was a disk mounted there since the server started?");
        run(folder, &["restart"]);
        let mut talk = served.talk();
        assert!(log_in(&mut talk, "anna", "secret").starts_with("230"));
        assert!(talk.ask("MKD made").starts_with("257"));
        run(folder, &["drain"]);
        must_run(Command::new("umount").arg("-l").arg(disk));
    })
    .join()
    .unwrap();
}

#[test]
fn what_is_the_systems_is_not_served_because_the_database_says_so() {
    let served = serve("");
    let folder = served.folder.path();
    fs::write(folder.join("secret"), "secret\n").unwrap();
    let secret = folder.join("secret");
    let add = ["user", "add", "anna", "--folder", "/usr/share", "--password-file", secret.to_str().unwrap()];
    let added = crate::portolan(folder, &add);
    let said = String::from_utf8(added.stderr).unwrap();
    assert!(
        added.status.success() && said.contains("it has to be written as `folders` in [confine]"),
        "{said}"
    );
    for _ in 0..2 {
        let said = log_in(&mut served.talk(), "anna", "secret");
        assert!(said.starts_with("451"), "{said}");
        served.wait_for_log("others are to be written as `folders` in [confine]");
        run(folder, &["restart"]);
    }
    let file = folder.join("portolan.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\n[confine]\nfolders = [\"/usr/share\"]\n")).unwrap();
    run(folder, &["restart"]);
    assert!(log_in(&mut served.talk(), "anna", "secret").starts_with("230"));
    run(folder, &["drain"]);
}
