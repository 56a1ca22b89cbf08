//! Points in time as FTP writes them: always UTC.
//!
//! What this module is not: it reads no clock.

use crate::digits::put;
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
        let mut text = Vec::new();
        self.put_fact(&mut text);
        text.into_iter().map(char::from).collect()
    }

    /// Writes what [`to_fact`](Self::to_fact) gives.
    pub(crate) fn put_fact(self, line: &mut Vec<u8>) {
        let date = self.0;
        let (year, month, day) = date.to_calendar_date();
        let (hour, minute, second) = date.to_hms();
        put::<10>(u64::try_from(year).unwrap_or(0), 4, b'0', line);
        for part in [u8::from(month), day, hour, minute, second] {
            put::<10>(part.into(), 2, b'0', line);
        }
        if date.millisecond() != 0 {
            line.push(b'.');
            put::<10>(date.millisecond().into(), 3, b'0', line);
        }
    }

    /// Date and time as DOS has them: `11-21-26  11:05PM`.
    pub(crate) fn put_dos(self, line: &mut Vec<u8>) {
        let (year, month, day) = self.0.to_calendar_date();
        for (number, end) in [(u8::from(month), b'-'), (day, b'-')] {
            put::<10>(number.into(), 2, b'0', line);
            line.push(end);
        }
        put::<10>(u64::try_from(year.rem_euclid(100)).unwrap_or(0), 2, b'0', line);
        line.extend_from_slice(b"  ");
        let hour = self.0.hour();
        put::<10>(((hour + 11) % 12 + 1).into(), 2, b'0', line);
        line.push(b':');
        put::<10>(self.0.minute().into(), 2, b'0', line);
        line.extend_from_slice(if hour < 12 { b"AM" } else { b"PM" });
    }

    /// Writes the twelve columns of a listing: `Nov  3 17:42` within half a year of `now`, else
    /// `Nov  3  2019`.
    pub(crate) fn put_listing(self, now: Timestamp, line: &mut Vec<u8>) {
        const HALF_A_YEAR: i64 = 182 * 24 * 3600;
        let (year, month, day) = self.0.to_calendar_date();
        let month = usize::from(u8::from(month) - 1) * 3;
        line.extend_from_slice(&b"JanFebMarAprMayJunJulAugSepOctNovDec"[month..month + 3]);
        line.push(b' ');
        put::<10>(day.into(), 2, b' ', line);
        let age = now.0.unix_timestamp() - self.0.unix_timestamp();
        if (-3600..HALF_A_YEAR).contains(&age) {
            line.push(b' ');
            put::<10>(self.0.hour().into(), 2, b'0', line);
            line.push(b':');
            put::<10>(self.0.minute().into(), 2, b'0', line);
        } else {
            put::<10>(u64::try_from(year).unwrap_or(0), 6, b' ', line);
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
        let listed = |text: &str| {
            let mut line = Vec::new();
            Timestamp::parse(text.as_bytes()).unwrap().put_listing(now, &mut line);
            String::from_utf8(line).unwrap()
        };
        assert_eq!(listed("20261103174200"), "Nov  3 17:42");
        assert_eq!(listed("20191103174200"), "Nov  3  2019");
        assert_eq!(listed("20270103174200"), "Jan  3  2027");
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>, seconds: i64, nanoseconds: u32) {
            let _ = Timestamp::parse(&text);
            let time = Timestamp::from_unix(seconds, nanoseconds);
            let mut line = Vec::new();
            time.put_listing(Timestamp::EPOCH, &mut line);
            prop_assert_eq!(line.len(), 12);
            let read = Timestamp::parse(time.to_fact().as_bytes()).unwrap();
            prop_assert_eq!(read.unix().0, time.unix().0);
        }
    }
}
