//! The form of Unix: `ls -l`, as many servers write it, and some that only look like it.

use super::words::{Word, after_space, number, trim_start, words};
use super::{Listed, date};
use crate::entry::Kind;
use crate::time::Timestamp;

/// The letters that a line begins with, and what they are.
fn kind(letter: u8) -> Option<Kind> {
    Some(match letter {
        b'-' | b'f' | b'_' | b'M' | b'C' => Kind::File,
        b'd' => Kind::Directory,
        b'l' => Kind::Symlink,
        b'b' | b'c' | b'p' | b's' | b'D' | b'n' | b'w' | b'P' => Kind::Other,
        _ => return None,
    })
}

/// Permission bits of nine letters; `None` within for question marks, which stand where they are not known.
fn mode(letters: &[u8]) -> Option<Option<u32>> {
    if letters == b"?????????" {
        return Some(None);
    }
    let mut bits = 0;
    for (at, letter) in letters.iter().enumerate() {
        let (bit, special) = (1 << (8 - at), 0o4000 >> (at / 3));
        bits |= match (at % 3, letter) {
            (_, b'-') => 0,
            (0, b'r') | (1, b'w') | (2, b'x') => bit,
            (2, b's') if at < 8 => bit | special,
            (2, b'S' | b'l' | b'L') if at < 8 => special,
            (2, b't') if at == 8 => bit | special,
            (2, b'T') if at == 8 => special,
            _ => return None,
        };
    }
    Some(Some(bits))
}

pub(super) fn parse(line: &[u8], now: Timestamp) -> Option<Listed> {
    let kind = kind(*line.first()?)?;
    let mode = mode(line.get(1..10)?)?;
    // What follows at once tells of access lists and the like.
    let rest = &line[10..];
    let mark = rest.iter().take_while(|byte| matches!(byte, b'+' | b'.' | b'@')).count();
    if mark == 0 && rest.first() != Some(&b' ') {
        return None;
    }
    let rest = &rest[mark..];
    let found = words(rest);
    if mode.is_none() {
        let last = rest.windows(2).rposition(|pair| pair == b"? ")?;
        return Some(Listed::new(kind, trim_start(&rest[last + 2..])));
    }
    let (at, modified, count, gap) = first_date(&found, kind, now)?;
    let name_at = found[at + count - 1].end();
    let name = if gap == 2 { after_space(rest, name_at + 1)? } else { after_space(rest, name_at)? };
    let mut listed = Listed { modified: Some(modified), mode, ..Listed::new(kind, name) };
    let before = &found[..at];
    let (own, before) = match (before.last(), kind) {
        (Some(_), Kind::Other) if is_device(before) => (None, &before[..before.len() - device_words(before)]),
        (Some(last), _) if last.number().is_some() => (last.number(), &before[..before.len() - 1]),
        // Some leave it out for what is no file.
        _ => (None, before),
    };
    listed.size = own;
    if is_old_mac(before, own) {
        return Some(listed);
    }
    if before.iter().any(|word| word.text == b"folder") && kind == Kind::Directory {
        return Some(Listed { size: None, ..listed });
    }
    (listed.owner, listed.group) = people(before);
    if kind == Kind::Symlink {
        part_link(&mut listed);
    }
    Some(listed)
}

/// The first place where there is a number and then a date; for what needs no size, a date of digits is enough.
fn first_date(
    words: &[Word<'_>],
    kind: Kind,
    now: Timestamp,
) -> Option<(usize, super::Modified, usize, usize)> {
    (0..words.len()).find_map(|at| {
        let (modified, count, gap) = date::at(&words[at..], now)?;
        let sized = at > 0 && (words[at - 1].number().is_some() || kind == Kind::Other);
        let digits = words[at].text.starts_with(b"1") || words[at].text.starts_with(b"2");
        (sized || (digits && kind != Kind::File)).then_some((at, modified, count, gap))
    })
}

/// Numbers of a device stand where the size would: `8, 1`, `1,3` or `0x4f`.
fn is_device(before: &[Word<'_>]) -> bool {
    device_words(before) > 0
}

fn device_words(before: &[Word<'_>]) -> usize {
    let text = |back: usize| before.len().checked_sub(back).map_or(&[][..], |at| before[at].text);
    if text(2).ends_with(b",") && number(text(1)).is_some() {
        2
    } else if text(1).contains(&b',') || text(1).starts_with(b"0x") {
        1
    } else {
        0
    }
}

/// Servers of old Macs write the lengths of both forks, and their sum.
fn is_old_mac(before: &[Word<'_>], size: Option<u64>) -> bool {
    match before {
        [resource, data] => match (resource.number(), data.number(), size) {
            (Some(resource), Some(data), Some(size)) => resource.checked_add(data) == Some(size) && size > 0,
            _ => false,
        },
        _ => false,
    }
}

/// Owner and group, of the words between mode and size: the first may be the number of links.
fn people(words: &[Word<'_>]) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    let words = match words {
        [links, rest @ ..] if links.number().is_some() => rest,
        all => all,
    };
    let join = |words: &[Word<'_>]| {
        let joined = words.iter().map(|word| word.text).collect::<Vec<_>>().join(&b' ');
        (!joined.is_empty()).then_some(joined)
    };
    // Accounts of Windows may have spaces in them; a backslash begins one.
    let accounts = words.iter().enumerate().filter(|(_, word)| word.text.contains(&b'\\'));
    let group_at = accounts.map(|(at, _)| at).nth(1).unwrap_or(1).min(words.len());
    (join(&words[..group_at]), join(&words[group_at..]))
}

/// A name and its target: where there are several arrows, the size says how long the target is.
fn part_link(listed: &mut Listed) {
    const ARROW: &[u8] = b" -> ";
    let arrows: Vec<usize> = listed
        .name
        .windows(ARROW.len())
        .enumerate()
        .filter(|(_, part)| *part == ARROW)
        .map(|(at, _)| at)
        .collect();
    let fits = |at: &&usize| listed.size == Some((listed.name.len() - **at - ARROW.len()) as u64);
    if let Some(at) = arrows.iter().find(fits).or(arrows.first()) {
        let target = listed.name.split_off(*at);
        listed.target = Some(target[ARROW.len()..].to_vec());
    }
}
