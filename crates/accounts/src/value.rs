//! Settings as text.

use crate::Hours;
use ipnet::IpNet;
use std::net::IpAddr;
use std::time::Duration;

/// Something that is written as text, in a file, on the command line, or in the store.
pub(crate) trait Value: Sized {
    /// What a text means.
    ///
    /// # Errors
    /// What is wrong with it, and what to write.
    fn parse(text: &str) -> Result<Self, String>;

    /// The text that means it.
    fn to_text(&self) -> String;
}

impl Value for bool {
    fn parse(text: &str) -> Result<bool, String> {
        text.parse().map_err(|_| format!("`{text}` is neither true nor false"))
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

/// What somebody needs TLS for, though others may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum TlsNeed {
    /// Nothing.
    #[default]
    Nothing,
    /// Logging in.
    Login,
    /// Logging in, and data connections.
    Data,
}

impl Value for TlsNeed {
    fn parse(text: &str) -> Result<TlsNeed, String> {
        match text {
            "offer" => Ok(TlsNeed::Nothing),
            "require-login" => Ok(TlsNeed::Login),
            "require" => Ok(TlsNeed::Data),
            _ => Err(format!("`{text}` is not known here; write offer, require-login, or require")),
        }
    }

    fn to_text(&self) -> String {
        match self {
            TlsNeed::Nothing => "offer",
            TlsNeed::Login => "require-login",
            TlsNeed::Data => "require",
        }
        .to_owned()
    }
}

/// The word for no limit.
const UNLIMITED: &str = "unlimited";

/// A greatest number; none is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count(pub Option<u64>);

impl Count {
    /// True when there may be one more than these.
    pub fn allows_one_more(self, count: usize) -> bool {
        self.0.is_none_or(|most| (count as u64) < most)
    }
}

impl Value for Count {
    fn parse(text: &str) -> Result<Count, String> {
        match text {
            UNLIMITED => Ok(Count(None)),
            _ => text
                .parse()
                .map(|most| Count(Some(most)))
                .map_err(|_| format!("`{text}` is no number; write one like 10, or {UNLIMITED}")),
        }
    }

    fn to_text(&self) -> String {
        self.0.map_or_else(|| UNLIMITED.to_owned(), |most| most.to_string())
    }
}

/// The word for what is set elsewhere.
const DEFAULT: &str = "default";

/// The longest time that can be set: ten years.
const SECONDS_MAX: u64 = 10 * 365 * 24 * 60 * 60;

/// A time in seconds, 1 to [ten years](SECONDS_MAX); none is what the server has for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seconds(pub Option<Duration>);

impl Value for Seconds {
    fn parse(text: &str) -> Result<Seconds, String> {
        if text == DEFAULT {
            return Ok(Seconds(None));
        }
        let seconds = text.parse().ok().filter(|seconds| matches!(seconds, 1..=SECONDS_MAX));
        let wrong = || format!("`{text}` is no number of seconds; write one like 600, or {DEFAULT}");
        seconds.map(|seconds| Seconds(Some(Duration::from_secs(seconds)))).ok_or_else(wrong)
    }

    fn to_text(&self) -> String {
        self.0.map_or_else(|| DEFAULT.to_owned(), |time| time.as_secs().to_string())
    }
}

/// Units of bytes, the greatest first.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// A number of bytes with its unit.
fn parse_bytes(text: &str) -> Option<u64> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = (text[..end].parse::<u64>().ok()?, text[end..].trim());
    let factor = match unit {
        "" => 1,
        _ => UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1,
    };
    number.checked_mul(factor)
}

fn bytes_text(bytes: u64) -> String {
    let whole = |(_, factor): &&(&str, u64)| bytes >= *factor && bytes.is_multiple_of(*factor);
    UNITS
        .iter()
        .find(whole)
        .map_or_else(|| "0 B".to_owned(), |(unit, factor)| format!("{} {unit}", bytes / factor))
}

/// A greatest number of bytes; none is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bytes(pub Option<u64>);

impl Value for Bytes {
    fn parse(text: &str) -> Result<Bytes, String> {
        if text == UNLIMITED {
            return Ok(Bytes(None));
        }
        let wrong = || format!("`{text}` is no size; write it like 500 MB or 10 GiB, or {UNLIMITED}");
        parse_bytes(text).map(|bytes| Bytes(Some(bytes))).ok_or_else(wrong)
    }

    fn to_text(&self) -> String {
        self.0.map_or_else(|| UNLIMITED.to_owned(), bytes_text)
    }
}

/// For so many bytes that come, so many may go: each at least 1; none is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ratio(pub Option<(u32, u32)>);

impl Ratio {
    /// Bytes that may have been downloaded by somebody who has uploaded so many.
    pub fn allows(self, uploaded: u64) -> Option<u64> {
        let (up, down) = self.0?;
        let bytes = u128::from(uploaded) * u128::from(down) / u128::from(up.max(1));
        Some(u64::try_from(bytes).unwrap_or(u64::MAX))
    }
}

impl Value for Ratio {
    fn parse(text: &str) -> Result<Ratio, String> {
        if text == UNLIMITED {
            return Ok(Ratio(None));
        }
        let number = |text: &str| text.trim().parse().ok().filter(|number: &u32| *number > 0);
        let both = text.split_once(':').and_then(|(up, down)| Some((number(up)?, number(down)?)));
        let wrong = || {
            format!(
                "`{text}` is no ratio; write it like 1:3, which lets three bytes go for each one that comes, or {UNLIMITED}"
            )
        };
        both.map(|both| Ratio(Some(both))).ok_or_else(wrong)
    }

    fn to_text(&self) -> String {
        self.0.map_or_else(|| UNLIMITED.to_owned(), |(up, down)| format!("{up}:{down}"))
    }
}

/// Bytes in a second; none is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Speed(pub Option<u64>);

impl Value for Speed {
    fn parse(text: &str) -> Result<Speed, String> {
        if text == UNLIMITED {
            return Ok(Speed(None));
        }
        let bytes = parse_bytes(text.trim_end_matches("/s").trim_end()).filter(|bytes| *bytes > 0);
        bytes.map(|bytes| Speed(Some(bytes))).ok_or_else(|| {
            format!("`{text}` is no speed; write it like 500 KB/s or 10 MiB/s, or {UNLIMITED}")
        })
    }

    fn to_text(&self) -> String {
        self.0.map_or_else(|| UNLIMITED.to_owned(), |bytes| format!("{}/s", bytes_text(bytes)))
    }
}

impl std::fmt::Display for Speed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_text())
    }
}

/// Reads a speed.
///
/// # Errors
/// What is wrong with it, and what to write.
pub fn parse_speed(text: &str) -> Result<Speed, String> {
    Speed::parse(text)
}

/// Reads networks.
///
/// # Errors
/// What is wrong with them, and what to write.
pub fn parse_networks(text: &str) -> Result<Networks, String> {
    Networks::parse(text)
}

/// The hours of the week that a text means.
///
/// # Errors
/// What to write instead.
pub fn parse_hours(text: &str) -> Result<Hours, String> {
    Hours::parse(text)
}

/// Networks of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The networks.
    pub fn all(&self) -> impl Iterator<Item = IpNet> {
        self.0.iter().copied()
    }

    /// The first that this address is in.
    pub fn find(&self, address: IpAddr) -> Option<String> {
        let address = address.to_canonical();
        self.0.iter().find(|network| network.contains(&address)).map(IpNet::to_string)
    }
}

impl Value for Networks {
    fn parse(text: &str) -> Result<Networks, String> {
        let words = text.split([' ', ',']).filter(|word| !word.is_empty());
        let network = |word: &str| {
            let whole = word.parse::<IpAddr>().map(IpNet::from);
            whole.or_else(|_| word.parse::<IpNet>().map(|network| network.trunc())).map_err(|_| {
                format!("`{word}` is no network; write it like 192.0.2.0/24, 2001:db8::/32 or 192.0.2.7")
            })
        };
        Ok(Networks(words.map(network).collect::<Result<_, _>>()?))
    }

    fn to_text(&self) -> String {
        self.0.iter().map(IpNet::to_string).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_read_as_they_are_written() {
        for (text, bytes) in [("500 KB/s", 500_000), ("10 MiB/s", 10 << 20), ("1 B/s", 1), ("1500 B/s", 1500)]
        {
            assert_eq!(Speed::parse(text).unwrap(), Speed(Some(bytes)), "{text}");
            assert_eq!(Speed(Some(bytes)).to_text(), text);
        }
        assert_eq!(Speed::parse("20000").unwrap().to_text(), "20 KB/s");
        assert_eq!(Speed::parse("3gb").unwrap(), Speed(Some(3_000_000_000)));
        assert_eq!(Speed::parse(UNLIMITED).unwrap(), Speed(None));
        for text in ["", "fast", "-1", "0", "1 XB/s", "99999999999 TB/s"] {
            assert!(Speed::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_and_ratios_are_read_as_they_are_written() {
        for text in ["10 GB", "1 KiB", "0 B", UNLIMITED] {
            assert_eq!(Bytes::parse(text).unwrap().to_text(), text);
        }
        for text in ["1:3", "5:1", UNLIMITED] {
            assert_eq!(Ratio::parse(text).unwrap().to_text(), text);
        }
        assert_eq!(Ratio::parse("2:3").unwrap().allows(5), Some(7));
        assert_eq!(Ratio::parse("1:4294967295").unwrap().allows(u64::MAX), Some(u64::MAX));
        for text in ["", "3", "0:1", "1:0", "-1:2", "a:b", "1:2:3"] {
            assert!(Ratio::parse(text).is_err() && Bytes::parse(&format!("{text} ?")).is_err(), "{text}");
        }
    }

    #[test]
    fn networks_hold_their_addresses() {
        let networks = Networks::parse("192.0.2.7/24, 2001:db8::/32 ::1").unwrap();
        assert_eq!(networks.to_text(), "192.0.2.0/24, 2001:db8::/32, ::1/128");
        for (address, network) in [
            ("192.0.2.200", Some("192.0.2.0/24")),
            ("::ffff:192.0.2.200", Some("192.0.2.0/24")),
            ("2001:db8:1::1", Some("2001:db8::/32")),
            ("192.0.3.1", None),
        ] {
            assert_eq!(networks.find(address.parse().unwrap()).as_deref(), network, "{address}");
        }
        assert!(Networks::parse("192.0.2.0/33").is_err() && Networks::parse("home").is_err());
    }
}
