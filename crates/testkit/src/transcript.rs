//! Transcripts: whole conversations as text, with the replies that must come.
//!
//! ```text
//! # What is held to, with the section of the RFC.
//! * file a.txt hello        a file is there before
//! > USER anna               the client sends a line
//! >> NOOP\r\nNOOP\r\n       the client sends bytes, with escapes
//! < 331                     the server's next line begins so; a space at its end counts
//! * connect                 the client opens the data connection
//! * send text\n             the client sends data
//! * end                     the client ends the data connection
//! * receive hello           the data that came, all of it, and its end
//! * received hello          the data that came, all of it; the data connection stays open
//! * break                   the data connection breaks
//! * wait 60                 seconds go by
//! * hang up                 the client ends the control connection
//! * shut down 10            the server stops, with so many seconds of grace
//! * closed                  the server has closed the control connection
//! * silent                  the server has nothing more to say
//! * has a.txt hello         the file is there and holds that
//! * lacks b.txt             no such file is there
//! * directory d             a directory is there before
//! * read only               who logs in may only read
//! * servers                 who logs in may transfer between servers
//! * data client            this side was the client of the last data connection's handshake: client, server, none
//! * until 600               who logs in may be so for so many seconds from now on
//! * idle 60                 who logs in may be idle for so many seconds
//! * unreachable             active data connections are refused
//! * unanswered              active data connections are not even refused
//! * peer [::1]:4000         where the client is: only as the first line
//! * tls require             what TLS is needed for: off, offer, login, require; only before the first step
//! * clear control           CCC is allowed; only before the first step
//! * implicit                TLS begins at once; only before the first step
//! * host a.example Hello    there is a virtual host with this greeting; only before the first step
//! * default a.example       the default host has this name; only before the first step
//! * device 192.0.2.0/24 binary   who comes from there is spared something; client, user: who says, or logs in as, that;
//!                         only before the first step: binary, not-extended, old, dos
//! * revoked                 the account may not be used any more
//! * name a.example          the client names this host in the TLS handshake
//! * certificate             the client shows a certificate in the TLS handshake
//! * in the clear            the control connection is not protected now
//! * protected               it is
//! * protected data          who logs in has to have data protected
//! ```
//!
//! At the end nothing is left unsaid and nothing is left open.

use crate::world::{Data, World};
use portolan_proto::server::{Connection, Device, Protection, Quirks, Settings, TlsPolicy, VirtualHost};
use portolan_vfs::Rights;
use portolan_wire::list::Form;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A conversation.
pub struct Transcript {
    /// Where it stands.
    pub name: String,
    connection: Connection,
    settings: Settings,
    /// Number and text of each line that does something.
    steps: Vec<(usize, String)>,
}

/// What clients are spared, in words with commas between.
fn quirks_of(words: &str) -> Quirks {
    let mut quirks = Quirks::default();
    for word in words.split(',') {
        match word {
            "binary" => quirks.binary = true,
            "not-extended" => quirks.not_extended = true,
            "old" => quirks.form = Form::OldUnix,
            "dos" => quirks.form = Form::Dos,
            _ => panic!("nobody is spared `{word}`"),
        }
    }
    quirks
}

impl Transcript {
    /// Reads the text of a transcript.
    ///
    /// # Panics
    /// When it does not say what it holds the server to, and by which text.
    pub fn parse(name: &str, text: &str) -> Transcript {
        assert!(text.starts_with("# "), "{name} does not say what it holds to");
        assert!(text.contains("RFC ") || text.contains("draft-"), "{name} names no source");
        let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let steps: Vec<(usize, String)> = lines.map(|(number, line)| (number + 1, line.to_owned())).collect();
        let peer = steps.first().and_then(|(_, line)| line.strip_prefix("* peer "));
        let peer: SocketAddr = peer.unwrap_or("192.0.2.9:4000").parse().unwrap();
        let local = SocketAddr::new(if peer.is_ipv4() { [192, 0, 2, 1].into() } else { peer.ip() }, 21);
        let mut connection = Connection { peer, local, implicit_tls: false, tls: TlsPolicy::Offer };
        let mut settings = Settings::default();
        for (_, line) in &steps {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["*", "tls", policy] => connection.tls = policy_of(policy),
                ["*", "clear", "control"] => settings.clear_control = true,
                ["*", "device", from, quirks] => settings.devices.push(Device {
                    from: vec![from.parse().unwrap()],
                    quirks: quirks_of(quirks),
                    ..Device::default()
                }),
                ["*", "client", name, quirks] => settings.devices.push(Device {
                    client: Some(name.to_owned()),
                    quirks: quirks_of(quirks),
                    ..Device::default()
                }),
                ["*", "user", name, quirks] => settings.devices.push(Device {
                    users: vec![name.to_owned()],
                    quirks: quirks_of(quirks),
                    ..Device::default()
                }),
                ["*", "implicit"] => connection.implicit_tls = true,
                ["*", "default", name] => settings.names.push(name.to_owned()),
                ["*", "host", name, greeting] => settings
                    .hosts
                    .push(VirtualHost { names: vec![name.to_owned()], welcome: vec![greeting.to_owned()] }),
                ["*", "host", ..] => panic!("{name}: a host has one name and a greeting of one word: {line}"),
                _ => {}
            }
        }
        Transcript { name: name.to_owned(), connection, settings, steps }
    }

    /// All transcripts of a folder.
    pub fn all(folder: &Path) -> Vec<Transcript> {
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "no transcripts in {}", folder.display());
        let read = |file: &PathBuf| {
            Transcript::parse(&file.display().to_string(), &std::fs::read_to_string(file).unwrap())
        };
        files.iter().map(read).collect()
    }

    /// Runs it.
    ///
    /// # Errors
    /// The line that went wrong, and how.
    pub fn run(&self) -> Result<(), String> {
        self.run_split(None)
    }

    /// Runs it with the client's bytes in two pieces, parted at this one of all.
    ///
    /// # Errors
    /// The line that went wrong, and how.
    pub fn run_split(&self, at: Option<usize>) -> Result<(), String> {
        let mut world = self.world();
        let mut sent = 0;
        for (number, line) in &self.steps {
            let bytes = control_bytes(line);
            let split = at.and_then(|at| at.checked_sub(sent)).filter(|split| *split < bytes.len());
            sent += bytes.len();
            let done = match split {
                Some(split) => {
                    world.send(&bytes[..split]);
                    world.send(&bytes[split..]);
                    Ok(())
                }
                None => step(&mut world, line),
            };
            done.map_err(|error| format!("{}, line {number}: {line}\n  {error}", self.name))?;
        }
        if !world.replies.is_empty() {
            return Err(format!("{}: left unsaid: {}", self.name, world.replies.escape_ascii()));
        }
        world.cut();
        if world.is_clean() { Ok(()) } else { Err(format!("{}: something is left open", self.name)) }
    }

    /// How many bytes the client sends on the control connection.
    pub fn bytes(&self) -> usize {
        self.steps.iter().map(|(_, line)| control_bytes(line).len()).sum()
    }

    /// How many steps it has.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// True when it has none.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The world before the first step.
    pub fn world(&self) -> World {
        World::at(self.settings.clone(), self.connection, self.name_at_once())
    }

    /// The host that the client asks for before its first step.
    fn name_at_once(&self) -> Option<Vec<u8>> {
        let name = self.steps.iter().find_map(|(_, line)| line.strip_prefix("* name "))?;
        self.connection.implicit_tls.then(|| name.as_bytes().to_vec())
    }

    /// Does a step; what should come of it is not looked at.
    pub fn perform(&self, world: &mut World, number: usize) {
        let line = &self.steps[number].1;
        if !line.starts_with('<') && !line.starts_with("* receive") {
            // A step that the break has made impossible is left out.
            let _ = step(world, line);
        }
    }
}

fn policy_of(word: &str) -> TlsPolicy {
    match word {
        "off" => TlsPolicy::Off,
        "offer" => TlsPolicy::Offer,
        "login" => TlsPolicy::RequireLogin,
        "require" => TlsPolicy::RequireData,
        _ => panic!("what TLS policy is {word}"),
    }
}

/// The bytes that a step sends on the control connection.
fn control_bytes(line: &str) -> Vec<u8> {
    match line.split_once(' ') {
        Some((">", rest)) => [&unescape(rest), &b"\r\n"[..]].concat(),
        Some((">>", rest)) => unescape(rest),
        _ => Vec::new(),
    }
}

fn step(world: &mut World, line: &str) -> Result<(), String> {
    let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
    match mark {
        ">" | ">>" => world.send(&control_bytes(line)),
        "<" => return expect_line(world, &unescape(rest)),
        "*" => return direct(world, rest),
        _ => return Err("what is this".to_owned()),
    }
    Ok(())
}

fn expect_line(world: &mut World, wanted: &[u8]) -> Result<(), String> {
    let end = world.replies.windows(2).position(|pair| pair == b"\r\n").ok_or("the server says nothing")?;
    let line: Vec<u8> = world.replies.drain(..end + 2).collect();
    let said = &line[..end];
    if said.starts_with(wanted) { Ok(()) } else { Err(format!("the server says: {}", said.escape_ascii())) }
}

fn direct(world: &mut World, rest: &str) -> Result<(), String> {
    let (verb, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
    match verb {
        "peer" | "tls" | "clear" | "implicit" | "default" | "host" | "device" | "client" | "user" => {}
        "name" => world.name = Some(rest.as_bytes().to_vec()),
        "certificate" => world.certificate = true,
        "in" => return (!world.protected).then_some(()).ok_or("it is protected".to_owned()),
        "protected" if rest == "data" => world.terms.protected_data = true,
        "protected" => return world.protected.then_some(()).ok_or("it is in the clear".to_owned()),
        "file" => world.put(name, &unescape(text)),
        "directory" => world.make_directory(rest),
        "read" => world.mounts[0].rights = Rights::READ_ONLY,
        "servers" => world.terms.fxp = true,
        "data" => return expect_protection(world, rest),
        "until" => world.end_in(seconds(rest)?),
        "revoked" => world.revoke(),
        "idle" => world.terms.idle = Some(seconds(rest)?),
        "unreachable" => world.reachable = false,
        "unanswered" => world.silent = true,
        "connect" => return world.connect().then_some(()).ok_or("the server does not listen".to_owned()),
        "send" => return with_data(world, |data| data.from_client.extend(unescape(rest))),
        "end" => return with_data(world, |data| data.client_ended = true),
        "break" => return with_data(world, |data| data.broken = true),
        "received" => return receive_on(world, &unescape(rest)),
        "receive" => return receive(world, &unescape(rest)),
        "wait" => world.wait(seconds(rest)?),
        "hang" => world.hang_up(),
        "shut" => world.shut_down(seconds(text)?),
        "closed" => return world.closed.then_some(()).ok_or("it is still open".to_owned()),
        "silent" => return expect_silence(world),
        "has" => {
            let found = world.content(name).ok_or("no such file")?;
            let same = found == unescape(text);
            return same.then_some(()).ok_or_else(|| format!("it holds: {}", found.escape_ascii()));
        }
        "lacks" => return world.content(name).map_or(Ok(()), |_| Err("it is there".to_owned())),
        _ => return Err("no such step".to_owned()),
    }
    Ok(())
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_secs).map_err(|_| "how many seconds?".to_owned())
}

fn with_data(world: &mut World, change: impl FnOnce(&mut Data)) -> Result<(), String> {
    world.with_data(change).then_some(()).ok_or("there is no data connection".to_owned())
}

fn expect_protection(world: &World, wanted: &str) -> Result<(), String> {
    let wanted = match wanted {
        "none" => Protection::None,
        "server" => Protection::Server,
        "client" => Protection::Client,
        _ => return Err("what protection is that".to_owned()),
    };
    let had = world.protection;
    if had == Some(wanted) { Ok(()) } else { Err(format!("it is {had:?}")) }
}

fn expect_silence(world: &World) -> Result<(), String> {
    if world.closed {
        return Err("the control connection is closed".to_owned());
    }
    if world.replies.is_empty() {
        Ok(())
    } else {
        Err(format!("the server says: {}", world.replies.escape_ascii()))
    }
}

fn receive(world: &mut World, wanted: &[u8]) -> Result<(), String> {
    let data = world.data.take().ok_or("there is no data connection")?;
    if data.to_client != wanted {
        return Err(format!("what came is: {}", data.to_client.escape_ascii()));
    }
    if data.server_ended { Ok(()) } else { Err("the data has no end".to_owned()) }
}

fn receive_on(world: &mut World, wanted: &[u8]) -> Result<(), String> {
    let data = world.data.as_mut().ok_or("there is no data connection")?;
    let came = std::mem::take(&mut data.to_client);
    if came != wanted {
        return Err(format!("what came is: {}", came.escape_ascii()));
    }
    if data.server_ended { Err("the data has ended".to_owned()) } else { Ok(()) }
}

/// Bytes of text with `\r`, `\n`, `\0`, `\\`, `\s` for a space and `\xff` in it. `\*1000A` is a
/// thousand times `A`.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        if letter != '\\' {
            bytes.extend(letter.encode_utf8(&mut [0; 4]).bytes());
            continue;
        }
        match rest.next() {
            Some('r') => bytes.push(b'\r'),
            Some('n') => bytes.push(b'\n'),
            Some('0') => bytes.push(0),
            Some('s') => bytes.push(b' '),
            Some('x') => {
                let digits: String = rest.by_ref().take(2).collect();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap());
            }
            Some('*') => {
                let digits: String = rest.clone().take_while(char::is_ascii_digit).collect();
                let letter = rest.by_ref().nth(digits.len()).unwrap();
                bytes.extend(letter.to_string().repeat(digits.parse().unwrap()).bytes());
            }
            Some(other) => bytes.extend(other.encode_utf8(&mut [0; 4]).bytes()),
            None => bytes.push(b'\\'),
        }
    }
    bytes
}
