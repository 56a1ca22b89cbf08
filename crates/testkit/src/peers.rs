//! Launches other people's servers, each on a free port of the loopback interface with a folder of its own.
//!
//! They are as their packages have them, which for two of them means that data connections must resume the TLS session of
//! their control connection.

use crate::debian;
use crate::launch::{PATIENCE, free_ports, isolate, join_network, must_run, network_of_before};
use std::fs::{self, File, Permissions};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Instant;
use tempfile::TempDir;

/// Somebody else's server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// vsftpd: no `MLSD`, and resumption of TLS is demanded.
    Vsftpd,
    /// ProFTPD: resumption of TLS is demanded.
    ProFtpd,
    /// Pure-FTPd.
    PureFtpd,
    /// pyftpdlib.
    Pyftpdlib,
}

/// Debian's packages, and what they need. They are unpacked and not installed, since only one of them can be.
pub const PACKAGES: [&str; 13] = [
    "vsftpd",
    "pure-ftpd",
    "proftpd-core",
    "proftpd-mod-crypto",
    "libmemcached11",
    "libmemcachedutil2",
    "libhashkit2",
    "libpcre2-posix3",
    "python3-pyftpdlib",
    "python3-sendfile",
    "python3-openssl",
    "python3-cryptography",
    "python3-cffi-backend",
];

/// A running server, killed when it is dropped.
pub struct Running {
    child: Child,
    folder: TempDir,
    /// Which it is.
    pub peer: Peer,
    /// The control port, on both loopback addresses.
    pub port: u16,
}

impl Drop for Running {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Starts a program that is unpacked there, and waits until it listens on the port.
pub(crate) fn begin(command: &Command, unpacked: &Path, log: &Path, port: u16) -> Child {
    let libraries = format!("{}-linux-gnu", std::env::consts::ARCH);
    // A session of its own, by which all that it starts is found.
    let mut leader = Command::new("setsid");
    leader.arg(command.get_program()).args(command.get_args());
    leader.env("LD_LIBRARY_PATH", unpacked.join("usr/lib").join(libraries));
    for (name, value) in command.get_envs() {
        leader.env(name, value.unwrap());
    }
    let output = File::create(log).unwrap();
    leader.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
    let child = leader.spawn().unwrap();
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(Instant::now() < until, "{command:?}: {}", fs::read_to_string(log).unwrap());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    child
}

/// Ends one, with all that it started.
pub(crate) fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
    // Its sessions are processes of their own, and groups of them.
    let _ = Command::new("pkill").args(["-9", "-s", &child.id().to_string()]).status();
}

/// Where packages are unpacked, in a folder of this name: for all tests of one build once.
pub(crate) fn unpacked(name: &str, packages: &'static [&'static str]) -> PathBuf {
    static ONCE: Mutex<()> = Mutex::new(());
    let _one = ONCE.lock();
    let folder = std::env::current_exe().unwrap().parent().unwrap().with_file_name(name);
    fs::create_dir_all(&folder).unwrap();
    // Other processes may be at it as well.
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    // In a network that a test made for itself there is nothing to fetch from.
    let fetching = std::thread::spawn({
        let folder = folder.clone();
        move || {
            if let Some(network) = network_of_before() {
                join_network(network);
            }
            debian::fetch(packages, &folder).unwrap();
        }
    });
    fetching.join().unwrap();
    folder
}

impl Peer {
    /// All of them.
    pub const ALL: [Peer; 4] = [Peer::Vsftpd, Peer::ProFtpd, Peer::PureFtpd, Peer::Pyftpdlib];

    /// Starts it, with this certificate, its key and, where it verifies other servers, who vouches for those in one
    /// file.
    pub fn start(self, certificate: &Path) -> Running {
        let (unpacked, folder) = (unpacked("peers", &PACKAGES), tempfile::tempdir().unwrap());
        isolate();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let root = folder.path().join("root");
        fs::create_dir(&root).unwrap();
        // They write as somebody who is nobody.
        fs::set_permissions(&root, Permissions::from_mode(0o777)).unwrap();
        fs::create_dir(folder.path().join("scratch")).unwrap();
        let both = folder.path().join("scratch/both.pem");
        fs::copy(certificate, &both).unwrap();
        fs::set_permissions(&both, Permissions::from_mode(0o600)).unwrap();
        let port = free_ports(1);
        let first = free_ports(100);
        let place = Place { root, scratch: folder.path().join("scratch"), unpacked, both, port, first };
        let command = match self {
            Peer::Vsftpd => place.vsftpd(),
            Peer::ProFtpd => place.proftpd(),
            Peer::PureFtpd => place.pure_ftpd(),
            Peer::Pyftpdlib => place.pyftpdlib(),
        };
        let child = begin(&command, &place.unpacked, &place.scratch.join("log"), port);
        Running { child, folder, peer: self, port }
    }

    /// Where the served folder is in what clients see: nothing, or a path with its slash.
    pub fn prefix(self) -> &'static str {
        if self == Peer::Vsftpd { "root/" } else { "" }
    }

    /// Who logs in, and the password.
    pub fn user(self) -> (&'static str, &'static str) {
        // It has settings of its own for people without a name, and they are not those that are wanted here.
        if self == Peer::PureFtpd { ("anna", "x") } else { ("anonymous", "x") }
    }
}

impl Running {
    /// The folder that is served.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// What it wrote to its standard output and error.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("scratch/log")).unwrap()
    }
}

struct Place {
    root: PathBuf,
    scratch: PathBuf,
    unpacked: PathBuf,
    both: PathBuf,
    port: u16,
    first: u16,
}

impl Place {
    fn program(&self, name: &str) -> Command {
        Command::new(self.unpacked.join("usr/sbin").join(name))
    }

    fn settings(&self, text: &str) -> PathBuf {
        let file = self.scratch.join("settings");
        fs::write(&file, text).unwrap();
        file
    }

    fn vsftpd(&self) -> Command {
        let Place { root, scratch, both, port, first, .. } = self;
        let settings = self.settings(&format!(
            // It lets nobody write to `/`.
            "background=NO\nlisten=NO\nlisten_ipv6=YES\nlisten_port={port}\nanonymous_enable=YES\nno_anon_password=YES\n\
             anon_root={above}\nwrite_enable=YES\nanon_upload_enable=YES\n\
             anon_mkdir_write_enable=YES\nanon_other_write_enable=YES\nanon_umask=022\nftp_username=daemon\n\
             chown_uploads=NO\nsecure_chroot_dir={empty}\nseccomp_sandbox=NO\npasv_min_port={first}\npasv_max_port={last}\n\
             ssl_enable=YES\nallow_anon_ssl=YES\nrsa_cert_file={both}\nrsa_private_key_file={both}\nssl_ciphers=HIGH\n\
             force_local_data_ssl=NO\nforce_local_logins_ssl=NO\nxferlog_enable=NO\ntcp_wrappers=NO\nmdtm_write=YES\n",
            above = root.parent().unwrap().display(),
            empty = scratch.display(),
            both = both.display(),
            last = first + 99,
        ));
        let mut command = self.program("vsftpd");
        command.arg(settings);
        command
    }

    fn proftpd(&self) -> Command {
        let Place { root, scratch, unpacked, both, port, first } = self;
        let settings = self.settings(&format!(
            "ServerType standalone\nPort {port}\nUseIPv6 on\nDefaultAddress 127.0.0.1 ::1\nSocketBindTight on\nUser nobody\n\
             Group nogroup\nModulePath {modules}/usr/lib/proftpd\nLoadModule mod_tls.c\nPassivePorts {first} {last}\n\
             ScoreboardFile {folder}/scoreboard\nPidFile {folder}/pid\nDelayEngine off\nUseReverseDNS off\nWtmpLog off\n\
             SystemLog none\nTransferLog none\nTimesGMT on\nAllowStoreRestart on\nAllowRetrieveRestart on\n\
             TLSEngine on\nTLSProtocol TLSv1.2 TLSv1.3\nTLSRSACertificateFile {both}\nTLSRSACertificateKeyFile {both}\n\
             TLSCACertificateFile {both}\nTLSVerifyClient off\nTLSRequired off\nTLSLog {folder}/tls.log\n\
             <Anonymous {root}>\nUser nobody\nGroup nogroup\nUserAlias anonymous nobody\nRequireValidShell off\n\
             AnonRequirePassword off\nUseFtpUsers off\nAllowOverwrite on\nMaxClients 100\nAllowStoreRestart on\n\
             <Limit WRITE SITE_CHMOD>\nAllowAll\n</Limit>\n</Anonymous>\n",
            modules = unpacked.display(),
            folder = scratch.display(),
            both = both.display(),
            root = root.display(),
            last = first + 99,
        ));
        let mut command = self.program("proftpd");
        command.args(["-n", "-q", "-c"]).arg(settings);
        command
    }

    fn pure_ftpd(&self) -> Command {
        let Place { root, scratch, unpacked, both, port, first } = self;
        let (list, database) = (scratch.join("users"), scratch.join("users.pdb"));
        let hash = Command::new("openssl").args(["passwd", "-1", "x"]).output().unwrap().stdout;
        let hash = String::from_utf8(hash).unwrap();
        fs::write(&list, format!("anna:{}:65534:65534::{}/./::::::::::::\n", hash.trim(), root.display()))
            .unwrap();
        must_run(
            Command::new(unpacked.join("usr/bin/pure-pw")).arg("mkdb").arg(&database).arg("-f").arg(&list),
        );
        let mut command = self.program("pure-ftpd");
        command.arg("-l").arg(format!("puredb:{}", database.display())).args(["-S", &port.to_string()]);
        command.args([
            "-p",
            &format!("{first}:{}", first + 99),
            "-c",
            "50",
            "-C",
            "50",
            "-H",
            "-f",
            "none",
            "-Y",
            "1",
        ]);
        command.arg("-2").arg(both).args(["-u", "1", "-L", "100000:9"]).arg("-g").arg(scratch.join("pid"));
        command
    }

    fn pyftpdlib(&self) -> Command {
        let Place { root, both, port, first, unpacked, .. } = self;
        let settings = self.settings(&format!(
            "import logging\nfrom pyftpdlib.authorizers import DummyAuthorizer\n\
             from pyftpdlib.handlers import TLS_FTPHandler\nfrom pyftpdlib.servers import FTPServer\n\
             logging.basicConfig(level=logging.ERROR)\nTLS_FTPHandler.authorizer = DummyAuthorizer()\n\
             TLS_FTPHandler.authorizer.add_anonymous('{root}', perm='elradfmwMT')\n\
             TLS_FTPHandler.passive_ports = range({first}, {last})\nTLS_FTPHandler.certfile = '{both}'\n\
             FTPServer(('::', {port}), TLS_FTPHandler).serve_forever()\n",
            root = root.display(),
            both = both.display(),
            last = first + 99,
        ));
        let mut command = Command::new("/usr/bin/python3");
        command.arg(settings).env("PYTHONPATH", unpacked.join("usr/lib/python3/dist-packages"));
        command
    }
}
