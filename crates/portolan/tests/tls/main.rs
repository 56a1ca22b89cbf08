//! The real program over TLS: real clients, a client of our own that does what stock ones do not, and
//! certificates of an authority that exists for the test.
#![allow(clippy::unwrap_used)]

mod acme;
mod certificates;
mod clients;
mod fxp;
mod holes;
mod hosts;
mod java;
mod one_port;
mod resumption;
mod secure;

use portolan_testkit::authority::Authority;
use portolan_testkit::launch::Served;
use std::fs;
use tempfile::TempDir;

/// A folder with a certificate for `localhost`, the authority that vouches for it as `ca.pem`, and
/// `root` to serve.
fn folder() -> (TempDir, Authority) {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Test authority");
    fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    authority.server("localhost").write(folder.path(), "server");
    fs::create_dir(folder.path().join("root")).unwrap();
    (folder, authority)
}

/// A server with a certificate for `localhost`.
fn serve(arguments: &[&str]) -> Served {
    let (folder, _) = folder();
    let (certificate, key) = (folder.path().join("server.pem"), folder.path().join("server.key"));
    let files = ["--tls-cert", certificate.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    Served::start_in(env!("CARGO_BIN_EXE_portolan"), folder, &[&files, arguments].concat())
}
