//! What is measured, and what Portolan has to reach.
//!
//! A row gives everybody the same to do. What that is, is said by the rows of servers, which stand under a load, and by
//! those of clients; here is what both have.

pub(crate) mod clients;
pub(crate) mod servers;
mod turns;

use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// What Portolan is held to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// At most this much of what the best of the others needs.
    AtMost(f64),
    /// At least this much of what the best of the others reaches.
    AtLeast(f64),
    /// Not more than this, whatever the others need.
    NotMore(f64),
}

/// One number that a row gives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figure {
    pub(crate) what: &'static str,
    pub(crate) target: Target,
}

const fn most(what: &'static str, target: f64) -> Figure {
    Figure { what, target: Target::AtMost(target) }
}

const fn absolute(what: &'static str, most: f64) -> Figure {
    Figure { what, target: Target::NotMore(most) }
}

const fn rate(what: &'static str, target: f64) -> Figure {
    Figure { what, target: Target::AtLeast(target) }
}

/// How a row is called, and what it gives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    /// What chooses it on the command line; some rows belong together and have the same.
    pub(crate) id: &'static str,
    pub(crate) what: &'static str,
    pub(crate) figures: &'static [Figure],
}

/// What somebody is in the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Knows just enough of FTP to show what the machine allows.
    BareLoop,
    Portolan,
    /// One that Portolan is measured by.
    Peer,
}

/// Who is measured, as tables name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) name: &'static str,
    /// How, where there are several ways to use it; else empty.
    pub(crate) way: String,
    pub(crate) role: Role,
}

impl Who {
    /// Its name, and how.
    pub(crate) fn label(&self) -> String {
        format!("{} {}", self.name, self.way).trim_end().to_owned()
    }
}

/// What came of a row.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) id: &'static str,
    pub(crate) what: &'static str,
    pub(crate) figures: Vec<Taken>,
    /// Who used the machine meanwhile, in each run, by label; nothing where the load is not ours.
    pub(crate) shares: BTreeMap<String, Vec<Share>>,
    /// Everybody, in the order of turns.
    #[serde(skip)]
    pub(crate) who: Vec<Who>,
}

/// What came of one of its figures: the number of each run, by label.
#[derive(Debug, Serialize)]
pub(crate) struct Taken {
    pub(crate) what: &'static str,
    #[serde(skip)]
    pub(crate) target: Target,
    pub(crate) runs: BTreeMap<String, Vec<f64>>,
}

/// Parts of the time of all cores: of a server, and of the load. What is left of them nobody used.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Share {
    pub(crate) server: f64,
    pub(crate) load: f64,
}

/// How long a server has to become quiet after it has started.
const QUIET: Duration = Duration::from_millis(200);
