//! Launches the real program on free ports of the loopback interface.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use tempfile::TempDir;

/// The longest that anything on the loopback interface takes, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running `portolan serve`, killed when it is dropped.
pub struct Served {
    child: Child,
    /// The folder of the server; `root` in it is what is served.
    pub folder: TempDir,
    /// The control port.
    pub port: u16,
    /// What it printed at its start.
    pub banner: String,
    log: mpsc::Receiver<String>,
}

/// Gives this test a network of its own, where the system allows it: a loopback interface that no
/// other test shares, and that forgets closed connections soon. Without the right to make one, tests
/// share the loopback interface of the machine.
pub fn isolate() {
    thread_local! {
        static ISOLATED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    }
    let _ = network_of_before();
    if ISOLATED.replace(true) || nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).is_err() {
        return;
    }
    // The second interface is there because clients look for IPv6 addresses only where there is one.
    for arguments in [
        "link set lo up",
        "link add outside type veth peer name inside",
        "addr add 198.51.100.1/24 dev outside",
        "addr add 198.51.100.2/24 dev outside",
        "addr add 2001:db8::1/64 dev outside nodad",
        "link set outside up",
        "link set inside up",
    ] {
        must_run(Command::new("ip").args(arguments.split(' ')));
    }
    std::fs::write("/proc/sys/net/ipv4/tcp_max_tw_buckets", "64").unwrap();
}

/// The network that there was before any was made, if this system has such a thing.
pub(crate) fn network_of_before() -> Option<&'static std::fs::File> {
    static NETWORK: std::sync::OnceLock<Option<std::fs::File>> = std::sync::OnceLock::new();
    NETWORK.get_or_init(|| std::fs::File::open("/proc/thread-self/ns/net").ok()).as_ref()
}

/// Takes this thread into a network that [`isolate`] made.
pub fn join_network(namespace: &std::fs::File) {
    // Without the right to do so there is only one network, and this thread is in it.
    let _ = nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET);
}

/// The first of `count` ports in a row that nobody uses now. They lie below those that the system
/// gives to clients.
pub fn free_ports(count: u16) -> u16 {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % 200).unwrap() * 100;
    for _ in 0..1000 {
        let first = 10_000 + (own + NEXT.fetch_add(count, Ordering::Relaxed)) % 20_000;
        if (first..first + count).all(|port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()) {
            return first;
        }
    }
    panic!("no free ports");
}

impl Served {
    /// Starts `program serve --write` on a new folder, on both loopback addresses, with more arguments.
    pub fn start(program: &str, arguments: &[&str]) -> Served {
        let folder = tempfile::tempdir().unwrap();
        Served::start_in(program, folder, arguments)
    }

    /// The same on a folder that is there already; `root` in it is served.
    pub fn start_in(program: &str, folder: TempDir, arguments: &[&str]) -> Served {
        let root = folder.path().join("root");
        if !root.exists() {
            std::fs::create_dir(&root).unwrap();
        }
        isolate();
        let port = free_ports(1);
        let mut command = Command::new(program);
        command.arg("serve").arg("--write").arg(&root);
        for address in ["127.0.0.1", "[::1]"] {
            command.arg("--listen").arg(format!("{address}:{port}"));
        }
        if !arguments.contains(&"--passive-ports") {
            let first = free_ports(20);
            command.arg("--passive-ports").arg(format!("{first}-{}", first + 19));
        }
        command.args(arguments);
        Served::launch(command, folder, port)
    }

    /// Starts `program serve` with a configuration file of this text, in which `LISTEN` stands for the
    /// address of the control port. The folder holds what the file names.
    pub fn configured(program: &str, folder: TempDir, text: &str) -> Served {
        isolate();
        let (port, passive) = (free_ports(1), free_ports(20));
        let file = folder.path().join("portolan.toml");
        let ports = format!("passive-ports = \"{passive}-{}\"\n", passive + 19);
        let text = text.replace("LISTEN", &format!("127.0.0.1:{port}"));
        std::fs::write(&file, ports + &text).unwrap();
        let mut command = Command::new(program);
        command.arg("serve").arg("-c").arg(file);
        Served::launch(command, folder, port)
    }

    /// Launches a command that is a whole `portolan serve` on this control port.
    pub fn launch(mut command: Command, folder: TempDir, port: u16) -> Served {
        // What a server makes for itself is not to be found by another one's test.
        command.env_remove("STATE_DIRECTORY").env("XDG_STATE_HOME", folder.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let err = BufReader::new(child.stderr.take().unwrap());
        let (sender, log) = mpsc::channel();
        std::thread::spawn(move || err.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut banner = String::new();
        while !banner.contains("Firewall") {
            let mut line = String::new();
            if out.read_line(&mut line).unwrap() == 0 {
                let said: Vec<String> = log.try_iter().collect();
                panic!("the server did not start: {banner}{}", said.join("\n"));
            }
            banner.push_str(&line);
        }
        // It is read on, so that the server never waits for us.
        std::thread::spawn(move || out.read_to_end(&mut Vec::new()));
        Served { child, folder, port, banner, log }
    }

    /// What is served.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The memory that its process holds, in KiB.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Lines of the log since the last call.
    pub fn log(&self) -> Vec<String> {
        self.log.try_iter().collect()
    }

    /// Waits for a line of the log that has `text` in it.
    pub fn wait_for_log(&self, text: &str) -> String {
        let mut said = Vec::new();
        loop {
            match self.log.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => said.push(line),
                Err(_) => panic!("the log never says `{text}`: {}", said.join("\n")),
            }
        }
    }

    /// Waits for its end; true when the exit code is 0.
    pub fn wait(&mut self) -> bool {
        self.child.wait().unwrap().success()
    }

    /// A raw control connection over IPv4, greeted.
    pub fn talk(&self) -> Talk {
        Talk::to(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)), None)
    }

    /// The same, logged in.
    pub fn talk_logged_in(&self) -> Talk {
        let mut talk = self.talk();
        talk.log_in();
        talk
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A control connection that is driven by hand.
pub struct Talk {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Talk {
    /// Connects, from `source` if one is given, and takes the greeting.
    pub fn to(server: SocketAddr, source: Option<IpAddr>) -> Talk {
        let mut talk = Talk::new(connect(server, source).unwrap());
        assert!(talk.reply().starts_with("220"));
        talk
    }

    /// Takes a connection as it is.
    pub fn new(stream: TcpStream) -> Talk {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap());
        Talk { stream, lines }
    }

    /// Logs in as anonymous.
    pub fn log_in(&mut self) {
        assert!(self.ask("USER anonymous").starts_with("331"));
        assert!(self.ask("PASS x").starts_with("230"));
    }

    /// The connection.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next reply, all its lines. Empty when the server closed the connection.
    pub fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let mut line = Vec::new();
            if self.lines.read_until(b'\n', &mut line).unwrap_or(0) == 0 {
                return reply;
            }
            reply.push_str(&String::from_utf8_lossy(&line));
            if line.len() > 3 && line[3] == b' ' && line[..3].iter().all(u8::is_ascii_digit) {
                return reply;
            }
        }
    }

    /// Sends a line and takes the next reply.
    pub fn ask(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes());
        self.reply()
    }

    /// Sends `EPSV` and gives the port.
    pub fn epsv(&mut self) -> u16 {
        let reply = self.ask("EPSV");
        assert!(reply.starts_with("229"), "{reply}");
        reply.split('|').nth(3).unwrap().parse().unwrap()
    }

    /// Sends `EPSV`, opens the data connection, and sends `line`.
    pub fn open_data(&mut self, line: &str) -> TcpStream {
        let port = self.epsv();
        let server = SocketAddr::new(self.stream.peer_addr().unwrap().ip(), port);
        let data = connect(server, Some(self.stream.local_addr().unwrap().ip())).unwrap();
        let reply = self.ask(line);
        assert!(reply.starts_with("150"), "{reply}");
        data
    }

    /// Retrieves a file.
    pub fn retrieve(&mut self, name: &str) -> Vec<u8> {
        let mut data = self.open_data(&format!("RETR {name}"));
        let mut bytes = Vec::new();
        data.read_to_end(&mut bytes).unwrap();
        let reply = self.reply();
        assert!(reply.starts_with("226"), "{reply}");
        bytes
    }
}

/// Connects, from `source` if one is given.
///
/// # Errors
/// When the server cannot be reached from there.
pub fn connect(server: SocketAddr, source: Option<IpAddr>) -> std::io::Result<TcpStream> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stream = runtime.block_on(async {
        let socket = if server.is_ipv4() {
            tokio::net::TcpSocket::new_v4()?
        } else {
            tokio::net::TcpSocket::new_v6()?
        };
        if let Some(source) = source {
            socket.bind(SocketAddr::new(source, 0))?;
        }
        tokio::time::timeout(PATIENCE, socket.connect(server)).await?
    })?;
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Runs a command to its end and gives what it printed; it must succeed.
pub fn must_run(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// Compares two trees by what is in them; they must be the same.
pub fn must_be_same_tree(left: &Path, right: &Path) {
    must_run(Command::new("diff").args(["-rq", "--no-dereference"]).arg(left).arg(right));
}
