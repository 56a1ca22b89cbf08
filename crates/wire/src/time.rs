//! Points in time as FTP writes them: always UTC.
//!
//! What this module is not: it reads no clock.

use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

/// A point in time, to the nanosecond, within the years 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(OffsetDateTime);

impl Timestamp {
    /// 1970-01-01 00:00:00 UTC.
    pub const EPOCH: Timestamp = Timestamp(OffsetDateTime::UNIX_EPOCH);

    /// From seconds since 1970 and nanoseconds (0 to 999,999,999) within the second. What lies
    /// outside the years 1 to 9999, as some disks report, becomes [`Timestamp::EPOCH`].
    pub fn from_unix(seconds: i64, nanoseconds: u32) -> Timestamp {
        let date = OffsetDateTime::from_unix_timestamp(seconds)
            .and_then(|date| date.replace_nanosecond(nanoseconds));
        match date {
            Ok(date) if (1..=9999).contains(&date.year()) => Timestamp(date),
            _ => Timestamp::EPOCH,
        }
    }

    /// Seconds since 1970, and nanoseconds within the second.
    pub fn unix(self) -> (i64, u32) {
        (self.0.unix_timestamp(), self.0.nanosecond())
    }

    /// Reads `YYYYMMDDHHMMSS` with an optional fraction of up to nine digits (RFC 3659 §2.3). A
    /// leap second is taken for the second before it. `None` for anything else.
    pub fn parse(text: &[u8]) -> Option<Timestamp> {
        let text = std::str::from_utf8(text).ok()?;
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() != 14 || !digits(whole) || !(1..=9).contains(&fraction.len()) || !digits(fraction) {
            return None;
        }
        let number = |from: usize, to: usize| whole[from..to].parse::<u8>().ok();
        let month = Month::try_from(number(4, 6)?).ok()?;
        let date =
            Date::from_calendar_date(whole[..4].parse().ok().filter(|year| *year > 0)?, month, number(6, 8)?)
                .ok()?;
        let second = match number(12, 14)? {
            60 => 59,
            second => second,
        };
        let nanosecond = format!("{fraction:0<9}").parse().ok()?;
        let time = Time::from_hms_nano(number(8, 10)?, number(10, 12)?, second, nanosecond).ok()?;
        Some(Timestamp(date.with_time(time).assume_offset(UtcOffset::UTC)))
    }

    /// `YYYYMMDDHHMMSS`, with milliseconds when there are any (RFC 3659 §2.3).
    pub fn to_fact(self) -> String {
        let date = self.0;
        let (year, month, day) = date.to_calendar_date();
        let (hour, minute, second) = date.to_hms();
        let month = u8::from(month);
        let text = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}");
        match date.millisecond() {
            0 => text,
            millisecond => format!("{text}.{millisecond:03}"),
        }
    }

    /// The twelve columns of a listing: `Nov  3 17:42` within half a year of `now`, else
    /// `Nov  3  2019`.
    pub fn to_listing(self, now: Timestamp) -> String {
        const HALF_A_YEAR: i64 = 182 * 24 * 3600;
        let (year, month, day) = self.0.to_calendar_date();
        let month = &month.to_string()[..3];
        let age = now.0.unix_timestamp() - self.0.unix_timestamp();
        if (-3600..HALF_A_YEAR).contains(&age) {
            format!("{month} {day:2} {:02}:{:02}", self.0.hour(), self.0.minute())
        } else {
            format!("{month} {day:2}  {year:4}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn written_as_rfc_3659_says() {
        assert_eq!(Timestamp::from_unix(0, 0).to_fact(), "19700101000000");
        assert_eq!(Timestamp::from_unix(951_782_400, 7_000_000).to_fact(), "20000229000000.007");
        assert_eq!(Timestamp::parse(b"19990929003355.237").unwrap().to_fact(), "19990929003355.237");
        assert_eq!(Timestamp::parse(b"20161231235960").unwrap().to_fact(), "20161231235959");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in [
            "",
            "19990929",
            "19991329000000",
            "19990230000000",
            "00000101000000",
            "19990101000000.",
            "1999010100000é",
            "+9990101000000",
            "19990101000000.0000000001",
        ] {
            assert_eq!(Timestamp::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn listings_give_the_year_only_when_it_is_long_ago() {
        let now = Timestamp::parse(b"20261120120000").unwrap();
        let listed = |text: &str| Timestamp::parse(text.as_bytes()).unwrap().to_listing(now);
        assert_eq!(listed("20261103174200"), "Nov  3 17:42");
        assert_eq!(listed("20191103174200"), "Nov  3  2019");
        assert_eq!(listed("20270103174200"), "Jan  3  2027");
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>, seconds: i64, nanoseconds: u32) {
            let _ = Timestamp::parse(&text);
            let time = Timestamp::from_unix(seconds, nanoseconds);
            prop_assert_eq!(time.to_listing(Timestamp::EPOCH).len(), 12);
            let read = Timestamp::parse(time.to_fact().as_bytes()).unwrap();
            prop_assert_eq!(read.unix().0, time.unix().0);
        }
    }
}
