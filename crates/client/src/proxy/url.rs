//! URLs of proxies, as people write them.

use super::{Kind, Login, Proxy};
use percent_encoding::percent_decode_str;

/// The longest user of SOCKS4 in bytes: the request with it and the longest name of a host is one of the library's buffers.
const SOCKS4_USER_MAX: usize = 128;
/// The longest user and the longest password of SOCKS5 in bytes (RFC 1929 §2).
const SOCKS5_LOGIN_MAX: usize = 255;

/// Why text is no URL of a proxy. None of it holds what was written, since there may be a password in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// The scheme is none of those that are known.
    #[error(
        "a proxy is socks4://, socks4a://, socks5://, socks5h://, http:// or ftp://, with [USER:PASSWORD@]HOST[:PORT]"
    )]
    Scheme,
    /// There is no host in it, or something behind it.
    #[error("the proxy's URL names no host, or more than a host and a port")]
    Host,
    /// The port is no number from 1 to 65535.
    #[error("the proxy's port is not a number from 1 to 65535")]
    Port,
    /// The login is not one that such a proxy can be told.
    #[error("{0}")]
    Login(&'static str),
}

impl Proxy {
    /// Reads `SCHEME://[USER[:PASSWORD]@]HOST[:PORT]`. Without a scheme it is one of HTTP, as everybody has it in
    /// environment variables.
    ///
    /// # Errors
    /// See [`ProxyError`].
    pub fn parse(text: &str) -> Result<Proxy, ProxyError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let kinds = [Kind::Socks4, Kind::Socks4a, Kind::Socks5, Kind::Socks5h, Kind::Http, Kind::Ftp];
        let kind = kinds.into_iter().find(|kind| kind.scheme().eq_ignore_ascii_case(scheme));
        let kind = kind.ok_or(ProxyError::Scheme)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(read_login(kind, login)?), place),
            None => (None, rest),
        };
        let (host, port) = match place.strip_prefix('[').map(|literal| literal.split_once(']')) {
            Some(Some((host, ""))) => (host, None),
            Some(Some((host, port))) => (host, Some(port.strip_prefix(':').ok_or(ProxyError::Port)?)),
            Some(None) => return Err(ProxyError::Host),
            None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        if host.is_empty()
            || host.contains(|letter: char| !letter.is_ascii_graphic() || "/?#[]".contains(letter))
        {
            return Err(ProxyError::Host);
        }
        let port = match port {
            None => kind.port(),
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or(ProxyError::Port)?,
        };
        Ok(Proxy { kind, host: host.to_owned(), port, login })
    }
}

fn read_login(kind: Kind, text: &str) -> Result<Login, ProxyError> {
    let decode = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8().ok();
        let fits = decoded.filter(|text| !text.contains(['\r', '\n', '\0'])).map(String::from);
        fits.ok_or(ProxyError::Login("the proxy's login is no UTF-8, or holds CR, LF or NUL"))
    };
    let (user, password) =
        text.split_once(':').map_or((text, None), |(user, password)| (user, Some(password)));
    let (user, password) = (decode(user)?, password.map(decode).transpose()?);
    let fits = |text: &str, longest: usize| (1..=longest).contains(&text.len());
    let wrong = match kind {
        Kind::Socks4 | Kind::Socks4a if password.is_some() || !fits(&user, SOCKS4_USER_MAX) => {
            "SOCKS4 has a user of 1 to 128 bytes, and no password"
        }
        Kind::Socks5 | Kind::Socks5h
            if !fits(&user, SOCKS5_LOGIN_MAX)
                || !password.as_deref().is_some_and(|password| fits(password, SOCKS5_LOGIN_MAX)) =>
        {
            "SOCKS5 has a user and a password of 1 to 255 bytes"
        }
        Kind::Http if user.contains(':') => "the user of an HTTP proxy holds no colon",
        _ => return Ok(Login { user, password: password.unwrap_or_default() }),
    };
    Err(ProxyError::Login(wrong))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn proxies_are_read_as_people_write_them() {
        for (text, wanted) in [
            ("socks5://h", "socks5://h:1080"),
            ("SOCKS5H://[::1]/", "socks5h://[::1]:1080"),
            ("socks4a://[2001:db8::1]:1", "socks4a://[2001:db8::1]:1"),
            ("http://h:3128/", "http://h:3128"),
            ("h:3128", "http://h:3128"),
            ("http://h", "http://h:80"),
            ("ftp://anna:p%40ss@h", "ftp://h:21"),
            ("socks4://anna@192.0.2.1:9", "socks4://192.0.2.1:9"),
        ] {
            assert_eq!(Proxy::parse(text).unwrap().to_string(), wanted);
        }
        let login = Proxy::parse("socks5://an%3ana:p@ss%20word:x@h").unwrap().login.unwrap();
        assert_eq!((login.user.as_str(), login.password.as_str()), ("an:na", "p@ss word:x"));
    }

    #[test]
    fn what_is_none_is_refused_and_not_repeated() {
        for text in [
            "https://secret@h",
            "socks://secret@h",
            "secret://",
            "http://",
            "ftp://secret@",
            "http://h/secret",
            "http://[::1",
            "http://h:0",
            "http://h:secret",
            "http://[::1]x",
            "http://::1",
            "ftp://a%0d%0asecret@h",
            "socks4://a:secret@h",
            "socks5://secret@h",
            "socks5://a:@h",
            "http://a%3asecret:x@h",
            "http://%ff@h",
            "http://h\r\nsecret",
        ] {
            let error = Proxy::parse(text).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_shown_without_its_login(text in "(socks5://|ftp://|)([a-z%@:/]|\\[|\\]){0,20}") {
            if let Ok(proxy) = Proxy::parse(&text) {
                let shown = proxy.to_string();
                prop_assert_eq!(&format!("Proxy({shown})"), &format!("{proxy:?}"));
                prop_assert!(!shown.contains('@') && Proxy::parse(&shown).is_ok());
            }
        }
    }
}
