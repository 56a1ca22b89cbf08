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

#[test]
fn an_address_and_the_server_have_so_many_transfers_and_no_more() {
    let served = serve(
        &["root"],
        "[anonymous]\nroot = \"root\"\nwrite = true\n[limits]\ntransfers = 2\ntransfers-per-address = 1\n",
    );
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, served.port));
    let from = |last: u8| {
        let mut talk = Talk::to(server, Some(IpAddr::from([127, 0, 0, last])));
        talk.log_in();
        talk
    };
    let (mut one, mut same, mut other, mut third) = (from(1), from(1), from(2), from(3));
    let first = one.open_data("STOR a");
    same.epsv();
    assert!(same.ask("STOR b").starts_with("450 Your address has as many transfers"));
    let second = other.open_data("STOR b");
    third.epsv();
    assert!(third.ask("STOR c").starts_with("450 The server has as many transfers"));
    // A listing is none.
    drop(third.open_data("LIST"));
    third.reply();
    drop(first);
    assert!(one.reply().starts_with("226"));
    drop(third.open_data("STOR c"));
    assert!(third.reply().starts_with("226"));
    drop(same.open_data("STOR d"));
    assert!(same.reply().starts_with("226"));
    drop(second);
    assert!(other.reply().starts_with("226"));
}

#[test]
fn the_server_lets_in_from_where_and_when_it_is_open() {
    // Hours that are over, and those that are not, are seen from the day of the week that it is.
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let today = usize::from(jiff::Zoned::now().weekday().to_monday_zero_offset().unsigned_abs());
    let (open, later) = (format!("{}, {}", days[today], days[(today + 1) % 7]), days[(today + 4) % 7]);
    let common = "[anonymous]\nroot = \"root\"\n[access]\nallow = [\"127.0.0.0/8\"]\ndeny = \"127.0.0.9\"\n";
    let served = serve(&["root"], &format!("{common}hours = \"{open}\"\n"));
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, served.port));
    let from = |last: u8| {
        let stream =
            portolan_testkit::launch::connect(server, Some(IpAddr::from([127, 0, 0, last]))).unwrap();
        Talk::new(stream)
    };
    assert!(from(8).reply().starts_with("220"));
    let mut denied = from(9);
    assert!(denied.reply().starts_with("421 Nobody is let in from your address"));
    assert_eq!(denied.reply(), "");
    let mut inside = from(8);
    inside.reply();
    inside.log_in();
    let file = served.folder.path().join("portolan.toml");
    let text = fs::read_to_string(&file).unwrap();
    // What changes counts for who is there already.
    fs::write(&file, text.replace("127.0.0.9", "127.0.0.8")).unwrap();
    assert!(inside.reply().starts_with("421 This account may not be used any more"));
    assert!(from(8).reply().starts_with("421 Nobody is let in from your address"));
    let mut inside = from(7);
    inside.reply();
    inside.log_in();
    let closed = text.replace(&open, &format!("{later} 00:00-24:00"));
    fs::write(&file, closed).unwrap();
    assert!(inside.reply().starts_with("421 "));
    let reply = from(7).reply();
    assert!(reply.starts_with("421 The server is closed at this hour; try again in "), "{reply}");
    let minutes: u32 = reply.split(' ').nth_back(1).unwrap().parse().unwrap();
    assert!((3 * 24 * 60..=4 * 24 * 60).contains(&minutes), "{minutes}");
}
