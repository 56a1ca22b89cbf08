//! Addresses in the replies to `PASV`, `EPSV` and `LPSV`, as servers write them.
//!
//! RFC 959 does not say where in 227 the numbers are (RFC 1123 §4.1.2.6 tells clients to look for them), and servers leave
//! out brackets or put text around. What this module is not: it does not decide whether an address may be used.

use crate::address::HostPort;

/// The address that 227 says, with or without brackets around it.
pub fn parse_227(text: &[u8]) -> Option<HostPort> {
    let wanted = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b',' | b' ');
    // The text before may have numbers too: that which reads as an address counts, the last of them.
    let candidates = text.split(|byte| !wanted(byte));
    let parse = |part: &[u8]| {
        let spaceless: Vec<u8> = part.iter().copied().filter(|byte| *byte != b' ').collect();
        HostPort::parse(&spaceless).ok()
    };
    candidates.filter_map(parse).next_back()
}

/// The port that 229 says in `(|||port|)`; the delimiter may be any (RFC 2428 §3), and brackets may be missing.
pub fn parse_229(text: &[u8]) -> Option<u16> {
    for (at, delimiter) in text.iter().enumerate() {
        let after = &text[at + 1..];
        if !(33..=126).contains(delimiter) || delimiter.is_ascii_digit() {
            continue;
        }
        // Some put family and address between the delimiters.
        let mut parts = after.split(|byte| byte == delimiter);
        let [Some(_), Some(_), Some(port), Some(_)] =
            [parts.next(), parts.next(), parts.next(), parts.next()]
        else {
            continue;
        };
        let port = std::str::from_utf8(port).ok().filter(|port| port.len() <= 5 && !port.starts_with('+'));
        if let Some(port) = port.and_then(|port| port.parse().ok()).filter(|port| *port != 0) {
            return Some(port);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_found_where_servers_put_them() {
        for (text, found) in [
            ("Entering Passive Mode (127,0,0,1,4,1).", Some("127,0,0,1,4,1")),
            ("Entering Passive Mode 127,0,0,1,4,1", Some("127,0,0,1,4,1")),
            ("Entering Passive Mode (127, 0, 0, 1, 4, 1)", Some("127,0,0,1,4,1")),
            ("=127,0,0,1,4,1", Some("127,0,0,1,4,1")),
            ("Server 7, passive at 127,0,0,1,200,13", Some("127,0,0,1,200,13")),
            ("Entering Passive Mode (127,0,0,1,4,256).", None),
            ("Entering Passive Mode (127,0,0,1,0,0).", None),
            ("Entering Passive Mode (127,0,0,1,4).", None),
            ("", None),
        ] {
            assert_eq!(parse_227(text.as_bytes()).map(|found| found.to_string()).as_deref(), found, "{text}");
        }
    }

    #[test]
    fn ports_are_found_where_servers_put_them() {
        for (text, found) in [
            ("Entering Extended Passive Mode (|||1025|)", Some(1025)),
            ("Entering Extended Passive Mode |||1025|", Some(1025)),
            ("Extended Passive Mode OK (!!!65535!)", Some(65535)),
            ("Entering Extended Passive Mode (|1|127.0.0.1|1025|)", Some(1025)),
            ("Entering Extended Passive Mode (|||0|)", None),
            ("Entering Extended Passive Mode (|||65536|)", None),
            ("Entering Extended Passive Mode (|||+12|)", None),
            ("Entering Extended Passive Mode", None),
        ] {
            assert_eq!(parse_229(text.as_bytes()), found, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = parse_227(&bytes);
            let _ = parse_229(&bytes);
        }

        #[test]
        fn what_is_written_is_found(a: u32, port in 1u16.., text in "[a-z ]*") {
            let place = HostPort { address: a.into(), port };
            prop_assert_eq!(parse_227(format!("{text}({place})").as_bytes()), Some(place));
            prop_assert_eq!(parse_229(format!("{text}(|||{port}|)").as_bytes()), Some(port));
        }
    }
}
