//! A server, whichever it is, and what a client has to know of it.

use portolan_client::tls::Trust;
use portolan_client::{Credentials, Mode, Options, TlsPolicy};
use portolan_testkit::authority::Authority;
use portolan_testkit::launch::Served;
use portolan_testkit::peers::{Peer, Running};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_portolan");

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Portolan,
    Other(Peer),
}

enum Server {
    Own(Served),
    Other(Running),
}

/// A server, whose certificate an authority vouches for that nobody else knows.
pub(crate) struct Scene {
    server: Server,
    /// Where the authority is, as `ca.pem`, the server's certificate and key, as `both.pem`, and files of this side may be.
    pub(crate) own: TempDir,
    pub(crate) port: u16,
    pub(crate) user: (&'static str, &'static str),
    /// Where the served folder is, from where one is after the login.
    pub(crate) prefix: &'static str,
}

impl Scene {
    pub(crate) fn new(which: Which) -> Scene {
        Scene::with(which, &[])
    }

    /// With more arguments, if it is Portolan.
    pub(crate) fn with(which: Which, arguments: &[&str]) -> Scene {
        Scene::under(&Authority::new("Test authority"), which, arguments)
    }

    /// With this authority, which the server trusts too where it verifies other servers.
    pub(crate) fn under(authority: &Authority, which: Which, arguments: &[&str]) -> Scene {
        let own = tempfile::tempdir().unwrap();
        fs::write(own.path().join("ca.pem"), authority.pem()).unwrap();
        let issued = authority.server("localhost");
        let both = own.path().join("both.pem");
        fs::write(&both, issued.key.serialize_pem() + &issued.certificate.pem() + authority.pem()).unwrap();
        match which {
            Which::Portolan => {
                let folder = tempfile::tempdir().unwrap();
                issued.write(folder.path(), "server");
                let (certificate, key) = (folder.path().join("server.pem"), folder.path().join("server.key"));
                let files = ["--tls-cert", certificate.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
                let served = Served::start_in(PROGRAM, folder, &[&files, arguments].concat());
                let port = served.port;
                Scene { server: Server::Own(served), own, port, user: ("anonymous", "x"), prefix: "" }
            }
            Which::Other(peer) => {
                let running = peer.start(&both);
                let port = running.port;
                Scene { server: Server::Other(running), own, port, user: peer.user(), prefix: peer.prefix() }
            }
        }
    }

    /// One of Portolan's that runs already, for people without a name.
    pub(crate) fn of(served: Served, authority: &Authority) -> Scene {
        let (own, port) = (tempfile::tempdir().unwrap(), served.port);
        fs::write(own.path().join("ca.pem"), authority.pem()).unwrap();
        Scene { server: Server::Own(served), own, port, user: ("anonymous", "x"), prefix: "" }
    }

    /// The folder that is served.
    pub(crate) fn root(&self) -> PathBuf {
        match &self.server {
            Server::Own(served) => served.folder.path().join("root"),
            Server::Other(running) => running.root(),
        }
    }

    /// The program with these arguments, which knows the server's authority and keeps what it learns for itself.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.plain(arguments);
        command.arg("--ca").arg(self.own.path().join("ca.pem"));
        command
    }

    /// The program with these arguments, which keeps what it learns for itself.
    pub(crate) fn plain(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).env_remove("XDG_CONFIG_HOME");
        command.env("XDG_STATE_HOME", self.own.path().join("state")).env("HOME", self.own.path());
        command.env("PORTOLAN_PASSWORD", self.user.1).current_dir(self.own.path()).stdin(Stdio::null());
        command
    }

    /// Runs it, which has to go well; what it prints.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.try_run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {err}");
        out
    }

    /// Runs it: exit code, standard output, standard error.
    pub(crate) fn try_run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap_or_else(|| panic!("{arguments:?}: {output:?}"));
        (code, text(output.stdout), text(output.stderr))
    }

    /// The URL of a path beneath the served folder.
    pub(crate) fn url(&self, path: &str) -> String {
        self.url_at("localhost", path)
    }

    /// The same with this for the host.
    pub(crate) fn url_at(&self, host: &str, path: &str) -> String {
        format!("ftp://{}@{host}:{}/{}{path}", self.user.0, self.port, self.prefix)
    }

    /// What the library needs to get there.
    pub(crate) fn options(&self, host: &str, tls: TlsPolicy, mode: Mode) -> Options {
        let (user, password) = self.user;
        let credentials = Credentials {
            user: user.as_bytes().to_vec(),
            password: password.as_bytes().to_vec(),
            account: None,
        };
        let mut options = Options::new(host);
        options.port = self.port;
        options.tls = tls;
        options.credentials = credentials;
        options.ways = mode.ways().to_vec();
        // What a test that fails prints.
        options.observer = Some(std::sync::Arc::new(|event| println!("{event:?}")));
        options.trust = Trust {
            authorities: Some(vec![certificate(&self.own.path().join("ca.pem"))]),
            ..Trust::default()
        };
        options
    }
}

fn certificate(file: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file).unwrap()
}
