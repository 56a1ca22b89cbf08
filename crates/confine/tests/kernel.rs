//! What the kernel refuses afterwards. Each test is on a thread of its own, and only that is confined.
#![allow(clippy::unwrap_used)]

use portolan_confine::{CapabilitySet, Folders, gain_nothing, keep_files, refuse_calls};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::symlink;
use std::process::Command;

#[test]
fn only_the_folders_that_are_kept_are_left_of_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["read", "change", "other", "change/deep"] {
        fs::create_dir(at(name)).unwrap();
        fs::write(at(name).join("file"), "text").unwrap();
    }
    symlink(at("other"), at("change/link")).unwrap();
    fs::write(at("alone"), "text").unwrap();
    let open = File::open(at("other/file")).unwrap();
    gain_nothing().unwrap();
    let kept = Folders { read: vec![at("read"), at("not-there")], change: vec![at("change"), at("alone")] };
    keep_files(&kept).unwrap();
    assert!(fs::read(at("read/file")).is_ok());
    for (name, ways) in [("read/file", 1), ("other/file", 2), ("change/link/file", 2)] {
        let tried =
            [fs::OpenOptions::new().append(true).open(at(name)).map(drop), fs::read(at(name)).map(drop)];
        for refused in &tried[..ways] {
            assert_eq!(refused.as_ref().unwrap_err().kind(), ErrorKind::PermissionDenied, "{name}");
        }
    }
    assert_eq!(fs::read_dir(at("other")).unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(fs::remove_file(at("other/file")).unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(
        fs::rename(at("change/file"), at("other/moved")).unwrap_err().kind(),
        ErrorKind::PermissionDenied
    );
    fs::write(at("alone"), "more").unwrap();
    fs::write(at("change/deep/new"), "text").unwrap();
    fs::rename(at("change/deep/new"), at("change/moved")).unwrap();
    fs::create_dir(at("change/made")).unwrap();
    symlink("file", at("change/second")).unwrap();
    fs::remove_dir(at("change/made")).unwrap();
    assert_eq!(open.metadata().unwrap().len(), 4, "what was open stays so");
    assert_eq!(Command::new("/bin/true").status().unwrap_err().kind(), ErrorKind::PermissionDenied);
}

#[test]
fn calls_that_a_server_of_files_never_makes_are_refused_and_everything_else_goes_on() {
    gain_nothing().unwrap();
    refuse_calls().unwrap();
    let refused = |done: rustix::io::Result<()>| assert_eq!(done, Err(rustix::io::Errno::PERM));
    assert_eq!(Command::new("/bin/true").status().unwrap_err().kind(), ErrorKind::PermissionDenied);
    refused(rustix::process::chroot("/tmp"));
    // A user namespace would give it all capabilities in there, and needs none.
    let made = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUSER);
    assert_eq!(made, Err(nix::errno::Errno::EPERM));
    let packets =
        rustix::net::socket(rustix::net::AddressFamily::PACKET, rustix::net::SocketType::DGRAM, None);
    refused(packets.map(drop));
    let bluetooth = rustix::net::AddressFamily::from_raw(31);
    refused(rustix::net::socket(bluetooth, rustix::net::SocketType::RAW, None).map(drop));
    assert_eq!(std::thread::spawn(|| 7).join().unwrap(), 7);
    TcpListener::bind("127.0.0.1:0").unwrap();
    UdpSocket::bind("[::1]:0").unwrap();
    std::os::unix::net::UnixDatagram::unbound().unwrap();
    let netlink = rustix::net::AddressFamily::NETLINK;
    rustix::net::socket(netlink, rustix::net::SocketType::RAW, None).unwrap();
    fs::write(tempfile::tempdir().unwrap().path().join("file"), "text").unwrap();
}

#[test]
fn capabilities_that_are_given_up_do_not_come_back() {
    portolan_confine::keep_for_programs(CapabilitySet::NET_BIND_SERVICE).unwrap();
    let kept = portolan_confine::all_of(CapabilitySet::all()).unwrap();
    assert!(CapabilitySet::NET_BIND_SERVICE.contains(kept), "{kept:?}");
    // What programs get that this thread starts.
    let status = Command::new("cat").arg("/proc/self/status").output().unwrap().stdout;
    let status = String::from_utf8(status).unwrap();
    let permitted = status.lines().find_map(|line| line.strip_prefix("CapPrm:")).unwrap().trim();
    assert_eq!(u64::from_str_radix(permitted, 16).unwrap(), kept.bits());
    portolan_confine::keep(CapabilitySet::all()).unwrap();
    assert_eq!(portolan_confine::all_of(CapabilitySet::all()).unwrap(), kept);
    portolan_confine::keep(CapabilitySet::empty()).unwrap();
    assert_eq!(portolan_confine::all_of(CapabilitySet::all()).unwrap(), CapabilitySet::empty());
}
