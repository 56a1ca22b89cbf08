//! Dates in the shapes that listings have.

use super::words::{Word, number};
use super::{Modified, Precision};
use crate::time::Timestamp;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Names of months, in lower case and without a dot: twelve in each row, of a language or several, those that another row
/// has left out.
const MONTHS: [&str; 13] = [
    "jan feb mar apr may jun jul aug sep oct nov dec",
    "jän - mär/mrz - mai - - - - okt - dez",
    "janv févr/fév mars avr - juin juil août/aoû sept - - déc",
    "gen - - - mag giu lug ago set ott - dic",
    "ene fev - abr - - - - - out - -",
    "- - mrt - mei - - - - - - des",
    "- - - - maj - - - - - - -",
    "sty lut - kwi - cze lip sie wrz paź lis gru",
    "led úno bře dub kvě čen/čvn čec/čvc srp zář říj - pro",
    "янв фев мар апр май/мая июн июл авг сен/сент окт ноя/нояб дек",
    "oca şub - nis - haz tem ağu eyl eki kas ara",
    "- febr márc ápr máj jún júl - szept - - -",
    "tammi helmi maalis huhti touko kesä heinä elo syys loka marras joulu",
];

/// Text in whatever bytes it is: UTF-8, else one of the Western code pages, which agree where months have letters.
fn lower(bytes: &[u8]) -> String {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    };
    text.to_lowercase()
}

/// The month that a word names: 1 to 12.
pub(super) fn month(word: &[u8]) -> Option<u8> {
    if word.len() > 16 {
        return None;
    }
    let word = lower(word);
    if let Some(number) = word.strip_suffix('月').or_else(|| word.strip_suffix('월')) {
        return number.parse().ok().filter(|month| (1..=12).contains(month));
    }
    NUMBERS.get(word.strip_suffix('.').unwrap_or(&word)).copied()
}

/// Months by their names: most words of a listing are none, and each is looked for.
static NUMBERS: LazyLock<HashMap<&str, u8>> = LazyLock::new(|| {
    let in_row = |row: &'static str| (1..).zip(row.split(' '));
    let months = MONTHS.into_iter().flat_map(in_row);
    let names = months.flat_map(|(number, names)| names.split('/').map(move |name| (name, number)));
    names.filter(|(name, _)| *name != "-").collect()
});

fn within(word: &[u8], marks: &[&str], most: u64) -> Option<u64> {
    let mut digits = word;
    for mark in marks {
        digits = digits.strip_suffix(mark.as_bytes()).unwrap_or(digits);
    }
    number(digits).filter(|number| digits.len() <= 4 && *number <= most)
}

fn day(word: &[u8]) -> Option<u8> {
    within(word, &[".", "日", "일"], 31).filter(|day| *day > 0).map(|day| day as u8)
}

fn year(word: &[u8]) -> Option<u16> {
    within(word, &["年", "년"], 9999).filter(|year| *year > 1900).map(|year| year as u16)
}

/// `HH:MM`, or `HH:MM:SS` with a fraction that is left out.
pub(super) fn clock(word: &[u8]) -> Option<(u8, u8, Option<u8>)> {
    let whole = word.split(|byte| *byte == b'.').next()?;
    let mut parts = whole.split(|byte| *byte == b':');
    let two = |part: Option<&[u8]>, most: u64| {
        let part = part.filter(|part| part.len() <= 2)?;
        number(part).filter(|number| *number <= most).map(|number| number as u8)
    };
    let (hour, minute) = (two(parts.next(), 23)?, two(parts.next(), 59)?);
    let second = match parts.next() {
        Some(second) => Some(two(Some(second), 60)?.min(59)),
        None => None,
    };
    parts.next().is_none().then_some((hour, minute, second))
}

/// A year of two digits, or three after 1999.
pub(super) fn short_year(digits: &[u8]) -> Option<u16> {
    let number = number(digits)? as u16;
    match digits.len() {
        2 if number >= 70 => Some(1900 + number),
        2 => Some(2000 + number),
        3 => Some(1900 + number),
        4 => Some(number),
        _ => None,
    }
}

/// A point in time, if there is one.
pub(super) fn time(
    (year, month, day): (u16, u8, u8),
    clock: Option<(u8, u8, Option<u8>)>,
) -> Option<Modified> {
    let (hour, minute, second) = clock.unwrap_or((0, 0, None));
    let text = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{:02}", second.unwrap_or(0));
    let precision = match clock {
        None => Precision::Day,
        Some((_, _, None)) => Precision::Minute,
        Some(_) => Precision::Second,
    };
    Some(Modified { time: Timestamp::parse(text.as_bytes())?, precision, utc: false })
}

/// The same where the year is not said: it is the latest for which this is not in the future. A day is allowed for zones.
fn latest(month: u8, day: u8, clock: (u8, u8, Option<u8>), now: Timestamp) -> Option<Modified> {
    let tomorrow = Timestamp::from_unix(now.unix().0 + 24 * 3600, 0);
    let year: u16 = std::str::from_utf8(&tomorrow.to_fact().into_bytes()[..4]).ok()?.parse().ok()?;
    // The 29th of February is there every fourth year, and once in eight.
    (0..9).find_map(|ago| {
        let found = time((year.checked_sub(ago)?, month, day), Some(clock))?;
        (found.time <= tomorrow).then_some(found)
    })
}

/// A date of `YYYY-MM-DD`.
pub(super) fn iso(word: &[u8], separator: u8) -> Option<(u16, u8, u8)> {
    let parts: Vec<&[u8]> = word.split(|byte| *byte == separator).take(4).collect();
    match parts[..] {
        [year, month, day] if year.len() == 4 && month.len() == 2 && day.len() == 2 => {
            Some((number(year)? as u16, number(month)? as u8, number(day)? as u8))
        }
        _ => None,
    }
}

/// The date that begins with the first of these words, and how many of them it takes. What stands between it and a name is
/// one space, or two where this says so.
pub(super) fn at(words: &[Word<'_>], now: Timestamp) -> Option<(Modified, usize, usize)> {
    let text = |number: usize| words.get(number).map_or(&[][..], |word| word.text);
    if let Some(date) = iso(text(0), b'-') {
        return Some(match clock(text(1)) {
            Some(clock) => match zone(text(2)) {
                Some(east) => {
                    let local = time(date, Some(clock))?;
                    let utc = Timestamp::from_unix(local.time.unix().0 - east, 0);
                    (Modified { time: utc, utc: true, ..local }, 3, 1)
                }
                None => (time(date, Some(clock))?, 2, 1),
            },
            None => (time(date, None)?, 1, 2),
        });
    }
    if let [month @ .., b'-', _, _] = text(0)
        && month.len() == 2
        && let (Some(month), Some(day), Some(clock)) = (number(month), number(&text(0)[3..]), clock(text(1)))
    {
        return Some((latest(month as u8, day as u8, clock, now)?, 2, 1));
    }
    let (month, day) = match (month(text(0)), day(text(1))) {
        (Some(month), Some(day)) => (month, day),
        _ => (month(text(1))?, day(text(0))?),
    };
    match (clock(text(2)), year(text(2))) {
        (Some(clock @ (_, _, Some(_))), _) => Some((time((year(text(3))?, month, day), Some(clock))?, 4, 1)),
        (Some(clock), _) => Some((latest(month, day, clock, now)?, 3, 1)),
        (None, Some(year)) => Some((time((year, month, day), None)?, 3, 1)),
        (None, None) => None,
    }
}

/// `+HHMM`: seconds east of UTC.
fn zone(word: &[u8]) -> Option<i64> {
    let (sign, digits) = match word {
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let number = number(digits).filter(|_| digits.len() == 4)? as i64;
    Some(sign * (number / 100 * 3600 + number % 100 * 60))
}
