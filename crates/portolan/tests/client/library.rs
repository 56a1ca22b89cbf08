//! The library.

use crate::scene::{Scene, Which};
use portolan_client::{Connection, Mode, Resumed, TlsPolicy, Way};
use portolan_testkit::peers::Peer;
use portolan_wire::Verb;
use portolan_wire::parameters::Representation;
use std::fs;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Runs something on a runtime of this thread, whose network it has.
pub(crate) fn block_on<T>(what: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(what)
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 + at / 251) as u8).collect()
}

/// Up, down and a listing, several times over.
async fn round(which: Which, scene: &Scene, host: &str, tls: TlsPolicy, mode: Mode) {
    let what = format!("{host} {tls:?} {mode:?}");
    let mut options = scene.options(host, tls, mode);
    // It gives no tickets for uploads, and demands one for each data connection.
    options.trust.tls12 = which == Which::Other(Peer::ProFtpd);
    let connection = Connection::open(options).await.expect(&what);
    let protected = tls != TlsPolicy::Off;
    assert_eq!(connection.protection(), (protected, protected), "{what}");
    if !scene.prefix.is_empty() {
        connection.demand(Verb::Cwd, Some(scene.prefix.as_bytes())).await.unwrap();
    }
    for length in [0, 1, 300_000, 5] {
        let name = format!("file-{length}");
        let (content, argument) = (content(length), Some(name.as_bytes()));
        let mut upload =
            connection.upload(Verb::Stor, argument, Representation::Image, 0).await.expect(&what);
        upload.write_all(&content).await.unwrap();
        let receipt = upload.finish().await.unwrap_or_else(|error| panic!("{what} {length}: {error}"));
        assert_eq!(receipt.bytes, length as u64);
        // It gives none at all, and demands none.
        let given = which != Which::Other(Peer::PureFtpd);
        let resumed = protected.then_some(if given { Resumed::Yes } else { Resumed::No });
        assert_eq!(receipt.tls, resumed, "{what}");
        assert_eq!(receipt.way, Some(if mode == Mode::Active { Way::Active } else { Way::Extended }));
        for offset in [0, length / 2] {
            let download =
                connection.download(Verb::Retr, argument, Representation::Image, offset as u64).await;
            let mut download = download.unwrap_or_else(|error| panic!("{what} {length}: {error}"));
            let mut read = Vec::new();
            download.read_to_end(&mut read).await.unwrap();
            let receipt = download.finish().await.unwrap();
            assert!(read == content[offset..], "{what} {length}");
            assert_eq!((receipt.tls, receipt.clean_end), (resumed, true), "{what}");
        }
        assert_eq!(fs::read(scene.root().join(&name)).unwrap(), content);
    }
    let mut list = connection.download(Verb::Nlst, None, Representation::Ascii, 0).await.unwrap();
    let mut names = String::new();
    list.read_to_string(&mut names).await.unwrap();
    list.finish().await.unwrap();
    assert!(names.contains("file-300000\r\n"), "{what}: {names}");
    let missing = connection.download(Verb::Retr, Some(b"none"), Representation::Image, 0).await;
    let error = missing.unwrap_err();
    assert_eq!(error.code(), Some(550), "{what}: {error}");
    assert!(connection.ask(Verb::Noop, None).await.unwrap().is_done());
}

fn rounds(which: Which) {
    let scene = Scene::new(which);
    block_on(async {
        for host in ["127.0.0.1", "::1", "localhost"] {
            for tls in [TlsPolicy::Off, TlsPolicy::Required] {
                for mode in [Mode::Passive, Mode::Active, Mode::Auto] {
                    round(which, &scene, host, tls, mode).await;
                }
            }
        }
    });
}

#[test]
fn portolan() {
    rounds(Which::Portolan);
}

#[test]
fn vsftpd() {
    rounds(Which::Other(Peer::Vsftpd));
}

#[test]
fn proftpd() {
    rounds(Which::Other(Peer::ProFtpd));
}

#[test]
fn pure_ftpd() {
    rounds(Which::Other(Peer::PureFtpd));
}

#[test]
fn pyftpdlib() {
    rounds(Which::Other(Peer::Pyftpdlib));
}
