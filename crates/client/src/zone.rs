//! The zone of times in listings by `LIST`: servers write their own, and no line of one says which that is.
//!
//! `MDTM` says in UTC when a file was changed (RFC 3659 §3), which beside what the listing says of it tells the zone. The
//! youngest file is asked about, whose time is the likeliest to be written as the clocks of the server are now. What is left
//! wrong: servers that write times as their clocks were then are an hour off for files from the other side of a change to or
//! from summer time; and one that answers `MDTM` in its own zone too, like vsftpd with `use_localtime`, seems to be in UTC.

use crate::client::Client;
use crate::connection::Connection;
use crate::error::Result;
use crate::files::join;
use crate::listing::Listing;
use portolan_wire::listing::{Listed, Modified, Precision};
use portolan_wire::{Kind, Timestamp};

/// Zones are whole quarters of an hour apart.
const QUARTER: i64 = 15 * 60;

/// No zone is further from UTC.
const FURTHEST: i64 = 14 * 3600;

/// Seconds by which both times of a file may differ beside the zone: minutes are cut off, or rounded.
const INEXACT: i64 = 60;

impl Client {
    /// What is in a directory, as by [`Connection::list`]; with times of day in UTC, where the zone of a server that lists
    /// by lines can be found out. That takes one command more, once.
    ///
    /// # Errors
    /// As [`Connection::list`].
    pub async fn list(&self, path: &[u8]) -> Result<Listing> {
        self.run(async |connection| {
            let mut listing = connection.list(path).await?;
            if let Some((name, listed)) = youngest(&listing)
                && connection.features().may_offer("MDTM")
            {
                let ask = async || ask(connection, &join(path, name), listed).await;
                self.zone.get_or_try_init(ask).await?;
            }
            if let Some(Some(east)) = self.zone.get() {
                listing.take_off(*east);
            }
            Ok(listing)
        })
        .await
    }
}

impl Listing {
    /// Makes UTC of times of a zone so many seconds east of it.
    fn take_off(&mut self, east: i64) {
        let times = self.entries.iter_mut().filter_map(|entry| entry.modified.as_mut());
        for modified in times.filter(|modified| needs_zone(modified)) {
            let (seconds, nanoseconds) = modified.time.unix();
            let time = Timestamp::from_unix(seconds - east, nanoseconds);
            *modified = Modified { time, utc: true, ..*modified };
            self.zone = Some(east);
        }
    }
}

/// A day alone does not become another by a zone that was found out for times of day.
fn needs_zone(modified: &Modified) -> bool {
    !modified.utc && modified.precision > Precision::Day
}

/// The youngest file of which the zone could be told.
fn youngest(listing: &Listing) -> Option<(&[u8], Modified)> {
    let can_be_asked = |entry: &&Listed| entry.kind == Kind::File && !entry.name.contains(&b'/');
    let files = listing.entries.iter().filter(can_be_asked);
    let dated = files.filter_map(|entry| Some((&entry.name[..], entry.modified.filter(needs_zone)?)));
    dated.max_by_key(|(_, modified)| modified.time)
}

/// The zone of the server, by what it says of a file that it lists with this time.
async fn ask(connection: &Connection, path: &[u8], listed: Modified) -> Result<Option<i64>> {
    let exact = connection.modified(path).await?;
    Ok(exact.and_then(|exact| east(listed, exact)))
}

/// How many seconds a zone is east of UTC in which these two are one time, if there is such a zone.
fn east(listed: Modified, exact: Timestamp) -> Option<i64> {
    let apart = listed.time.unix().0 - exact.unix().0;
    let east = (apart + QUARTER / 2).div_euclid(QUARTER) * QUARTER;
    // A file that was changed in between says nothing.
    ((apart - east).abs() <= INEXACT && east.abs() <= FURTHEST).then_some(east)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(listed: &str, exact: &str) -> Option<i64> {
        let time = |text: &str| Timestamp::parse(text.as_bytes()).unwrap();
        east(Modified { time: time(listed), precision: Precision::Minute, utc: false }, time(exact))
    }

    #[test]
    fn zones_are_whole_quarters_within_fourteen_hours() {
        for (listed, exact, hours) in [
            ("20260701140500", "20260701120537", Some(2.0)),
            ("20260701120500", "20260701120537", Some(0.0)),
            ("20260701120600", "20260701120537", Some(0.0)),
            ("20260701083500", "20260701120537", Some(-3.5)),
            ("20260701175000", "20260701120537", Some(5.75)),
            ("20260702020500", "20260701120537", Some(14.0)),
            ("20260702030500", "20260701120537", None),
            ("20260630210500", "20260701120537", None),
            // It was changed in between.
            ("20260701140000", "20260701120537", None),
        ] {
            let wanted = hours.map(|hours: f64| (hours * 3600.0) as i64);
            assert_eq!(zone(listed, exact), wanted, "{listed} {exact}");
        }
    }
}
