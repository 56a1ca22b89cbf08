//! Listings as servers send them, and what our own server writes, read back.
#![allow(clippy::unwrap_used)]

use portolan_wire::facts::{FactSet, write_facts};
use portolan_wire::list::{Form, write_long};
use portolan_wire::listing::{Line, ListReader, Listed, Precision, parse_facts};
use portolan_wire::permissions::Permissions;
use portolan_wire::{Entry, Kind, Timestamp};
use proptest::prelude::*;

fn bytes(field: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), field.as_bytes());
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'\\', [b't', more @ ..]) => (out.push(b'\t'), rest = more).1,
            (b'\\', [b'n', more @ ..]) => (out.push(b'\n'), rest = more).1,
            (b'\\', [b'\\', more @ ..]) => (out.push(b'\\'), rest = more).1,
            (b'\\', [b'x', high, low, more @ ..]) => {
                let digits = [*high, *low];
                out.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                rest = more;
            }
            (byte, _) => out.push(*byte),
        }
    }
    out
}

fn now() -> Timestamp {
    Timestamp::parse(b"20260615120000").unwrap()
}

/// An entry in the words of the table.
fn fields(entry: &Listed) -> [Vec<u8>; 9] {
    let text = |text: &Option<Vec<u8>>| text.clone().unwrap_or(b"-".to_vec());
    let kind: &[u8] = match entry.kind {
        Kind::File => b"file",
        Kind::Directory => b"dir",
        Kind::Symlink => b"link",
        Kind::Other => b"other",
    };
    let time = entry.modified.map(|modified| {
        let fact = modified.time.to_fact();
        let text =
            format!("{}-{}-{}T{}:{}", &fact[..4], &fact[4..6], &fact[6..8], &fact[8..10], &fact[10..12]);
        if modified.precision == Precision::Second { format!("{text}:{}", &fact[12..14]) } else { text }
    });
    let precision = entry.modified.map(|modified| format!("{:?}", modified.precision).to_lowercase());
    [
        kind.to_vec(),
        entry.name.clone(),
        entry.size.map_or("-".to_owned(), |size| size.to_string()).into_bytes(),
        time.unwrap_or("-".to_owned()).into_bytes(),
        precision.unwrap_or("-".to_owned()).into_bytes(),
        entry.mode.map_or("-".to_owned(), |mode| format!("{mode:03o}")).into_bytes(),
        text(&entry.owner),
        text(&entry.group),
        text(&entry.target),
    ]
}

#[test]
fn p11_lines_of_real_servers() {
    let table = include_str!("listing.txt");
    let (mut reader, mut form, mut checked, mut wrong) = (ListReader::new(now()), "", 0, Vec::new());
    for row in table.lines().filter(|row| !row.is_empty() && !row.starts_with('#')) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [name, rest @ .., line] = &columns[..] else { panic!("{row}") };
        if *name != form || !name.starts_with("mvs-") {
            (reader, form) = (ListReader::new(now()), name);
        }
        let line = bytes(line);
        let read = if *name == "mlsd" {
            parse_facts(&line)
        } else {
            line.split(|byte| *byte == b'\n').map(|part| reader.take(part)).last().unwrap()
        };
        let got: Vec<Vec<u8>> = match &read {
            Line::Entry(entry) => fields(entry).to_vec(),
            Line::Noise => vec![b"none".to_vec()],
            Line::Unknown => vec![b"unknown".to_vec()],
        };
        let same = got.iter().zip(rest).all(|(got, wanted)| *wanted == "?" || *got == bytes(wanted));
        if !same {
            let got: Vec<String> =
                got.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
            wrong.push(format!("{row}\n    read as {got:?}"));
        }
        checked += 1;
    }
    assert!(wrong.is_empty(), "{} of {checked}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(checked > 250);
}

prop_compose! {
    fn entry()(
        name in proptest::collection::vec(any::<u8>().prop_filter("ends a line", |byte| !matches!(byte, 0 | b'\r' | b'\n')), 1..40)
            .prop_filter("has a meaning", |name| name != b"." && name != b".."),
        target in proptest::collection::vec(b'!'..=b'~', 1..20),
        kind in prop_oneof![Just(Kind::File), Just(Kind::Directory), Just(Kind::Symlink)],
        size: u64,
        seconds in 0i64..4_000_000_000,
        mode in 0u32..0o1000,
        owner: u32,
        group: u32,
        links in 1u64..100_000,
    ) -> Entry {
        let target = (kind == Kind::Symlink).then_some(target);
        let size = target.as_ref().map_or(size, |target| target.len() as u64);
        Entry {
            name, kind, size, mode, owner, group, links, target,
            modified: Timestamp::from_unix(seconds, 0),
            created: None,
            identity: (1, 2),
            permissions: Permissions::all(kind),
        }
    }
}

proptest! {
    #[test]
    fn what_the_server_lists_is_read_back(entry in entry(), age in 0i64..2_000_000_000) {
        let now = Timestamp::from_unix(entry.modified.unix().0 + age, 0);
        let mut line = Vec::new();
        write_long(&entry, &entry.name, Form::Unix, now, &mut line);
        let Line::Entry(read) = ListReader::new(now).take(&line) else { panic!("{}", String::from_utf8_lossy(&line)) };
        prop_assert_eq!((&read.name, read.kind, read.size), (&entry.name, entry.kind, Some(entry.size)));
        prop_assert_eq!((read.mode, &read.target), (Some(entry.mode), &entry.target));
        prop_assert_eq!(read.owner.unwrap(), entry.owner.to_string().into_bytes());
        prop_assert_eq!(read.group.unwrap(), entry.group.to_string().into_bytes());
        let modified = read.modified.unwrap();
        let unit = if modified.precision == Precision::Day { 24 * 3600 } else { 60 };
        prop_assert_eq!(modified.time.unix().0, entry.modified.unix().0 / unit * unit);
    }

    #[test]
    fn what_the_server_says_in_facts_is_read_back(entry in entry()) {
        let all: Vec<u8> = portolan_wire::facts::Fact::ALL.iter().flat_map(|fact| [fact.as_str().as_bytes(), b";"].concat()).collect();
        let mut line = Vec::new();
        write_facts(&entry, FactSet::parse(&all), &mut line);
        line.extend_from_slice(&entry.name);
        let Line::Entry(read) = parse_facts(&line) else { panic!("{}", String::from_utf8_lossy(&line)) };
        prop_assert_eq!((&read.name, read.kind), (&entry.name, entry.kind));
        prop_assert_eq!(read.size, (entry.kind == Kind::File).then_some(entry.size));
        prop_assert_eq!(read.modified.unwrap().time, entry.modified);
        prop_assert_eq!(read.mode, Some(entry.mode));
        prop_assert_eq!(read.target.is_some(), entry.target.as_ref().is_some_and(|target| !target.contains(&b';')));
        prop_assert_eq!(read.owner.unwrap(), entry.owner.to_string().into_bytes());
    }

    #[test]
    fn no_line_panics(lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..5)) {
        let mut reader = ListReader::new(now());
        for line in lines {
            let _ = reader.take(&line);
            let _ = parse_facts(&line);
        }
    }

    #[test]
    fn no_line_of_known_words_panics(words in proptest::collection::vec(prop_oneof![
        Just("-rw-r--r--"), Just("drwxr-xr-x"), Just("1"), Just("99999999999999999999"), Just("Feb"), Just("29"), Just("12:30"),
        Just("2024"), Just("<DIR>"), Just("03-05-23"), Just("02:22PM"), Just("A.B;1"), Just("5-MAR-2023"), Just("->"), Just("*DIR"),
        Just("["), Just("]"), Just("+i1,/,\tx"), Just("type=dir;"), Just("F"), Just("1月"), Just(""), Just("99-99-99"), Just("00:00")
    ], 0..12)) {
        let line = words.join(" ");
        let _ = ListReader::new(now()).take(line.as_bytes());
        let _ = parse_facts(line.as_bytes());
    }
}
