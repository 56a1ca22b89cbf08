//! Limits of users.

use crate::{log_in, serve};
use portolan_testkit::launch::{Talk, must_run};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;

const LIMITED: &str = r#"
[[user]]
name = "anna"
password = "SECRET"
root = "root"
write = true
sessions = 2
transfers = 1
deny = ["127.0.0.2", "::1"]

[[user]]
name = "otto"
password = "SECRET"
root = "root"
allow = "127.0.0.3/32"
"#;

#[test]
fn a_user_has_so_many_sessions_and_no_more() {
    let served = serve(&["root"], LIMITED);
    let mut first = served.talk();
    assert!(log_in(&mut first, "anna").starts_with("230"));
    let mut second = served.talk();
    assert!(log_in(&mut second, "anna").starts_with("230"));
    let mut third = served.talk();
    assert!(log_in(&mut third, "anna").starts_with("421 This account has as many sessions"));
    assert_eq!(third.reply(), "", "and that was the end");
    // Who logs out makes room, whichever way.
    assert!(first.ask("REIN").starts_with("220"));
    let mut fourth = served.talk();
    assert!(log_in(&mut fourth, "anna").starts_with("230"));
    drop(second);
    // The server hears of it when it hears of it.
    while !log_in(&mut served.talk(), "anna").starts_with("230") {}
}

#[test]
fn a_user_has_so_many_transfers_and_no_more() {
    let served = serve(&["root"], LIMITED);
    let (mut one, mut other) = (served.talk(), served.talk());
    log_in(&mut one, "anna");
    log_in(&mut other, "anna");
    let data = one.open_data("STOR a");
    other.epsv();
    assert!(other.ask("STOR b").starts_with("450 This account has as many transfers"));
    // A listing is none.
    let listing = other.open_data("LIST");
    assert!(other.reply().starts_with("226"));
    drop((data, listing));
    assert!(one.reply().starts_with("226"));
    drop(other.open_data("STOR b"));
    assert!(other.reply().starts_with("226"));
}

#[test]
fn a_user_comes_from_where_it_is_allowed() {
    let served = serve(&["root"], LIMITED);
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, served.port));
    let from = |last| Talk::to(server, Some(IpAddr::from([127, 0, 0, last])));
    for (user, last, code) in [("anna", 1, "230"), ("anna", 2, "530"), ("otto", 3, "230"), ("otto", 1, "530")]
    {
        assert!(log_in(&mut from(last), user).starts_with(code), "{user} from 127.0.0.{last}");
    }
    let said = served.log().join("\n");
    assert!(
        said.contains("127.0.0.2/32 is denied") && said.contains("not among the addresses that are allowed"),
        "{said}"
    );
}

#[test]
fn a_user_comes_at_the_hours_of_the_week_that_are_allowed() {
    let today: usize =
        String::from_utf8(must_run(Command::new("date").arg("+%u"))).unwrap().trim().parse().unwrap();
    let day = |later: usize| ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][(today - 1 + later) % 7];
    let user = |name: &str, hours: String| {
        format!("[[user]]\nname = \"{name}\"\npassword = \"SECRET\"\nroot = \"root\"\nhours = \"{hours}\"\n")
    };
    // It may be midnight any moment.
    let now = user("anna", format!("{}, {}", day(0), day(1)));
    let served = serve(&["root"], &(now + &user("otto", format!("{} 08:00-18:00", day(3)))));
    assert!(log_in(&mut served.talk(), "anna").starts_with("230"));
    assert!(log_in(&mut served.talk(), "otto").starts_with("530"));
    served.wait_for_log("none of the user's hours");
}

#[test]
fn what_is_slowed_down_is_whole() {
    let people = r#"
[[user]]
name = "anna"
password = "SECRET"
root = "root"
write = true
speed-up = "400 KB/s"
speed-down = "400 KB/s"
"#;
    let served = serve(&["root"], people);
    let home = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..300_000u32)
        .flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes())
        .take(300_000)
        .collect();
    let text: Vec<u8> =
        (0..20_000).flat_map(|line| format!("line {line}\r\n").into_bytes()).take(250_002).collect();
    fs::write(home.path().join("bytes"), &bytes).unwrap();
    fs::write(home.path().join("text"), &text).unwrap();
    let curl = |arguments: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["-sS", "-k", "--user", "anna:secret"]).args(arguments).current_dir(home.path());
        must_run(&mut command)
    };
    let url = |name: &str| format!("ftp://127.0.0.1:{}/{name}", served.port);
    for tls in [&[][..], &["--ssl-reqd"]] {
        for (file, flags) in [("bytes", &[][..]), ("text", &["--use-ascii"])] {
            let arguments = [tls, flags].concat();
            curl(&[&arguments[..], &["-T", file, &url(file)]].concat());
            let there = fs::read(served.root().join(file)).unwrap();
            let sent = fs::read(home.path().join(file)).unwrap();
            let lines =
                |bytes: &[u8]| bytes.iter().copied().filter(|byte| *byte != b'\r').collect::<Vec<u8>>();
            assert!(there == sent || (file == "text" && there == lines(&sent)), "{file} up, {arguments:?}");
            curl(&[&arguments[..], &["-o", "back", &url(file)]].concat());
            let back = fs::read(home.path().join("back")).unwrap();
            assert!(
                back == sent || (file == "text" && lines(&back) == lines(&sent)),
                "{file} down, {arguments:?}"
            );
        }
    }
}
