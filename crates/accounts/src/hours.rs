//! Hours of the week. What this module is not: it reads no clock.

use crate::value::Value;

/// Minutes of a day, and of a week.
const DAY: u16 = 24 * 60;
const WEEK: u16 = 7 * DAY;

/// Days, from the first of the week on.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Hours of the week in which something is allowed; without any, always.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hours {
    /// As it was written.
    text: String,
    /// First minute of the week, and how many: at most a week. A stretch may go on into the next week.
    stretches: Vec<(u16, u16)>,
}

/// Whether something is allowed at a minute of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// It is, without an end.
    Always,
    /// It is, for so many minutes.
    For(u16),
    /// It is not.
    Closed,
}

impl Hours {
    /// Whether it is allowed at this minute of the week, which begins on Monday at midnight.
    pub fn at(&self, minute: u16) -> Open {
        if self.stretches.is_empty() {
            return Open::Always;
        }
        let (begin, mut now) = (minute % WEEK, minute % WEEK);
        let mut left = 0;
        // One stretch may begin where another ends.
        while let Some(more) = self.left_of_one(now) {
            left += more;
            if left >= WEEK {
                return Open::Always;
            }
            now = (begin + left) % WEEK;
        }
        if left == 0 { Open::Closed } else { Open::For(left) }
    }

    /// True when it is always allowed, since nothing else is said.
    pub fn is_empty(&self) -> bool {
        self.stretches.is_empty()
    }

    /// Minutes from this one of the week on until it is allowed, where it is not.
    pub fn opens_in(&self, minute: u16) -> Option<u16> {
        let until = |(from, _): &(u16, u16)| (WEEK + from - minute % WEEK) % WEEK;
        self.stretches.iter().map(until).min()
    }

    /// Minutes that are left of the stretch that this minute is in, and which has the most.
    fn left_of_one(&self, minute: u16) -> Option<u16> {
        let left = |(from, length): &(u16, u16)| {
            let since = (minute + WEEK - from) % WEEK;
            length.checked_sub(since).filter(|left| *left > 0)
        };
        self.stretches.iter().filter_map(left).max()
    }
}

impl Value for Hours {
    fn parse(text: &str) -> Result<Hours, String> {
        let mut stretches = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let parsed = stretch(part);
            stretches.extend(parsed.ok_or_else(|| {
                format!("`{part}` is no time of the week; write it like Mon-Fri 08:00-18:00, or Sat")
            })?);
        }
        Ok(Hours { text: text.trim().to_owned(), stretches })
    }

    fn to_text(&self) -> String {
        self.text.clone()
    }
}

/// Reads `Mon-Fri 08:00-18:00`, a day or several alone, or hours of every day.
fn stretch(text: &str) -> Option<Vec<(u16, u16)>> {
    let mut words = text.split_whitespace();
    let (first, second, more) = (words.next()?, words.next(), words.next());
    let (days, hours) = match (second, first.as_bytes()[0].is_ascii_digit()) {
        (None, true) => ("Mon-Sun", first),
        (None, false) => (first, "00:00-24:00"),
        (Some(hours), _) => (first, hours),
    };
    let (first, last) = days.split_once('-').unwrap_or((days, days));
    let (first, last) = (day(first)?, day(last)?);
    let (from, to) = hours.split_once('-')?;
    let (from, to) = (clock(from)?, clock(to)?);
    // What ends before it begins ends on the next day.
    let length = if from < to { to - from } else { to + DAY - from };
    let count = (last + 7 - first) % 7 + 1;
    let days = (0..count).map(|number| (first + number) % 7);
    (more.is_none() && from < DAY).then(|| days.map(|day| (day * DAY + from, length)).collect())
}

fn day(text: &str) -> Option<u16> {
    let number = DAYS.iter().position(|day| day.eq_ignore_ascii_case(text))?;
    u16::try_from(number).ok()
}

/// Minutes since midnight; 24:00 is the end of the day.
fn clock(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60 || (hours, minutes) == (24, 0)).then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The minute of the week.
    fn at(day: u16, hours: u16, minutes: u16) -> u16 {
        day * DAY + hours * 60 + minutes
    }

    #[test]
    fn it_is_known_when_it_opens() {
        let hours = Hours::parse("Tue 08:00-12:00, Sat 22:00-02:00").unwrap_or_default();
        let minute = |day: u16, hour: u16| day * DAY + hour * 60;
        for (day, hour, opens) in [(0, 8, DAY), (1, 7, 60), (1, 13, 4 * DAY + 9 * 60), (6, 8, 2 * DAY)] {
            assert_eq!(hours.at(minute(day, hour)), Open::Closed);
            assert_eq!(hours.opens_in(minute(day, hour)), Some(opens), "{day} {hour}");
        }
        assert_eq!(Hours::default().opens_in(0), None);
    }

    #[test]
    fn hours_are_open_and_closed() {
        for (text, minute, expected) in [
            ("", 77, Open::Always),
            ("Mon-Fri 08:00-18:00", at(0, 8, 0), Open::For(600)),
            ("Mon-Fri 08:00-18:00", at(4, 17, 59), Open::For(1)),
            ("Mon-Fri 08:00-18:00", at(4, 18, 0), Open::Closed),
            ("Mon-Fri 08:00-18:00", at(5, 12, 0), Open::Closed),
            ("mon-fri 08:00-18:00, Sat 09:00-12:00", at(5, 11, 0), Open::For(60)),
            ("Sat-Mon", at(0, 12, 0), Open::For(720)),
            ("Sat-Mon", at(5, 0, 0), Open::For(3 * DAY)),
            ("22:00-06:00", at(3, 23, 0), Open::For(420)),
            ("22:00-06:00", at(0, 5, 0), Open::For(60)),
            ("Sun 22:00-06:00", at(0, 5, 0), Open::For(60)),
            ("Sun 22:00-06:00", at(1, 5, 0), Open::Closed),
            ("Mon-Sun", at(3, 3, 3), Open::Always),
            ("00:00-12:00, 12:00-24:00", at(2, 2, 2), Open::Always),
        ] {
            assert_eq!(Hours::parse(text).unwrap().at(minute), expected, "{text} {minute}");
        }
    }

    #[test]
    fn t24_what_is_no_time_is_refused() {
        for text in [
            "always",
            "Mon 8-18",
            "Mon 08:00",
            "Mo 08:00-18:00",
            "Mon 24:00-24:00",
            "Mon 08:61-09:00",
            "Mon 1:00-2:00 x",
        ] {
            assert!(Hours::parse(text).is_err(), "{text}");
        }
    }
}
