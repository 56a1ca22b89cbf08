//! Which proxy a server is reached through: the command line's, or the environment's.

use crate::Exit;
use crate::args::{ModeChoice, Reach};
use ipnet::IpNet;
use portolan_client::{Proxy, Url};
use std::env::VarError;
use std::net::IpAddr;

/// The proxy for a URL, if there is one.
pub(super) fn of(url: &Url, reach: &Reach) -> Result<Option<Proxy>, Exit> {
    let proxy = match reach.proxy.as_deref() {
        Some("none") => None,
        Some(text) => Some(parse("--proxy", text)?),
        None => {
            let names = ["ftp_proxy", "FTP_PROXY", "all_proxy", "ALL_PROXY"];
            let odd = |name: &&str| matches!(std::env::var(name), Err(VarError::NotUnicode(_)));
            // Passed over it would be no proxy at all.
            if let Some(name) = names.iter().find(|name| odd(name)) {
                return Err(Exit::wrong(format!("{name}: it is not UTF-8; write other bytes as %XX")));
            }
            from_environment(&url.host, |name| std::env::var(name).ok())?
        }
    };
    if let (ModeChoice::Active, Some(proxy)) = (reach.mode, proxy.as_ref().filter(|proxy| proxy.carries())) {
        return Err(Exit::wrong(format!(
            "through {proxy} the server cannot connect to this side; --mode active needs --proxy none"
        )));
    }
    Ok(proxy)
}

/// Where it is written is told, and what is written not: there may be a password in it.
fn parse(place: &str, text: &str) -> Result<Proxy, Exit> {
    Proxy::parse(text).map_err(|error| Exit::wrong(format!("{place}: {error}")))
}

/// What many programs go by, and have from curl.
fn from_environment(host: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Proxy>, Exit> {
    let first = |names: &[&'static str]| {
        let found = names.iter().map(|name| (*name, variable(name).unwrap_or_default()));
        found.into_iter().find(|(_, text)| !text.is_empty())
    };
    let Some((name, text)) = first(&["ftp_proxy", "FTP_PROXY", "all_proxy", "ALL_PROXY"]) else {
        return Ok(None);
    };
    if first(&["no_proxy", "NO_PROXY"]).is_some_and(|(_, list)| is_listed(host, &list)) {
        return Ok(None);
    }
    parse(name, &text).map(Some)
}

/// True if a list names a host: by its name, a domain that it is in, its address, a network, or `*` for all.
fn is_listed(host: &str, list: &str) -> bool {
    let address: Option<IpAddr> = host.parse().ok();
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    list.split([',', ' ']).map(|entry| entry.trim_matches(['.', '[', ']'])).any(|entry| match address {
        _ if entry.is_empty() => false,
        _ if entry == "*" => true,
        Some(address) => {
            entry.parse() == Ok(address)
                || entry.parse::<IpNet>().is_ok_and(|network| network.contains(&address))
        }
        None => {
            let before = name.strip_suffix(&entry.to_ascii_lowercase());
            before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_a_proxy_and_what_goes_without() {
        let proxy = |host: &str, variables: &[(&str, &str)]| {
            let value = |name: &str| {
                variables.iter().find(|(own, _)| *own == name).map(|(_, text)| (*text).to_owned())
            };
            let found = from_environment(host, value).map_err(|exit| exit.message)?;
            Ok::<_, String>(found.map(|proxy| proxy.to_string()))
        };
        let all = ("all_proxy", "socks5h://s");
        assert_eq!(proxy("h", &[]), Ok(None));
        assert_eq!(proxy("h", &[("http_proxy", "p")]), Ok(None));
        assert_eq!(proxy("h", &[all, ("ftp_proxy", "")]), Ok(Some("socks5h://s:1080".to_owned())));
        assert_eq!(proxy("h", &[all, ("FTP_PROXY", "p:3128")]), Ok(Some("http://p:3128".to_owned())));
        assert_eq!(proxy("h", &[all, ("no_proxy", "x, h")]), Ok(None));
        let message = proxy("h", &[("ALL_PROXY", "quic://anna:secret@p")]).unwrap_err();
        assert!(message.starts_with("ALL_PROXY: ") && !message.contains("secret"), "{message}");
    }

    #[test]
    fn what_goes_without_is_listed_as_curl_has_it() {
        for (host, list) in [
            ("h", "*"),
            ("ftp.example.org", "example.org"),
            ("FTP.example.org.", "a, .Example.ORG"),
            ("example.org", ".example.org"),
            ("192.0.2.1", "h 192.0.2.1"),
            ("192.0.2.1", "192.0.2.0/24"),
            ("::1", "[::1]"),
        ] {
            assert!(is_listed(host, list), "{host} {list}");
        }
        for (host, list) in [
            ("h", ""),
            ("h", ", ."),
            ("ample.org", "example.org"),
            ("bexample.org", "example.org"),
            ("192.0.2.10", "2.10"),
        ] {
            assert!(!is_listed(host, list), "{host} {list}");
        }
    }
}
