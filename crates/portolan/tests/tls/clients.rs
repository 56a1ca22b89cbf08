//! Stock clients over TLS 1.2 and 1.3, explicit and implicit, in passive and active mode; where they
//! can, with resumption demanded.

use crate::serve;
use portolan_testkit::launch::{Served, free_ports, isolate, must_be_same_tree, must_run};
use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A server for both kinds of TLS, and a folder for the client.
struct Scene {
    served: Served,
    implicit: u16,
    home: TempDir,
}

impl Scene {
    /// A server to which clients have to come with TLS.
    fn new(resume: &str) -> Scene {
        isolate();
        let implicit = free_ports(1);
        let place = format!("127.0.0.1:{implicit}");
        let served = serve(&["--tls", "require", "--tls-resume", resume, "--listen-implicit", &place]);
        let scene = Scene { served, implicit, home: tempfile::tempdir().unwrap() };
        fs::write(scene.remote("bytes"), bytes()).unwrap();
        fs::write(scene.remote("empty"), "").unwrap();
        scene
    }

    fn remote(&self, name: &str) -> PathBuf {
        self.served.root().join(name)
    }

    fn local(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn authority(&self) -> String {
        self.served.folder.path().join("ca.pem").display().to_string()
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.home.path()).env("HOME", self.home.path()).env("LC_ALL", "C.UTF-8");
        command
    }

    fn must_have(&self, name: &str) {
        assert!(fs::read(self.remote(name)).unwrap() == bytes(), "{name}");
        fs::remove_file(self.remote(name)).unwrap();
    }

    fn must_have_got(&self, name: &str) {
        assert!(fs::read(self.local(name)).unwrap() == bytes(), "{name}");
    }

    /// Each transfer since the last call has to have been protected in this way.
    fn must_have_been(&self, tls: &str) {
        let log = self.served.log();
        let transfers: Vec<&String> = log.iter().filter(|line| line.contains("portolan::transfer")).collect();
        assert!(!transfers.is_empty());
        for line in transfers {
            assert!(line.contains(&format!("tls=\"{tls}\"")), "{line}");
        }
    }
}

/// Bytes of all kinds, some megabytes.
fn bytes() -> Vec<u8> {
    (0..1_000_001u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).skip(1).collect()
}

/// A small tree of real files.
fn tree() -> &'static str {
    "/usr/share/doc/curl"
}

#[test]
fn curl() {
    // Active mode is left out: this version waits for ever before the handshake, whatever the server.
    let scene = Scene::new("require");
    let authority = scene.authority();
    for version in ["1.2", "1.3"] {
        for (scheme, host, port) in [
            ("ftp", "127.0.0.1", scene.served.port),
            ("ftp", "[::1]", scene.served.port),
            ("ftps", "127.0.0.1", scene.implicit),
        ] {
            for mode in [&["--ftp-pasv"][..], &["--disable-epsv"]] {
                if host == "[::1]" && mode != ["--ftp-pasv"] {
                    continue;
                }
                let curl = |arguments: &[&str]| {
                    let mut curl = scene.client("curl");
                    curl.args(["-sS", "--max-time", "60", "--ssl-reqd", "--cacert", &authority]);
                    curl.args(["--tls-max", version, "--tlsv1.2"]).args(mode);
                    must_run(curl.args(arguments))
                };
                let url = |name: &str| format!("{scheme}://{host}:{port}/{name}");
                curl(&["-o", "down", &url("bytes"), "-o", "none", &url("empty")]);
                scene.must_have_got("down");
                assert_eq!(fs::metadata(scene.local("none")).unwrap().len(), 0);
                // One upload a session: with TLS 1.3 each takes a ticket, and curl finds the next only if the
                // upload lasts until it is there.
                curl(&["-T", "down", &url("up")]);
                curl(&["-T", "none", &url("nothing")]);
                scene.must_have("up");
                assert_eq!(fs::metadata(scene.remote("nothing")).unwrap().len(), 0);
                assert_eq!(curl(&["-l", &url("")]), b"bytes\nempty\nnothing\n");
                scene.must_have_been("resumed");
            }
        }
    }
}

#[test]
fn curl_without_tls_is_told_what_to_do() {
    let scene = Scene::new("prefer");
    let url = format!("ftp://127.0.0.1:{}/bytes", scene.served.port);
    let output = scene.client("curl").args(["-sS", "-v", &url]).output().unwrap();
    assert_eq!(output.status.code(), Some(67));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("530 Only with TLS: send AUTH TLS first"), "{text}");
}

#[test]
fn curl_goes_back_to_a_clear_control_connection() {
    let (folder, _) = crate::folder();
    fs::write(folder.path().join("root/bytes"), bytes()).unwrap();
    let text = "listen = [\"LISTEN\"]\n[tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\n\
                clear-control = true\n[anonymous]\nroot = \"root\"\nwrite = true\n";
    let served = Served::configured(env!("CARGO_BIN_EXE_portolan"), folder, text);
    let home = tempfile::tempdir().unwrap();
    for version in ["1.2", "1.3"] {
        // Active: curl ends TLS too. Passive: it goes on in the clear without a word.
        for mode in ["active", "passive"] {
            let mut curl = Command::new("curl");
            curl.current_dir(home.path()).args([
                "-sS",
                "--max-time",
                "60",
                "-v",
                "--ssl-reqd",
                "--tls-max",
                version,
            ]);
            curl.arg("--cacert").arg(served.folder.path().join("ca.pem"));
            curl.args(["--ftp-ssl-ccc", "--ftp-ssl-ccc-mode", mode, "-o", "down"]);
            let output = curl.arg(format!("ftp://127.0.0.1:{}/bytes", served.port)).output().unwrap();
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success() && text.contains("CCC"), "{mode} {version}: {text}");
            assert!(fs::read(home.path().join("down")).unwrap() == bytes());
            assert!(!served.wait_for_log("transfer: sent").contains("tls=\"no\""));
        }
    }
}

#[test]
fn lftp() {
    let scene = Scene::new("require");
    let (authority, port, implicit) = (scene.authority(), scene.served.port, scene.implicit);
    for (version, priority) in [("1.2", "NORMAL:-VERS-TLS1.3"), ("1.3", "NORMAL")] {
        for passive in ["yes", "no"] {
            for url in [format!("ftp://localhost:{port}"), format!("ftps://localhost:{implicit}")] {
                let script = format!(
                    "set ssl:priority {priority}; set ssl:ca-file {authority}; set cmd:fail-exit yes; \
                     set net:max-retries 1; set net:timeout 20; set ftp:ssl-force yes; set dns:order inet; \
                     set ftp:ssl-allow-anonymous yes; set ftp:ssl-protect-data yes; set ftp:ssl-protect-list yes; \
                     set ftp:passive-mode {passive}; set xfer:clobber yes; open {url}; ls; \
                     get bytes -o down; get empty -o none; put down -o up; put none -o nothing; \
                     mirror -R {tree} tree; mirror tree tree; mirror -P 4 tree tree4",
                    tree = tree(),
                );
                must_run(scene.client("lftp").args(["-c", &script]));
                scene.must_have_got("down");
                scene.must_have("up");
                assert_eq!(fs::metadata(scene.remote("nothing")).unwrap().len(), 0);
                for name in ["tree", "tree4"] {
                    must_be_same_tree(tree().as_ref(), &scene.local(name));
                    fs::remove_dir_all(scene.local(name)).unwrap();
                }
                fs::remove_dir_all(scene.remote("tree")).unwrap();
                let log = scene.served.log();
                assert!(log.iter().any(|line| line.contains(&format!("version=\"{version}\""))));
            }
        }
    }
}

#[test]
fn lftp_leaves_data_in_the_clear_when_it_wants() {
    let served = serve(&[]);
    fs::write(served.root().join("bytes"), bytes()).unwrap();
    let home = tempfile::tempdir().unwrap();
    for (protect, tls) in [("no", "no"), ("yes", "resumed")] {
        let script = format!(
            "set ssl:ca-file {ca}; set cmd:fail-exit yes; set net:max-retries 1; set ftp:ssl-force yes; \
             set dns:order inet; set ftp:ssl-allow-anonymous yes; set ftp:ssl-protect-data {protect}; \
             set xfer:clobber yes; open ftp://localhost:{port}; get bytes -o down; put down -o up",
            ca = served.folder.path().join("ca.pem").display(),
            port = served.port,
        );
        must_run(
            Command::new("lftp").current_dir(home.path()).env("HOME", home.path()).args(["-c", &script]),
        );
        assert!(fs::read(served.root().join("up")).unwrap() == bytes());
        for verb in ["sent", "received"] {
            let line = served.wait_for_log(&format!("transfer: {verb}"));
            assert!(line.contains(&format!("tls=\"{tls}\"")), "{line}");
        }
    }
}

#[test]
fn rclone() {
    let scene = Scene::new("require");
    let password = String::from_utf8(must_run(scene.client("rclone").args(["obscure", "x"]))).unwrap();
    for (kind, port) in [("--ftp-explicit-tls", scene.served.port), ("--ftp-tls", scene.implicit)] {
        for version in [&[][..], &["--ftp-disable-tls13"]] {
            let rclone = |arguments: &[&str]| {
                let mut rclone = scene.client("rclone");
                rclone
                    .env("RCLONE_CONFIG_R_TYPE", "ftp")
                    .env("RCLONE_CONFIG_R_HOST", "localhost")
                    .env("RCLONE_CONFIG_R_PORT", port.to_string())
                    .env("RCLONE_CONFIG_R_USER", "anonymous")
                    .env("RCLONE_CONFIG_R_PASS", password.trim())
                    .env("SSL_CERT_FILE", scene.authority())
                    // One connection: over several it offers the tickets of one in another.
                    .args(["--config", "/dev/null", "--retries", "1", "--low-level-retries", "1"])
                    .args(["--ftp-concurrency", "1", "--transfers", "1", "--checkers", "1", kind])
                    .args(version);
                must_run(rclone.args(arguments));
            };
            rclone(&["copyto", "r:bytes", "down"]);
            scene.must_have_got("down");
            rclone(&["copyto", "down", "r:up"]);
            scene.must_have("up");
            rclone(&["copyto", "r:empty", "none"]);
            rclone(&["copyto", "none", "r:nothing"]);
            scene.must_have_been("resumed");
        }
    }
}

#[test]
fn rclone_with_many_connections() {
    let served = serve(&["--tls", "require"]);
    let home = tempfile::tempdir().unwrap();
    let password = String::from_utf8(must_run(Command::new("rclone").args(["obscure", "x"]))).unwrap();
    for arguments in [[tree(), "r:tree"], ["r:tree", "down"]] {
        let mut rclone = Command::new("rclone");
        rclone
            .current_dir(home.path())
            .env("RCLONE_CONFIG_R_TYPE", "ftp")
            .env("RCLONE_CONFIG_R_HOST", "localhost")
            .env("RCLONE_CONFIG_R_PORT", served.port.to_string())
            .env("RCLONE_CONFIG_R_USER", "anonymous")
            .env("RCLONE_CONFIG_R_PASS", password.trim())
            .env("SSL_CERT_FILE", served.folder.path().join("ca.pem"))
            .args([
                "--config",
                "/dev/null",
                "--retries",
                "1",
                "--low-level-retries",
                "1",
                "--ftp-explicit-tls",
            ])
            .args(["--transfers", "8", "copy"]);
        must_run(rclone.args(arguments));
    }
    must_be_same_tree(tree().as_ref(), &served.root().join("tree"));
    must_be_same_tree(tree().as_ref(), &home.path().join("down"));
}

/// What Python's own class does, and a class as people write it who need resumption.
const PYTHON: &str = r"
import ftplib, io, ssl, sys
port, authority, version, passive, resume, implicit = sys.argv[1:]
context = ssl.create_default_context(cafile=authority)
context.minimum_version = context.maximum_version = ssl.TLSVersion[version]

class Client(ftplib.FTP_TLS):
    def connect(self, host, port):
        if implicit == 'no':
            return super().connect(host, port)
        import socket
        self.host, self.port = host, port
        self.sock = context.wrap_socket(socket.create_connection((host, port), 60), server_hostname='localhost')
        self.af = self.sock.family
        self.file = self.sock.makefile('r', encoding=self.encoding)
        self.welcome = self.getresp()
        return self.welcome
    def ntransfercmd(self, command, rest=None):
        if resume == 'no':
            return super().ntransfercmd(command, rest)
        connection, size = ftplib.FTP.ntransfercmd(self, command, rest)
        connection = context.wrap_socket(connection, server_hostname=self.host, session=self.sock.session)
        assert connection.session_reused
        return connection, size

ftp = Client(context=context, timeout=60)
ftp.connect('localhost', int(port))
ftp.login()
ftp.prot_p()
ftp.set_pasv(passive == 'yes')
data = io.BytesIO()
ftp.retrbinary('RETR bytes', data.write)
for name, content in [('up', data.getvalue()), ('nothing', b'')]:
    ftp.storbinary('STOR ' + name, io.BytesIO(content))
    ftp.voidcmd('TYPE I')
    assert ftp.size(name) == len(content)
    again = io.BytesIO()
    ftp.retrbinary('RETR ' + name, again.write)
    assert again.getvalue() == content
lines = []
ftp.retrlines('LIST', lines.append)
assert len(lines) == 4, lines
ftp.quit()
";

#[test]
fn python() {
    for (policy, resume) in [("require", "yes"), ("prefer", "no")] {
        let scene = Scene::new(policy);
        for version in ["TLSv1_2", "TLSv1_3"] {
            for passive in ["yes", "no"] {
                for (implicit, port) in [("no", scene.served.port), ("yes", scene.implicit)] {
                    let mut python = scene.client("python3");
                    python.args(["-c", PYTHON, &port.to_string(), &scene.authority()]);
                    must_run(python.args([version, passive, resume, implicit]));
                    scene.must_have("up");
                    scene.must_have_been(if resume == "yes" { "resumed" } else { "full" });
                }
            }
        }
    }
}

/// Runs a program that speaks TLS and nothing more, as a person would: each line when the reply to the
/// last one is there. Gives all that it printed.
fn converse(mut command: Command, lines: &[(&str, &str)]) -> String {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut said = Vec::new();
    let mut buffer = [0; 4096];
    for (line, reply) in lines {
        let before = said.len();
        while !String::from_utf8_lossy(&said[before..]).contains(reply) {
            let count = output.read(&mut buffer).unwrap();
            assert!(count > 0, "no {reply}: {}", String::from_utf8_lossy(&said));
            said.extend_from_slice(&buffer[..count]);
        }
        input.write_all(format!("{line}\r\n").as_bytes()).unwrap();
    }
    output.read_to_end(&mut said).unwrap();
    child.wait().unwrap();
    String::from_utf8_lossy(&said).into_owned()
}

/// What is said, each line after such a reply; the first after what the program says of the handshake.
fn lines(ready: &str) -> [(&str, &str); 4] {
    [("USER anonymous", ready), ("PASS x", "331 "), ("PWD", "230 "), ("QUIT", "257 ")]
}

#[test]
fn openssl_s_client() {
    let scene = Scene::new("prefer");
    for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        for (port, starttls) in [(scene.served.port, true), (scene.implicit, false)] {
            let mut client = Command::new("openssl");
            client.args(["s_client", "-connect", &format!("127.0.0.1:{port}"), version, "-ign_eof"]);
            client.args(["-CAfile", &scene.authority(), "-verify_return_error", "-servername", "localhost"]);
            if starttls {
                client.args(["-starttls", "ftp"]);
            }
            let text = converse(client, &lines("Verify return code"));
            for wanted in ["Verify return code: 0 (ok)", name, "257 \"/\"", "221 "] {
                assert!(text.contains(wanted), "{wanted}: {text}");
            }
        }
    }
}

#[test]
fn gnutls_cli() {
    let scene = Scene::new("prefer");
    for (priority, name) in
        [("NORMAL:-VERS-ALL:+VERS-TLS1.2", "TLS1.2"), ("NORMAL:-VERS-ALL:+VERS-TLS1.3", "TLS1.3")]
    {
        for (port, starttls) in [(scene.served.port, true), (scene.implicit, false)] {
            let mut client = Command::new("gnutls-cli");
            client.args(["--port", &port.to_string(), "--x509cafile", &scene.authority()]);
            client.args([
                "--priority",
                priority,
                "--sni-hostname",
                "localhost",
                "--verify-hostname",
                "localhost",
            ]);
            if starttls {
                client.arg("--starttls-proto=ftp");
            }
            client.arg("127.0.0.1");
            let text = converse(client, &lines("Simple Client Mode"));
            for wanted in ["The certificate is trusted", name, "257 \"/\"", "221 "] {
                assert!(text.contains(wanted), "{wanted}: {text}");
            }
        }
    }
}
