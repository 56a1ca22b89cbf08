//! One cell of the matrix: a client, a server, and the networks between them. A real file goes up and comes
//! down again by a stock client, and has to be the same.

use crate::peers::{Kind, Peer};
use crate::served::Served;
use crate::sides::{CONTROL, ClientSide, PUBLIC, ServerSide};
use portolan_testkit::network::{Host, Network};
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a client may take to be told that something does not work.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of the file.
const FILE: usize = 3_000_000;

/// How the data connection is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) passive: bool,
    pub(crate) tls: bool,
}

impl Way {
    pub(crate) const ALL: [Way; 4] = [
        Way { passive: true, tls: false },
        Way { passive: true, tls: true },
        Way { passive: false, tls: false },
        Way { passive: false, tls: true },
    ];

    pub(crate) fn name(self) -> &'static str {
        match (self.passive, self.tls) {
            (true, false) => "passive",
            (true, true) => "passive tls",
            (false, false) => "active",
            (false, true) => "active tls",
        }
    }
}

/// What came of a way through a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The files got through.
    Passed,
    /// They did not, and the client was told why in time.
    Refused,
    /// Something else: what.
    Wrong(String),
}

/// Builds the networks and tries every way through them.
pub(crate) fn run(
    name: &str,
    client: ClientSide,
    server: ServerSide,
    kind: Kind,
) -> io::Result<Vec<(Way, Outcome)>> {
    let mut network = Network::new(name)?;
    let internet = network.router("internet")?;
    let client_host = client.build(&mut network, &internet)?;
    let places = server.build(&mut network, &internet)?;
    let folder = tempfile::tempdir()?;
    let mut servers = Vec::new();
    for (number, place) in places.iter().enumerate() {
        // Servers behind a balancer have the same files.
        let own = folder.path().join(format!("server{number}"));
        if kind != Kind::Portolan {
            servers.push(Server::Peer { _running: Peer::start(kind, place, folder.path(), &own)? });
            continue;
        }
        let served = Served::start(&place.host, &folder.path().join("root"), &own, &place.settings)?;
        if let Some(text) = server.ready() {
            served.wait_for(text)?;
        }
        servers.push(Server::Portolan(served));
    }
    let url = if client == ClientSide::Ipv6 { "[2001:db8:22::2]" } else { PUBLIC };
    let mut outcomes = Vec::new();
    for way in Way::ALL {
        outcomes.push((way, transfer(&client_host, &servers, kind, folder.path(), url, way)?));
    }
    Ok(outcomes)
}

/// What should come of it.
pub(crate) fn wanted(client: ClientSide, way: Way) -> Outcome {
    if client.lets_through(way) { Outcome::Passed } else { Outcome::Refused }
}

/// A server of a cell.
enum Server {
    Portolan(Served),
    Peer { _running: Peer },
}

impl Server {
    fn log(&self) -> String {
        match self {
            Server::Portolan(served) => served.log(),
            Server::Peer { .. } => String::new(),
        }
    }
}

fn transfer(
    client: &Host,
    servers: &[Server],
    kind: Kind,
    folder: &Path,
    server: &str,
    way: Way,
) -> io::Result<Outcome> {
    let content: Vec<u8> = (0..FILE).map(|number| (number * 7 % 251) as u8).collect();
    let (local, down, remote) = (folder.join("local"), folder.join("down"), folder.join("root/remote"));
    fs::write(&local, &content)?;
    for file in [&down, &remote] {
        if file.exists() {
            fs::remove_file(file)?;
        }
    }
    let begun = Instant::now();
    let mut lftp =
        lftp(client, folder, server, kind, way).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let (mut said, mut told) = (String::new(), None);
    for line in BufReader::new(lftp.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?).lines() {
        let line = line?;
        // 425 after a try, or 504 where the address in the command shows that it cannot work.
        if line.starts_with("<--- 425 ") || line.starts_with("<--- 504 ") {
            told = told.or(Some(begun.elapsed()));
        }
        said.push_str(&line);
        said.push('\n');
    }
    if lftp.wait()?.success() {
        let same = fs::read(&remote)? == content && fs::read(&down)? == content;
        let changed = said.contains("---> PASV") || said.contains("---> EPSV");
        return Ok(match (same, changed && !way.passive) {
            (true, false) => Outcome::Passed,
            (true, true) => Outcome::Wrong(format!("the client went on in passive mode: {said}")),
            (false, _) => Outcome::Wrong("other bytes came through".to_owned()),
        });
    }
    if told.is_some_and(|told| told < PATIENCE) {
        return Ok(Outcome::Refused);
    }
    let log = servers.iter().map(Server::log).collect::<Vec<_>>().join("\n");
    Ok(Outcome::Wrong(format!("told after {told:?}; the client says\n{said}\nand the server's log\n{log}")))
}

fn lftp(client: &Host, folder: &Path, server: &str, kind: Kind, way: Way) -> Command {
    let word = |on| if on { "yes" } else { "no" };
    let (tls, passive) = (word(way.tls), word(way.passive));
    // Its root must not be one that clients can write to.
    let enter = if kind == Kind::Vsftpd { "cd root; " } else { "" };
    // Whom nobody promised anything is not waited for so long.
    let (timeout, limit) = if kind == Kind::Portolan { (20, "60") } else { (8, "20") };
    let script = format!(
        "debug 5; set cmd:fail-exit yes; set net:max-retries 1; set net:timeout {timeout}; set net:reconnect-interval-base 1; \
         set ssl:verify-certificate no; set ftp:ssl-allow {tls}; set ftp:ssl-force {tls}; \
         set ftp:ssl-allow-anonymous {tls}; set ftp:ssl-protect-data {tls}; set ftp:ssl-protect-list {tls}; \
         set ftp:passive-mode {passive}; set ftp:fix-pasv-address yes; set xfer:clobber yes; \
         open ftp://{server}:{CONTROL}; {enter}put local -o remote; get remote -o down"
    );
    let mut lftp: Command = client.command("timeout");
    lftp.args([limit, "lftp", "-c", &script])
        .current_dir(folder)
        .env("HOME", folder)
        .env("LC_ALL", "C.UTF-8");
    lftp.stdin(Stdio::null());
    lftp
}
