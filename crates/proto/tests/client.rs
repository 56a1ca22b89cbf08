//! Conversations of the user-PI, played from scripts.
//!
//! ```text
//! # what counts from the start: tls auto|required|off|implicit, ways EPSV,PASV,…, proxy host, proxy-login name
//! S 220 a line of the server, with its end
//! C USER anonymous        what the client sends; everything that it sends has to be there
//! ! RETR name [offset]    a transfer is wanted, `small RETR name` one of many small ones; ? before a command asks for its reply only
//! ! connected | refused | listening | ended | broken | secured | cancel | closed | wait <seconds>
//!                         with the number of a transfer behind it, if it is not the last
//! = connect 127.0.0.1:2000 | begin | …    what the owner is told, all of it but for what is heard
//! ```
#![allow(clippy::unwrap_used)]

use portolan_proto::client::{
    Answer, Credentials, Gateway, Host, Input, Number, Order, Output, Patience, Problem, Request, Session,
    Settings, TlsPolicy, Way,
};
use portolan_wire::Command;
use portolan_wire::parameters::Representation;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

fn settings(lines: &str) -> Settings {
    let mut settings = Settings {
        peer: Host::new("203.0.113.5"),
        tls: TlsPolicy::Off,
        credentials: Credentials { user: b"anna".to_vec(), password: b"secret".to_vec(), account: None },
        gateway: None,
        utf8: true,
        ways: Way::ALL.to_vec(),
        patience: Patience::default(),
    };
    for line in lines.lines().filter_map(|line| line.strip_prefix("# ")) {
        match line.split_once(' ') {
            Some(("tls", "auto")) => settings.tls = TlsPolicy::Auto,
            Some(("tls", "required")) => settings.tls = TlsPolicy::Required,
            Some(("peer", peer)) => settings.peer = Host::new(peer),
            Some(("names", "other")) => settings.utf8 = false,
            Some(("proxy", target)) => {
                settings.gateway = Some(Gateway { target: target.to_owned(), login: None });
            }
            Some(("proxy-login", user)) => {
                let login = Credentials {
                    user: user.as_bytes().to_vec(),
                    password: b"secret too".to_vec(),
                    account: None,
                };
                settings.gateway = settings.gateway.map(|gateway| Gateway { login: Some(login), ..gateway });
            }
            Some(("ways", names)) => {
                let way = |name| *Way::ALL.iter().find(|way| way.name().starts_with(name)).unwrap();
                settings.ways = names.split(',').map(way).collect();
            }
            _ => {}
        }
    }
    settings
}

struct Play {
    session: Session,
    /// Where this side listens in active mode.
    here: SocketAddr,
    now: Instant,
    told: VecDeque<String>,
    number: u64,
}

impl Play {
    fn give(&mut self, input: Input<'_>) {
        self.session.handle_input(self.now, input);
        loop {
            let told = match self.session.poll_output() {
                Output::Wait { .. } => return,
                Output::Send { bytes, shown } => {
                    let sent = String::from_utf8(bytes).unwrap();
                    assert!(!shown.windows(6).any(|part| part == b"secret"));
                    format!("C {}", sent.strip_suffix("\r\n").unwrap())
                }
                Output::Heard(..) => continue,
                Output::SendTelnet(bytes) => format!("= telnet {bytes:?}"),
                Output::Secure => "= secure".to_owned(),
                Output::InTheClear(reply) => format!("= in the clear {reply}"),
                Output::Ready => "= ready".to_owned(),
                Output::Connect { place, .. } => format!("= connect {place}"),
                Output::Listen { .. } => "= listen".to_owned(),
                Output::DropData { .. } => "= drop".to_owned(),
                Output::Begin { protected, in_blocks, .. } => {
                    let how = if in_blocks { " in blocks" } else { "" };
                    format!("= begin{how}{}", if protected { " protected" } else { "" })
                }
                Output::Continue { number } => format!("= continue {}", number.0),
                Output::DropCommon => "= drop common".to_owned(),
                Output::Started { .. } => "= started".to_owned(),
                Output::LeftWay { left, .. } => format!("= left {left}"),
                Output::Answered(_, Ok(Answer::Reply(reply))) => format!("= reply {reply}"),
                Output::Answered(_, Ok(Answer::Transferred(done))) => {
                    format!("= done by {}", done.way.name())
                }
                Output::Answered(_, Err(error)) => format!("= failed {error} ({:?})", error.retry()),
                Output::Close(error) => format!("= close {}", error.unwrap()),
            };
            self.told.push_back(told);
        }
    }

    fn act(&mut self, action: &str) {
        let (word, rest) = action.split_once(' ').unwrap_or((action, ""));
        let number = Number(rest.parse().unwrap_or(self.number));
        match word {
            "connected" => self.give(Input::Connected(number, Ok(()))),
            "refused" => self.give(Input::Connected(number, Err("connection refused".to_owned()))),
            "listening" => self.give(Input::Listening(number, Ok(self.here))),
            "ended" => self.give(Input::Ended(number, Ok(()))),
            "broken" => self.give(Input::Ended(number, Err(Problem::Data("reset".to_owned())))),
            "secured" => self.give(Input::Secured(Ok(()))),
            "cancel" => self.give(Input::Cancel(number)),
            "closed" => self.give(Input::Closed(None)),
            "wait" => {
                self.now += Duration::from_secs(rest.parse().unwrap());
                self.give(Input::Tick);
            }
            _ => {
                let (line, offset) = match action.rsplit_once(" at ") {
                    Some((line, offset)) => (line, offset.parse().unwrap()),
                    None => (action, 0),
                };
                self.number += 1;
                let (small, line) = line.strip_prefix("small ").map_or((false, line), |line| (true, line));
                let order = Order {
                    command: Command::parse(line.as_bytes()).unwrap(),
                    representation: Representation::Image,
                    offset,
                    small,
                };
                self.give(Input::Request(Number(self.number), Request::Transfer(order)));
            }
        }
    }

    /// `ahead` splits what the server says into single bytes.
    fn run(script: &str, name: &str, split: bool) {
        let (now, settings) = (Instant::now(), settings(script));
        let own = if settings.peer.is_ipv6() { "[2001:db8::9]:4242" } else { "192.0.2.9:4242" };
        let here = own.parse().unwrap();
        let mut play =
            Play { session: Session::new(settings, now), here, now, told: VecDeque::new(), number: 0 };
        for (at, line) in
            script.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        {
            let (what, rest) = line.split_at(1);
            let rest = rest.strip_prefix(' ').unwrap_or(rest);
            match what {
                "C" | "=" => {
                    let told = play.told.pop_front().unwrap_or_default();
                    assert_eq!(told, line, "{name}:{}", at + 1);
                    continue;
                }
                _ => assert_eq!(play.told, Vec::<String>::new(), "{name}:{}: before {line}", at + 1),
            }
            match what {
                "S" if split => {
                    for byte in format!("{rest}\r\n").as_bytes() {
                        play.give(Input::Received(&[*byte]));
                    }
                }
                "S" => play.give(Input::Received(format!("{rest}\r\n").as_bytes())),
                "?" => {
                    play.number += 1;
                    let command = Command::parse(rest.as_bytes()).unwrap();
                    play.give(Input::Request(Number(play.number), Request::Ask(command)));
                }
                "!" => play.act(rest),
                _ => panic!("{name}:{}: {line}", at + 1),
            }
        }
        assert_eq!(play.told, Vec::<String>::new(), "{name}: at the end");
    }
}

#[test]
fn scripts() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/client");
    let mut played = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        // Scripts in one file are parted by a line with dashes.
        for script in std::fs::read_to_string(&path).unwrap().split("\n----\n") {
            Play::run(script, &name, false);
            Play::run(script, &name, true);
            played += 1;
        }
    }
    assert!(played > 20);
}
