//! One cell of the matrix: a client, a server, and the networks between them. A real file goes up and comes
//! down again by a stock client and by our own, and has to be the same.

use crate::peers::{self, Kind, Peer};
use crate::served::{Served, program};
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

/// Who opens the data connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// lftp.
    Passive,
    /// The server, where lftp says.
    Active,
    /// Whoever can: Portolan's own client finds out.
    Auto,
}

/// How the data connection is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) mode: Mode,
    pub(crate) tls: bool,
}

impl Way {
    pub(crate) const ALL: [Way; 6] = [
        Way { mode: Mode::Passive, tls: false },
        Way { mode: Mode::Passive, tls: true },
        Way { mode: Mode::Active, tls: false },
        Way { mode: Mode::Active, tls: true },
        Way { mode: Mode::Auto, tls: false },
        Way { mode: Mode::Auto, tls: true },
    ];

    pub(crate) fn name(self) -> &'static str {
        match (self.mode, self.tls) {
            (Mode::Passive, false) => "passive",
            (Mode::Passive, true) => "passive tls",
            (Mode::Active, false) => "active",
            (Mode::Active, true) => "active tls",
            (Mode::Auto, false) => "auto",
            (Mode::Auto, true) => "auto tls",
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
    peers::certificate(folder.path())?;
    let mut servers = Vec::new();
    for (number, place) in places.iter().enumerate() {
        // Servers behind a balancer have the same files, and the same certificate.
        let own = folder.path().join(format!("server{number}"));
        if kind != Kind::Portolan {
            servers.push(Server::Peer { _running: Peer::start(kind, place, folder.path(), &own)? });
            continue;
        }
        let mut settings = place.settings.clone();
        for (option, file) in [("--tls-cert", "cert"), ("--tls-key", "key")] {
            settings.extend([option.to_owned(), folder.path().join(file).display().to_string()]);
        }
        let served = Served::start(&place.host, &folder.path().join("root"), &own, &settings)?;
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

/// Whether that should come of it.
pub(crate) fn is_right(client: ClientSide, way: Way, outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Passed => client.lets_through(way) != Some(false),
        Outcome::Refused => client.lets_through(way) != Some(true),
        Outcome::Wrong(_) => false,
    }
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
    let commands = match way.mode {
        Mode::Passive | Mode::Active => vec![lftp(client, folder, server, kind, way)],
        Mode::Auto => portolan(client, folder, server, kind, way)?,
    };
    let (mut said, mut told, mut went_well) = (String::new(), None, true);
    for mut command in commands {
        let mut program = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        for line in BufReader::new(program.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?).lines() {
            let line = line?;
            // 425 after a try, or 504 where the address in the command shows that it cannot work.
            if ["<--- 425 ", "<--- 504 ", "< 425 ", "< 504 "].iter().any(|reply| line.starts_with(reply)) {
                told = told.or(Some(begun.elapsed()));
            }
            said.push_str(&line);
            said.push('\n');
        }
        went_well &= program.wait()?.success();
    }
    if went_well {
        let same = fs::read(&remote)? == content && fs::read(&down)? == content;
        let changed = said.contains("---> PASV") || said.contains("---> EPSV");
        return Ok(match (same, changed && way.mode == Mode::Active) {
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
    let (tls, passive) = (word(way.tls), word(way.mode == Mode::Passive));
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

/// Up and down by Portolan's client, which remembers nothing of other ways.
fn portolan(client: &Host, folder: &Path, server: &str, kind: Kind, way: Way) -> io::Result<Vec<Command>> {
    let within = if kind == Kind::Vsftpd { "root/" } else { "" };
    let url = format!("ftp://{server}:{CONTROL}/{within}remote");
    let tls = if way.tls { "required" } else { "off" };
    let state = tempfile::tempdir_in(folder)?.keep();
    let commands = [["put", "local", &url, "-v"], ["get", &url, "-v", "-o=down"]].map(|arguments| {
        let mut command: Command = client.command("timeout");
        command.arg("60").arg(program()?).args(arguments).args(["--tls", tls, "--trust", "new"]);
        command
            .args(["--retries", "0"])
            .current_dir(folder)
            .env("HOME", folder)
            .env("XDG_STATE_HOME", &state);
        command.stdin(Stdio::null());
        Ok(command)
    });
    commands.into_iter().collect()
}
