//! What a session is told at its start.

use super::place::Host;
use super::way::Way;
use std::time::Duration;

/// What TLS is used for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TlsPolicy {
    /// `AUTH TLS` if the server offers it (RFC 4217); else it goes on in the clear.
    #[default]
    Auto,
    /// `AUTH TLS`, or nothing at all.
    Required,
    /// None.
    Off,
    /// It has begun before the greeting, on a port of its own.
    Implicit,
}

/// Who logs in. What is in it has to be free of CR, LF and NUL, else the login fails before anything is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name, for `USER`.
    pub user: Vec<u8>,
    /// The password, for `PASS`.
    pub password: Vec<u8>,
    /// The account, for servers that want `ACCT`.
    pub account: Option<Vec<u8>>,
}

impl Credentials {
    /// Those of guests (RFC 1635).
    pub fn anonymous() -> Credentials {
        Credentials { user: b"anonymous".to_vec(), password: b"anonymous@".to_vec(), account: None }
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &String::from_utf8_lossy(&self.user))
            .finish_non_exhaustive()
    }
}

/// An FTP proxy: what answers on the control connection is not the server, but goes on to it when `USER` says where it is. No
/// RFC has it; ncftp(1) calls it firewall types 1 and 2, lftp(1) the proxy authentication `user`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// Where it is to go on to: `host`, or `host:port`.
    pub target: String,
    /// Who logs in to the proxy itself before that, where it wants a login.
    pub login: Option<Credentials>,
}

/// How long is waited, phase by phase. None of these runs while data moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a reply, the greeting among them.
    pub reply: Duration,
    /// For a passive data connection to open while there is another way to try.
    pub connect: Duration,
    /// The same when there is none.
    pub last_connect: Duration,
    /// For the server to dial in active mode.
    pub accept: Duration,
    /// For the final reply once the data has ended.
    pub end: Duration,
    /// Between two `NOOP` during a transfer; `None` sends none.
    pub noop: Option<Duration>,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            reply: Duration::from_secs(60),
            connect: Duration::from_secs(5),
            last_connect: Duration::from_secs(30),
            accept: Duration::from_secs(15),
            end: Duration::from_secs(60),
            noop: Some(Duration::from_secs(60)),
        }
    }
}

/// What a session is told at its start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the control connection goes.
    pub peer: Host,
    /// What TLS is used for.
    pub tls: TlsPolicy,
    /// Who logs in.
    pub credentials: Credentials,
    /// The FTP proxy at the other end of the control connection, if there is one.
    pub gateway: Option<Gateway>,
    /// Names are UTF-8, and servers that want to know are told so (RFC 2640).
    pub utf8: bool,
    /// Ways to have a data connection, in the order in which they are tried. Not empty.
    pub ways: Vec<Way>,
    /// How long is waited.
    pub patience: Patience,
}
