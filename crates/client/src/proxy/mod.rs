//! Proxies between this side and the server.
//!
//! SOCKS and HTTP proxies carry connections and know nothing of FTP: the control connection goes through one, and data
//! connections do too, so that only the passive ways are left. An FTP proxy is the other end of the control connection and of
//! data connections, and is told the server's name when one logs in to it; that is the business of
//! [`portolan_proto::client`].
//!
//! What is not here: which proxy is used for which server (no environment is read), the connection to the proxy itself, and
//! time limits; those are the caller's.

mod http;
mod problem;
mod socks;
mod url;

pub use problem::Problem;
pub use url::ProxyError;

use portolan_proto::client::{Credentials, Place};
use std::fmt;
use tokio::io::{AsyncRead, AsyncWrite};

/// What a proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// SOCKS4: addresses of IPv4.
    Socks4,
    /// SOCKS4a: the proxy looks up names.
    Socks4a,
    /// SOCKS5 (RFC 1928), names are looked up on this side.
    Socks5,
    /// SOCKS5, the proxy looks up names.
    Socks5h,
    /// `CONNECT` of HTTP (RFC 9110 §9.3.6); the proxy looks up names.
    Http,
    /// FTP: `USER user@host`.
    Ftp,
}

impl Kind {
    /// The scheme of its URLs.
    fn scheme(self) -> &'static str {
        match self {
            Kind::Socks4 => "socks4",
            Kind::Socks4a => "socks4a",
            Kind::Socks5 => "socks5",
            Kind::Socks5h => "socks5h",
            Kind::Http => "http",
            Kind::Ftp => "ftp",
        }
    }

    /// The port where one listens that names none.
    fn port(self) -> u16 {
        match self {
            Kind::Socks4 | Kind::Socks4a | Kind::Socks5 | Kind::Socks5h => 1080,
            Kind::Http => 80,
            Kind::Ftp => 21,
        }
    }
}

/// Who logs in to a proxy. It is never shown.
#[derive(Clone, PartialEq, Eq)]
struct Login {
    user: String,
    password: String,
}

/// A proxy. Neither its name for people nor its debug output has the login in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    kind: Kind,
    host: String,
    port: u16,
    login: Option<Login>,
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.kind.scheme();
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

impl Proxy {
    /// What it speaks.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its name or address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// True if it carries connections, whatever they are for; false for an FTP proxy, which takes part in the conversation.
    /// Through one that does, a server cannot connect to this side.
    pub fn carries(&self) -> bool {
        self.kind != Kind::Ftp
    }

    /// True if names are left to it.
    pub(crate) fn looks_up(&self) -> bool {
        !matches!(self.kind, Kind::Socks4 | Kind::Socks5)
    }

    /// Who logs in to an FTP proxy.
    pub(crate) fn credentials(&self) -> Option<Credentials> {
        let Login { user, password } = self.login.clone()?;
        Some(Credentials { user: user.into_bytes(), password: password.into_bytes(), account: None })
    }

    /// Has it carry a connection to it on to there. From then on what is read and written is the server's: nothing of that
    /// was read yet.
    ///
    /// # Errors
    /// When it does not; the connection is of no use then.
    pub(crate) async fn open<S>(&self, stream: S, to: &Place) -> Result<S, Problem>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let login = self.login.as_ref();
        match self.kind {
            Kind::Socks4 | Kind::Socks4a => socks::version_4(stream, to, login).await,
            Kind::Socks5 | Kind::Socks5h => socks::version_5(stream, to, login).await,
            Kind::Http => http::open(stream, to, login).await,
            Kind::Ftp => Ok(stream),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portolan_proto::client::Host;
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    /// What comes of it when the proxy answers this and then closes, and what follows of the server's.
    fn answered(proxy: &str, host: &str, answer: &[u8]) -> (Result<Vec<u8>, Problem>, Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let proxy = Proxy::parse(proxy).unwrap();
            let (own, mut other) = duplex(1 << 20);
            other.write_all(answer).await.unwrap();
            other.shutdown().await.unwrap();
            let opened = proxy.open(own, &Host::new(host).at(21)).await;
            let came = match opened {
                Ok(mut own) => {
                    let mut rest = Vec::new();
                    own.read_to_end(&mut rest).await.unwrap();
                    Ok(rest)
                }
                Err(problem) => Err(problem),
            };
            let mut asked = Vec::new();
            other.read_to_end(&mut asked).await.unwrap();
            (came, asked)
        })
    }

    #[test]
    fn what_the_server_says_first_is_not_lost() {
        for (proxy, answer) in [
            ("http://p", &b"HTTP/1.0 200 Connection established\r\nX: y\r\n\r\n"[..]),
            ("http://p", b"HTTP/1.1 299\nContent-Length: 5\n\n"),
            ("socks4://p", b"\x00\x5a\x00\x00\x00\x00\x00\x00"),
            ("socks5://p", b"\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"),
            ("socks5://u:p@p", b"\x05\x02\x01\x00\x05\x00\x00\x03\x01h\x00\x15"),
        ] {
            let (came, _) = answered(proxy, "192.0.2.1", &[answer, b"220 hello\r\n"].concat());
            assert_eq!(came.unwrap(), b"220 hello\r\n", "{proxy}");
        }
    }

    #[test]
    fn it_is_asked_as_the_standards_say() {
        let asked = |proxy: &str, host: &str, answer: &[u8]| answered(proxy, host, answer).1;
        assert_eq!(
            asked("http://anna:pass@p", "2001:db8::1", b""),
            b"CONNECT [2001:db8::1]:21 HTTP/1.1\r\nHost: [2001:db8::1]:21\r\nProxy-Authorization: Basic YW5uYTpwYXNz\r\n\r\n"
        );
        assert_eq!(asked("http://p", "h", b""), b"CONNECT h:21 HTTP/1.1\r\nHost: h:21\r\n\r\n");
        assert_eq!(asked("socks4://u@p", "192.0.2.1", b""), b"\x04\x01\x00\x15\xc0\x00\x02\x01u\x00");
        assert_eq!(asked("socks4a://p", "h", b""), b"\x04\x01\x00\x15\x00\x00\x00\x01\x00h\x00");
        assert_eq!(asked("socks5h://p", "h", b"\x05\x00"), b"\x05\x01\x00\x05\x01\x00\x03\x01h\x00\x15");
        assert_eq!(
            asked("socks5://u:p@p", "192.0.2.1", b"\x05\x02\x01\x00"),
            b"\x05\x02\x00\x02\x01\x01u\x01p\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x15"
        );
        let no_name = "h\r\nX: y";
        assert!(asked("http://p", no_name, b"").is_empty() && asked("socks4a://p", "a\0b", b"").is_empty());
        assert!(asked("socks4://p", "::1", b"").is_empty());
        let longest = format!("socks4a://{}@p", "u".repeat(128));
        assert_eq!(asked(&longest, &"h".repeat(255), b"").len(), 8 + 128 + 1 + 255 + 1);
        assert!(asked(&longest, &"h".repeat(256), b"").is_empty());
    }

    #[test]
    fn what_it_says_is_told() {
        let say = |proxy: &str, answer: &[u8]| answered(proxy, "192.0.2.1", answer).0.unwrap_err();
        assert_eq!(
            say("http://p", b"HTTP/1.1 403 Filtered\x1b[2J\r\n\r\n"),
            Problem::Forbidden("403 Filtered?[2J".to_owned())
        );
        assert!(matches!(say("http://p", b"HTTP/1.1 407 x\r\n\r\n"), Problem::Login(_)));
        assert!(matches!(say("http://p", b"HTTP/1.1 503 x\r\n\r\n"), Problem::Unreachable(_)));
        assert!(matches!(say("http://p", b"220 hello\r\n"), Problem::Strange(_)));
        assert!(matches!(say("http://p", b"HTTP/1.1 200 OK\r\n"), Problem::Broken(_)));
        assert!(matches!(say("http://p", &[b'a'; 1 << 17]), Problem::Strange(_)));
        assert!(matches!(say("socks5://p", b"\x05\xff"), Problem::Login(_)));
        assert!(matches!(say("socks5://u:p@p", b"\x05\x02\x01\x01"), Problem::Login(_)));
        assert!(matches!(say("socks5://p", b"\x05\x00\x05\x02\x00\x01"), Problem::Forbidden(_)));
        assert!(matches!(say("socks5://p", b"\x05\x00\x05\x05\x00\x01"), Problem::Unreachable(_)));
        assert!(matches!(say("socks4://p", b"\x00\x5b\0\0\0\0\0\0"), Problem::Unreachable(_)));
        assert!(matches!(say("socks5://p", b"HTTP/1.1 400"), Problem::Strange(_)));
    }

    proptest! {
        #[test]
        fn nothing_that_a_proxy_says_does_harm(
            proxy in proptest::sample::select(vec![
                "socks4://p", "socks4a://u@p", "socks5://p", "socks5h://u:p@p", "http://p", "http://u:p@p",
            ]),
            begin in proptest::sample::select(vec![
                &b""[..], b"\x05\x00", b"\x05\x02\x01\x00", b"\x05\x00\x05\x00\x00\x03", b"\x00\x5a", b"HTTP/1.1 200 ",
                b"HTTP/1.1 407 a\r\n",
            ]),
            rest in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let said = [begin, &rest].concat();
            let (came, _) = answered(proxy, "192.0.2.1", &said);
            // What is left is the end of what was said.
            prop_assert!(came.is_err() || said.ends_with(&came.unwrap()));
        }
    }
}
