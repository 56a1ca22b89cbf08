//! Launches other people's proxies, each on a free port of the loopback interface.
//!
//! None of them knows names by SOCKS4a: the only one of Debian's that has it takes the address that stands for a name for
//! one.

use crate::launch::{free_ports, isolate, must_run};
use crate::peers::{begin, end, unpacked};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command};
use tempfile::TempDir;

/// Somebody else's proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxy {
    /// Dante: SOCKS4 and SOCKS5 for everybody.
    Dante,
    /// MicroSocks: SOCKS5 for `anna` with the password `secret`.
    MicroSocks,
    /// Tinyproxy: `CONNECT` of HTTP for everybody.
    Tinyproxy,
    /// The same for `anna` with the password `secret`.
    TinyproxyWithLogin,
    /// ProFTPD with `mod_proxy`: FTP for everybody.
    ProFtpd,
    /// The same for `anna` with the password `secret`.
    ProFtpdWithLogin,
}

/// Debian's packages, and what they need.
const PACKAGES: [&str; 12] = [
    "dante-server",
    "libwrap0",
    "microsocks",
    "tinyproxy-bin",
    "proftpd-core",
    "proftpd-mod-crypto",
    "proftpd-mod-proxy",
    "libsodium23",
    "libmemcached11",
    "libmemcachedutil2",
    "libhashkit2",
    "libpcre2-posix3",
];

/// A running proxy, killed when it is dropped.
pub struct Running {
    child: Child,
    folder: TempDir,
    /// Its port, at 127.0.0.1.
    pub port: u16,
}

impl Drop for Running {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

impl Running {
    /// What it wrote to its standard output and error.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

impl Proxy {
    /// Starts it.
    pub fn start(self) -> Running {
        self.launch(false, None)
    }

    /// The same, and if it is Dante or Tinyproxy, it goes nowhere.
    pub fn start_closed(self) -> Running {
        self.launch(true, None)
    }

    /// The same, and if it is ProFTPD, it offers TLS, with this certificate and its key in one file.
    pub fn start_with(self, certificate: &Path) -> Running {
        self.launch(false, Some(certificate))
    }

    fn launch(self, closed: bool, certificate: Option<&Path>) -> Running {
        let (unpacked, folder) = (unpacked("proxies", &PACKAGES), tempfile::tempdir().unwrap());
        isolate();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let port = free_ports(1);
        let program = |name: &str| Command::new(unpacked.join("usr").join(name));
        let settings = folder.path().join("settings");
        let command = match self {
            Proxy::Dante => {
                fs::write(&settings, dante(port, closed)).unwrap();
                let mut command = program("sbin/danted");
                command.arg("-f").arg(&settings);
                command
            }
            Proxy::MicroSocks => {
                let mut command = program("bin/microsocks");
                command.args(["-i", "127.0.0.1", "-p", &port.to_string(), "-u", "anna", "-P", "secret"]);
                command
            }
            Proxy::Tinyproxy | Proxy::TinyproxyWithLogin => {
                let login = if self == Proxy::Tinyproxy { "" } else { "BasicAuth anna secret\n" };
                fs::write(&settings, tinyproxy(port, closed) + login).unwrap();
                let mut command = program("bin/tinyproxy");
                command.arg("-d").arg("-c").arg(&settings);
                command
            }
            Proxy::ProFtpd | Proxy::ProFtpdWithLogin => {
                let method = if self == Proxy::ProFtpd { "user@host" } else { "proxyuser,user@host" };
                fs::write(&settings, proftpd(port, method, &unpacked, folder.path()) + &tls(certificate))
                    .unwrap();
                let mut command = program("sbin/proftpd");
                command.args(["-n", "-q", "-c"]).arg(&settings);
                command
            }
        };
        let child = begin(&command, &unpacked, &folder.path().join("log"), port);
        Running { child, folder, port }
    }
}

fn dante(port: u16, closed: bool) -> String {
    let verdict = if closed { "block" } else { "pass" };
    format!(
        "logoutput: stderr\ninternal: 127.0.0.1 port = {port}\nexternal: 127.0.0.1\nexternal: ::1\nclientmethod: none\n\
         socksmethod: none\nuser.privileged: root\nuser.unprivileged: nobody\n\
         client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\n\
         socks {verdict} {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\nsocks {verdict} {{ from: 0.0.0.0/0 to: ::/0 }}\n"
    )
}

fn tinyproxy(port: u16, closed: bool) -> String {
    // Without any such line it goes to all ports.
    let allowed = if closed { "ConnectPort 1\n" } else { "" };
    format!(
        "User nobody\nGroup nogroup\nPort {port}\nListen 127.0.0.1\nTimeout 600\nAllow 127.0.0.1\nMaxClients 100\n{allowed}"
    )
}

fn proftpd(port: u16, method: &str, unpacked: &Path, folder: &Path) -> String {
    let users = folder.join("users");
    let hash = must_run(Command::new("openssl").args(["passwd", "-1", "secret"]));
    let hash = String::from_utf8(hash).unwrap();
    fs::write(&users, format!("anna:{}:0:0::/tmp:/bin/false\n", hash.trim())).unwrap();
    // Else it is not read.
    fs::set_permissions(&users, Permissions::from_mode(0o600)).unwrap();
    fs::create_dir(folder.join("tables")).unwrap();
    let first = free_ports(100);
    // After a login to itself it goes into a folder without a way out, which as somebody else it may do no more.
    format!(
        "ServerType standalone\nPort {port}\nUseIPv6 off\nDefaultAddress 127.0.0.1\nSocketBindTight on\nUser root\n\
         Group root\nRootLogin on\nModulePath {modules}/usr/lib/proftpd\nLoadModule mod_tls.c\nLoadModule mod_proxy.c\n\
         ScoreboardFile {folder}/scoreboard\nPidFile {folder}/pid\nDelayEngine off\nUseReverseDNS off\nWtmpLog off\n\
         SystemLog none\nTransferLog none\nPassivePorts {first} {last}\nAuthUserFile {users}\nAuthOrder mod_auth_file.c\n\
         RequireValidShell off\nProxyEngine on\nProxyTLSEngine off\nProxyRole forward\nProxyForwardMethod {method}\nProxyTables {folder}/tables\n\
         <Class here>\nFrom 127.0.0.1\nProxyForwardEnabled on\n</Class>\n",
        modules = unpacked.display(),
        folder = folder.display(),
        users = users.display(),
        last = first + 99,
    )
}

fn tls(certificate: Option<&Path>) -> String {
    let Some(both) = certificate.map(Path::display) else { return String::new() };
    format!(
        "TLSEngine on\nTLSProtocol TLSv1.2 TLSv1.3\nTLSRSACertificateFile {both}\nTLSRSACertificateKeyFile {both}\n\
         TLSVerifyClient off\nTLSRequired off\n"
    )
}
