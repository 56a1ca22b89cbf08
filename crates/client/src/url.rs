//! URLs of FTP (RFC 1738 §3.2), read as people write them.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};
use portolan_proto::client::TlsPolicy;
use portolan_wire::parameters::Representation;
use std::fmt;

/// Why text is no URL of FTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It does not begin with a scheme of FTP.
    #[error("a URL begins with ftp://, ftpes:// (TLS is required) or ftps:// (TLS begins at once)")]
    Scheme,
    /// There is no host in it.
    #[error("the URL names no host")]
    Host,
    /// The port is no number from 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// It holds CR, LF or NUL, by themselves or as `%0D`, `%0A`, `%00`.
    #[error("the URL holds a CR, LF or NUL")]
    ForbiddenByte,
    /// `;type=` says something else than a, i or d.
    #[error(";type= is a, i or d")]
    Type,
}

/// A place on an FTP server.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// What the scheme says of TLS; nothing for `ftp`.
    pub tls: Option<TlsPolicy>,
    /// The user, if there is one.
    pub user: Option<Vec<u8>>,
    /// The password, if there is one.
    pub password: Option<Vec<u8>>,
    /// The name or the address of the server.
    pub host: String,
    /// The port, if there is one.
    pub port: Option<u16>,
    /// The path from where one is after the login, or from the root if it begins with a slash: `%2F` or a second slash in
    /// the URL. Without a slash at its end.
    pub path: Vec<u8>,
    /// True when a slash ended it: a directory is meant.
    pub is_directory: bool,
    /// What `;type=` says.
    pub representation: Option<Representation>,
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What has a meaning in a path of a URL, and so is not written as it is.
const RESERVED: &AsciiSet =
    &CONTROLS.add(b' ').add(b'%').add(b';').add(b'?').add(b'#').add(b'"').add(b'<').add(b'>');

/// The same in a name or a password.
const RESERVED_IN_NAME: &AsciiSet = &RESERVED.add(b'/').add(b':').add(b'@');

/// As it may be shown: without the password.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.tls {
            Some(TlsPolicy::Implicit) => "ftps",
            Some(TlsPolicy::Required) => "ftpes",
            _ => "ftp",
        };
        write!(f, "{scheme}://")?;
        if let Some(user) = &self.user {
            write!(f, "{}@", percent_encode(user, RESERVED_IN_NAME))?;
        }
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        let (root, rest) = match self.path.strip_prefix(b"/") {
            Some(rest) => ("%2F", rest),
            None => ("", &self.path[..]),
        };
        write!(f, "/{root}{}", percent_encode(rest, RESERVED))?;
        if self.is_directory && !self.path.is_empty() { f.write_str("/") } else { Ok(()) }
    }
}

impl Url {
    /// Reads a URL. A password may hold an `@`: the last one before the path parts it from the host.
    ///
    /// # Errors
    /// See [`UrlError`].
    pub fn parse(text: &str) -> Result<Url, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "ftp" => None,
            "ftpes" => Some(TlsPolicy::Required),
            "ftps" => Some(TlsPolicy::Implicit),
            _ => return Err(UrlError::Scheme),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (people, place) = match authority.rsplit_once('@') {
            Some((people, place)) => (Some(people), place),
            None => (None, authority),
        };
        let (user, password) =
            match people.map(|people| people.split_once(':').map_or((people, None), |(a, b)| (a, Some(b)))) {
                Some((user, password)) => (Some(decode(user)?), password.map(decode).transpose()?),
                None => (None, None),
            };
        let (host, port) = match place.strip_prefix('[') {
            Some(literal) => {
                let (host, after) = literal.split_once(']').ok_or(UrlError::Host)?;
                (
                    host,
                    after
                        .strip_prefix(':')
                        .or(if after.is_empty() { Some("") } else { None })
                        .ok_or(UrlError::Port)?,
                )
            }
            None => place.rsplit_once(':').unwrap_or((place, "")),
        };
        if host.is_empty() || host.contains(['\r', '\n', '\0', ' ']) {
            return Err(UrlError::Host);
        }
        let port = match port {
            "" => None,
            port => Some(port.parse().ok().filter(|port| *port != 0).ok_or(UrlError::Port)?),
        };
        let (path, kind) = match path.rsplit_once(";type=") {
            Some((path, kind)) => (path, Some(kind)),
            None => (path, None),
        };
        let mut path = decode(path)?;
        let mut is_directory = path.is_empty() || path.ends_with(b"/");
        let representation = match kind.map(str::to_ascii_lowercase).as_deref() {
            None => None,
            Some("a") => Some(Representation::Ascii),
            Some("i") => Some(Representation::Image),
            Some("d") => {
                is_directory = true;
                None
            }
            Some(_) => return Err(UrlError::Type),
        };
        while path.len() > 1 && path.ends_with(b"/") {
            path.pop();
        }
        let user = user.filter(|user| !user.is_empty());
        Ok(Url { tls, user, password, host: host.to_owned(), port, path, is_directory, representation })
    }

    /// The last part of its path; nothing for the directory that one is in after the login, or the root.
    pub fn name(&self) -> &[u8] {
        self.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }
}

fn decode(text: &str) -> Result<Vec<u8>, UrlError> {
    let bytes: Vec<u8> = percent_decode_str(text).collect();
    if bytes.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
        Err(UrlError::ForbiddenByte)
    } else {
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Option<String>, Option<String>, String, Option<u16>, String, bool) {
        let url = Url::parse(text).unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (url.user.map(text), url.password.map(text), url.host, url.port, text(url.path), url.is_directory)
    }

    #[test]
    fn urls_are_read_as_people_write_them() {
        let own = |text: &str| text.to_owned();
        assert_eq!(parsed("ftp://h"), (None, None, own("h"), None, own(""), true));
        assert_eq!(parsed("ftp://h/a/b"), (None, None, own("h"), None, own("a/b"), false));
        assert_eq!(parsed("ftp://h/%2Fetc/x%20y/"), (None, None, own("h"), None, own("/etc/x y"), true));
        assert_eq!(parsed("ftp://h//etc"), (None, None, own("h"), None, own("/etc"), false));
        assert_eq!(parsed("ftp://h/%2F"), (None, None, own("h"), None, own("/"), true));
        assert_eq!(
            parsed("FTP://anna:p@ss%2Fw:x@[::1]:2121/a;type=a"),
            (Some(own("anna")), Some(own("p@ss/w:x")), own("::1"), Some(2121), own("a"), false)
        );
        assert_eq!(Url::parse("ftp://h/a;type=A").unwrap().representation, Some(Representation::Ascii));
        assert!(Url::parse("ftp://h/a;type=d").unwrap().is_directory);
        assert_eq!(Url::parse("ftps://h").unwrap().tls, Some(TlsPolicy::Implicit));
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for (text, error) in [
            ("http://h", UrlError::Scheme),
            ("h/a", UrlError::Scheme),
            ("ftp:///a", UrlError::Host),
            ("ftp://anna@/a", UrlError::Host),
            ("ftp://h:0/", UrlError::Port),
            ("ftp://h:70000/", UrlError::Port),
            ("ftp://[::1]x/", UrlError::Port),
            ("ftp://h/a%0d%0aDELE b", UrlError::ForbiddenByte),
            ("ftp://a%00:b@h/", UrlError::ForbiddenByte),
            ("ftp://h/a;type=x", UrlError::Type),
        ] {
            assert_eq!(Url::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn what_is_shown_leads_to_the_same_and_tells_no_password() {
        let url = Url::parse("ftpes://a%40b:secret@h:21/%2Fx/a%20b%3Bc%25/").unwrap();
        assert_eq!(url.to_string(), "ftpes://a%40b@h:21/%2Fx/a%20b%3Bc%25/");
        assert_eq!(Url::parse(&url.to_string()).unwrap(), Url { password: None, ..url });
    }
}
