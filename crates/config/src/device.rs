//! The tables `[[device]]`: clients from another age.

use crate::file::{Check, networks};
use crate::reach::OneOrMore;
use portolan_proto::server::{Device, Quirks};
use portolan_wire::list::Form;
use serde::Deserialize;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Table {
    from: Option<Spanned<OneOrMore>>,
    client: Option<String>,
    user: Option<OneOrMore>,
    #[serde(default)]
    binary: bool,
    #[serde(default = "yes")]
    epsv: bool,
    #[serde(default)]
    listing: Listing,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
enum Listing {
    #[default]
    Unix,
    OldUnix,
    Dos,
}

/// The devices that tables mean; what is wrong is noted.
pub(crate) fn devices(tables: Vec<Table>, check: &mut Check<'_>) -> Vec<Device> {
    let device = |table: Table| Device {
        from: table.from.map(|from| networks(from, check).all().collect()).unwrap_or_default(),
        client: table.client,
        users: match table.user {
            None => Vec::new(),
            Some(OneOrMore::One(user)) => vec![user],
            Some(OneOrMore::More(users)) => users,
        },
        quirks: Quirks {
            binary: table.binary,
            not_extended: !table.epsv,
            form: match table.listing {
                Listing::Unix => Form::Unix,
                Listing::OldUnix => Form::OldUnix,
                Listing::Dos => Form::Dos,
            },
        },
    };
    tables.into_iter().map(device).collect()
}
