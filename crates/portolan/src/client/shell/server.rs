//! A server that is open, and what is known of it. Where one is there is known to [`super::session`].

use crate::Exit;
use crate::args::Reach;
use crate::client::reach::{client, finish};
use crate::client::report::at;
use portolan_client::{Client, Url};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long names are taken for what they were.
const FRESH: Duration = Duration::from_secs(30);

/// How long somebody who has pressed Tab is kept waiting.
const PATIENCE: Duration = Duration::from_secs(5);

/// A name, and whether it is that of a folder.
pub(super) type Named = (String, bool);

/// Names in folders, and since when they are known.
type Listings = HashMap<Vec<u8>, (Instant, Vec<Named>)>;

pub(super) struct Server {
    pub(super) client: Client,
    pub(super) url: Url,
    pub(super) reach: Reach,
    /// Where one is after the login, if paths there begin with a slash; else nothing.
    pub(super) home: Vec<u8>,
    listings: Mutex<Listings>,
}

impl Server {
    /// Connects and logs in.
    pub(super) async fn open(url: &Url, reach: Reach, sessions: Option<usize>) -> Result<Server, Exit> {
        let client = client(url, &reach, sessions).await?;
        let home = client.run(async |connection| connection.home().await.map(<[u8]>::to_vec)).await;
        let mut home = home.map_err(|error| at(url, &error))?;
        if !home.starts_with(b"/") {
            home.clear();
        }
        let user = reach.user.clone().map(String::into_bytes);
        let url = Url { user: user.or_else(|| url.user.clone()), password: None, ..url.clone() };
        Ok(Server { client, url, reach, home, listings: Mutex::default() })
    }

    /// Says goodbye.
    pub(super) async fn close(self) {
        finish(&self.url, &self.reach, self.client).await;
    }

    /// Names in a folder that can be typed; nothing where they cannot be had.
    pub(super) async fn names(&self, folder: &[u8]) -> Vec<Named> {
        let fresh = |(since, names): &(Instant, Vec<Named>)| (since.elapsed() < FRESH).then(|| names.clone());
        if let Some(names) = self.listings().get(folder).and_then(fresh) {
            return names;
        }
        let listing = self.client.run_once(async |connection| connection.list(folder).await);
        let Ok(Ok(listing)) = tokio::time::timeout(PATIENCE, listing).await else { return Vec::new() };
        let typed = |name: &[u8]| {
            let name = std::str::from_utf8(name).ok()?;
            (!name.contains(|character: char| character == '/' || character.is_control()))
                .then(|| name.to_owned())
        };
        let named =
            listing.entries.iter().filter_map(|entry| Some((typed(&entry.name)?, entry.is_directory())));
        let names: Vec<Named> = named.collect();
        self.listings().insert(folder.to_vec(), (Instant::now(), names.clone()));
        names
    }

    /// Names may be others from now on.
    pub(super) fn forget_names(&self) {
        self.listings().clear();
    }

    fn listings(&self) -> MutexGuard<'_, Listings> {
        self.listings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
