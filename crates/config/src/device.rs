//! The tables `[[device]]`: clients from another age.

use crate::file::{Check, networks};
use crate::reach::OneOrMore;
use crate::reference::table;
use portolan_proto::server::{Device, Quirks};
use portolan_wire::list::Form;
use serde::Deserialize;
use toml::Spanned;

table! {
    /// `[[device]]`: a kind of client that is spared something.
    pub(crate) struct Table {
        /// The networks that it comes from.
        from: Option<Spanned<OneOrMore>>,
        /// What is in what it says with CLNT.
        client: Option<String>,
        /// The users that it logs in as.
        user: Option<OneOrMore>,
        /// Whether any TYPE is taken, and bytes travel as they are.
        #[serde(default)]
        binary: bool,
        /// Whether EPSV and EPRT are there. By default they are.
        #[serde(default = "yes")]
        epsv: bool,
        /// The form of LIST: `unix`, `old-unix`, or `dos`.
        #[serde(default)]
        listing: Listing,
    }
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
